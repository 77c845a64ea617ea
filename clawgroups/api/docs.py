"""A small OpenAPI page of our own: the usual ones load scripts from other servers."""

from __future__ import annotations

from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

router = APIRouter()
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}
h2{margin-top:2rem}details{border:1px solid #8885;border-radius:6px;margin:.4rem 0;padding:.4rem .8rem}
summary{cursor:pointer}code,pre{font:13px/1.5 ui-monospace,monospace}b{display:inline-block;min-width:4rem}
td,th{text-align:left;padding:.1rem 1rem .1rem 0;vertical-align:top}
"""


@router.get("/docs")
async def page(request: Request) -> HTMLResponse:
    """Every address with its fields, made from the OpenAPI description."""
    schema = request.app.openapi()
    parts = [f"<h1>{escape(schema['info']['title'])} API</h1><p><a href='openapi.json'>openapi.json</a></p>"]
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            parts.append(_operation(method, path, operation, schema))
    body = f"<!doctype html><html lang=en><meta charset=utf-8><title>API</title><style>{_STYLE}</style>{''.join(parts)}"
    return HTMLResponse(body)


def _operation(method: str, path: str, operation: dict[str, Any], schema: dict[str, Any]) -> str:
    rows = [(p["name"], p["in"], p.get("schema", {})) for p in operation.get("parameters", [])]
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    if "$ref" in content:
        model = schema["components"]["schemas"][content["$ref"].rsplit("/", 1)[-1]]
        needed = set(model.get("required", []))
        rows += [(n, "body" + (", required" if n in needed else ""), s) for n, s in model["properties"].items()]
    fields = "".join(
        f"<tr><td><code>{escape(name)}</code><td>{escape(where)}<td>{escape(_type(kind))}" for name, where, kind in rows
    )
    told = escape(operation.get("description", ""))
    head = f"<b>{method.upper()}</b> <code>{escape(path)}</code> {told}"
    return f"<details><summary>{head}</summary><table>{fields or '<tr><td>no fields'}</table></details>"


def _type(kind: dict[str, Any]) -> str:
    if "enum" in kind:
        return " | ".join(str(value) for value in kind["enum"])
    if "anyOf" in kind:
        return " or ".join(_type(option) for option in kind["anyOf"])
    return str(kind.get("type") or kind.get("$ref", "").rsplit("/", 1)[-1])
