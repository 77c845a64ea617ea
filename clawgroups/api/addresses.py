"""All addresses of the API, read from its own OpenAPI description: what may be asked where, and with which fields."""

from __future__ import annotations

import re
from typing import Any

from fastapi import FastAPI
from msgspec import Struct

FEED = re.compile(r"/api/v1/(groups/[^/]+/feed|agents/[^/]+/terminal)")
PAGES = frozenset({"/api/v1/docs", "/api/v1/openapi.json"})


class Address(Struct, frozen=True):
    """One address with its methods; ``fields`` lists the body's fields by method."""

    pattern: re.Pattern[str]
    methods: frozenset[str]
    fields: dict[str, dict[str, Any]]

    @property
    def allow(self) -> str:
        """For the header of that name."""
        methods = self.methods | {"OPTIONS"} | ({"HEAD"} if "GET" in self.methods else set())
        return ", ".join(sorted(methods))


def address_of(app: FastAPI, path: str) -> Address | None:
    """The address that answers ``path``; None where there is none. The exact one wins over one with parameters."""
    if path in PAGES:
        return Address(re.compile(re.escape(path)), frozenset({"GET"}), {})
    fitting = [address for address in _addresses(app) if address.pattern.fullmatch(path)]
    return min(fitting, key=lambda address: address.pattern.groups, default=None)


def body_of(schema: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any]:
    """The object schema of an operation's JSON body; empty where it takes none."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    return resolved(schema, content)


def resolved(schema: dict[str, Any], kind: dict[str, Any]) -> dict[str, Any]:
    """Follows a reference into the components, through an ``anyOf`` or ``allOf`` with one."""
    for option in (kind, *kind.get("anyOf", ()), *kind.get("allOf", ())):
        if "$ref" in option:
            return dict(schema["components"]["schemas"][option["$ref"].rsplit("/", 1)[-1]])
    return kind


def _addresses(app: FastAPI) -> list[Address]:
    known: list[Address] | None = getattr(app.state, "addresses", None)
    if known is None:
        schema = app.openapi()
        known = app.state.addresses = [_address(schema, path, found) for path, found in schema["paths"].items()]
    return known


def _address(schema: dict[str, Any], path: str, operations: dict[str, Any]) -> Address:
    parts = re.split(r"\{(\w+)\}", path)
    pattern = "".join(
        ("(.+)" if part == "path" else "([^/]+)") if number % 2 else re.escape(part)
        for number, part in enumerate(parts)
    )
    fields = {method.upper(): body_of(schema, operation) for method, operation in operations.items()}
    return Address(re.compile(pattern), frozenset(fields), fields)
