"""A small OpenAPI page of our own: the usual ones load scripts from other servers."""

from __future__ import annotations

from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from clawgroups.api.addresses import body_of, resolved

router = APIRouter()
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}
h2{margin-top:2rem}details{border:1px solid #8885;border-radius:6px;margin:.4rem 0;padding:.4rem .8rem}
summary{cursor:pointer}code,pre{font:13px/1.5 ui-monospace,monospace}b{display:inline-block;min-width:4rem}
td,th{text-align:left;padding:.1rem 1rem .1rem 0;vertical-align:top}
"""
_INTRO = """
<p>Bodies are JSON. Every error has one shape: <code>{"error": {"code", "sentence", "hint"}}</code>; some codes add
fields. Besides the errors listed with each address, any may answer 403 (foreign: another host or origin), 405
(method_not_allowed) and 500 (internal). The feed is a websocket at <code>/api/v1/groups/{group_id}/feed</code>.</p>
"""


@router.get("/docs")
async def page(request: Request) -> HTMLResponse:
    """Every address with its fields, made from the OpenAPI description."""
    schema = request.app.openapi()
    parts = [f"<h1>{escape(schema['info']['title'])} API</h1><p><a href='openapi.json'>openapi.json</a></p>", _INTRO]
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            parts.append(_operation(method, path, operation, schema))
    body = f"<!doctype html><html lang=en><meta charset=utf-8><title>API</title><style>{_STYLE}</style>{''.join(parts)}"
    return HTMLResponse(body)


def _operation(method: str, path: str, operation: dict[str, Any], schema: dict[str, Any]) -> str:
    rows = [(p["name"], p["in"], p.get("schema", {})) for p in operation.get("parameters", [])]
    body = body_of(schema, operation)
    needed = set(body.get("required", []))
    rows += [(n, "body" + (", required" if n in needed else ""), s) for n, s in body.get("properties", {}).items()]
    fields = "".join(
        f"<tr><td><code>{escape(name)}</code><td>{escape(where)}<td>{escape(_type(kind, schema))}"
        for name, where, kind in rows
    )
    errors = "".join(
        f"<tr><td>{status}<td colspan=2>{escape(found['description'])}"
        for status, found in operation["responses"].items()
        if int(status) >= 400
    )
    told = escape(operation.get("description", ""))
    head = f"<b>{method.upper()}</b> <code>{escape(path)}</code> {told}"
    none = "<tr><td colspan=3>no fields"
    return f"<details><summary>{head}</summary><table>{fields or none}<tr><th>Errors{errors}</table></details>"


def _type(kind: dict[str, Any], schema: dict[str, Any]) -> str:
    if "anyOf" in kind:
        return " or ".join(_type(option, schema) for option in kind["anyOf"])
    kind = resolved(schema, kind)
    if "enum" in kind:
        return " | ".join(str(value) for value in kind["enum"])
    if kind.get("type") == "object" and "properties" in kind:
        return "{" + ", ".join(kind["properties"]) + "}"
    if kind.get("type") == "array":
        return f"list of {_type(kind.get('items', {}), schema)}"
    return str(kind.get("type", "any"))
