"""A small OpenAPI page of our own: the usual ones load scripts from other servers."""

from __future__ import annotations

import json
import re
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from clawgroups.api.addresses import body_of, resolved

router = APIRouter()
Json = dict[str, Any]
SECTIONS = {
    "groups": "Groups",
    "agents": "Sub-agents",
    "requests": "Requests",
    "members": "Members",
    "offers": "Members",
    **dict.fromkeys(("me", "sign-in", "sign-out", "set-up", "invitation", "accounts"), "People"),
}
OTHERS = "This server"
_STYLE = """
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--dim:light-dark(#5c6370,#9aa3b2);
--link:light-dark(#1d5fd1,#7fb0ff);--get:light-dark(#1d5fd1,#7fb0ff);--post:light-dark(#0f7a45,#5fd39a);--delete:light-dark(#b3261e,#ff8a80)}
body{font:15px/1.5 system-ui,sans-serif;max-width:64rem;margin:0 auto;padding:1.5rem 1rem 4rem;
background:light-dark(#fff,#14171c);color:light-dark(#1b1f24,#e4e8ee)}
a{color:var(--link)}h1{margin:0 0 .25rem;font-size:1.7rem}h2{margin:2rem 0 .5rem;font-size:1.15rem}
nav{display:flex;flex-wrap:wrap;gap:.25rem 1rem;margin:.5rem 0 1rem}code{font:13px/1.5 ui-monospace,monospace}
details{border:1px solid var(--line);border-radius:8px;margin:.35rem 0}details[open]{background:var(--soft)}
summary{cursor:pointer;padding:.4rem .8rem;display:grid;grid-template-columns:4.2rem minmax(0,23rem) minmax(0,1fr);
gap:.2rem .8rem;align-items:baseline;list-style:none}summary::-webkit-details-marker{display:none}
summary:focus-visible{outline:2px solid var(--link);border-radius:8px}
summary b{font-size:12px;letter-spacing:.04em}summary code{overflow-wrap:anywhere}summary span{color:var(--dim)}
.get{color:var(--get)}.post{color:var(--post)}.delete{color:var(--delete)}
.more{padding:.2rem .8rem .8rem;overflow-x:auto}table{border-collapse:collapse;width:100%;margin-top:.4rem}
th{font-size:12px;font-weight:600;color:var(--dim)}td,th{text-align:left;padding:.2rem 1rem .2rem 0;vertical-align:top;
border-bottom:1px solid var(--line)}td:first-child,th:first-child{width:11rem}.more p{margin:.4rem 0 0;color:var(--dim)}
@media(max-width:48rem){summary{grid-template-columns:4.2rem minmax(0,1fr)}summary span{grid-column:2}}
"""
_INTRO = """
<p>Bodies are JSON. Every error has one shape: <code>{"error": {"code", "sentence", "hint"}}</code>; some codes add
fields. Besides the errors listed with each address, any may answer 401 (<code>not_signed_in</code>, where people have
accounts), 403 (<code>foreign</code>: another host or origin; <code>forbidden</code>: your role does not allow it),
405 (<code>method_not_allowed</code>) and 500 (<code>internal</code>). The feed is a websocket at
<code>/api/v1/groups/{group_id}/feed</code>. <a href="openapi.json">openapi.json</a> holds all of this for programs.</p>
"""


@router.get("/docs")
async def page(request: Request) -> HTMLResponse:
    """Every address with its fields, made from the OpenAPI description."""
    schema = request.app.openapi()
    parts: dict[str, list[str]] = {name: [] for name in [*SECTIONS.values(), OTHERS]}
    for path, methods in schema["paths"].items():
        section = parts[SECTIONS.get(path.split("/")[3], OTHERS)]
        section += [_operation(method, path, operation, schema) for method, operation in methods.items()]
    links = "".join(f'<a href="#{_anchor(name)}">{escape(name)}</a>' for name in parts)
    listed = "".join(f'<h2 id="{_anchor(name)}">{escape(name)}</h2>{"".join(found)}' for name, found in parts.items())
    title = f"{escape(schema['info']['title'])} API"
    head = (
        '<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width">'
        f'<title>{title}</title><link rel=icon href="data:,"><style>{_STYLE}</style>'
    )
    return HTMLResponse(f"{head}<h1>{title}</h1>{_INTRO}<nav>{links}</nav>{listed}")


def _anchor(name: str) -> str:
    return re.sub(r"\W+", "-", name.lower())


def _operation(method: str, path: str, operation: Json, schema: Json) -> str:
    told = escape(" ".join(operation.get("description", "").split()))
    told = re.sub(r"``(.+?)``", r"<code>\1</code>", told)
    name = f"<b class={method}>{method.upper()}</b>"
    head = f"<summary>{name}<code>{escape(path)}</code><span>{told}</span></summary>"
    fields = "".join(_row(*row, schema) for row in _fields(operation, schema))
    header = "<tr><th>Field<th>Where<th>Value"
    table = f"<table>{header}{fields}</table>" if fields else "<p>It takes no fields.</p>"
    errors = "".join(
        f"<tr><td>{status}<td>{escape(found['description'])}"
        for status, found in operation["responses"].items()
        if int(status) >= 400
    )
    wrong = f"<table><tr><th>Status<th>When it does not work{errors}</table>" if errors else ""
    return f"<details>{head}<div class=more>{table}{wrong}</div></details>"


def _fields(operation: Json, schema: Json) -> list[tuple[str, str, Json]]:
    rows = [
        (p["name"], p["in"] + (", required" if p.get("required") else ""), p.get("schema", {}))
        for p in operation.get("parameters", [])
    ]
    body = body_of(schema, operation)
    needed = set(body.get("required", []))
    properties = body.get("properties", {})
    return rows + [(n, "body" + (", required" if n in needed else ""), s) for n, s in properties.items()]


def _row(name: str, where: str, kind: Json, schema: Json) -> str:
    return f"<tr><td><code>{escape(name)}</code><td>{escape(where)}<td>{escape(_type(kind, schema))}{_rest(kind)}"


def _rest(kind: Json) -> str:
    """The default, where there is one that says something."""
    default = kind.get("default")
    if default in (None, "", [], {}):
        return ""
    told = default if isinstance(default, str) else json.dumps(default)
    return f" (<code>{escape(told)}</code> when left out)"


def _type(kind: Json, schema: Json) -> str:
    if "anyOf" in kind:
        return " or ".join(_type(option, schema) for option in kind["anyOf"])
    kind = resolved(schema, kind)
    if "enum" in kind:
        return " | ".join(str(value) for value in kind["enum"])
    if kind.get("type") == "object" and "properties" in kind:
        return "{" + ", ".join(kind["properties"]) + "}"
    if kind.get("type") == "array":
        return f"list of {_type(kind.get('items', {}), schema)}"
    return f"{kind.get('type', 'any')}{_bounds(kind)}"


def _bounds(kind: Json) -> str:
    least, most = kind.get("minimum"), kind.get("maximum")
    if least is None or most is None:
        return ""
    return f", at least {least:,g}" if most >= 2**53 else f", {least:,g} to {most:,g}"
