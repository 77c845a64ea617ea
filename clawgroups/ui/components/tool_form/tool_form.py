"""Calls a tool by hand: the form is made from its JSON schema, and checked against it on both sides."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from nicegui.element import Element
from nicegui.events import GenericEventArguments

from clawgroups.ui.components.style import own_style

OnCall = Callable[[str, dict[str, Any]], Awaitable[bool]]


class ToolForm(Element, component="tool_form.js"):
    """``on_call`` gets the tool's name and its arguments, and says whether the call was accepted.

    ``keep`` names the drafts in the browser's storage. Arguments that do not fit the schema never reach ``on_call``:
    what is wrong is shown at the field.
    """

    def __init__(self, keep: str, on_call: OnCall) -> None:
        super().__init__()
        own_style(self, __file__)
        self._tools: list[dict[str, Any]] = []
        self._on_call = on_call
        self._props["keep"] = keep
        self._props["tools"] = []
        self._props["off"] = ""
        self._props["running"] = ""
        self._props["request"] = False
        self.on("call", self._called, args=["name", "arguments"])

    def show(self, tools: Sequence[dict[str, Any]], off: str, running: str, *, asked: bool = False) -> None:
        """``off``: why nothing can be called now; ``running``: the calls that are under way.

        ``asked``: what is in the way is a request on this page, to which a button leads.
        """
        present = (self._props["tools"], self._props["off"], self._props["running"], self._props["request"])
        if present != (list(tools), off, running, asked):
            self._tools = list(tools)
            self._props["tools"] = self._tools
            self._props["off"] = off
            self._props["running"] = running
            self._props["request"] = asked
            self.update()

    async def _called(self, event: GenericEventArguments) -> None:
        name, arguments = str(event.args.get("name", "")), event.args.get("arguments")
        tool = next((tool for tool in self._tools if tool["name"] == name), None)
        if tool is None or not isinstance(arguments, dict):
            self.run_method("refuse", {"": f"There is no tool {name} here any more."})
            return
        wrong = problems(tool["parameters"], arguments)
        if wrong:
            self.run_method("refuse", wrong)
        elif await self._on_call(name, arguments):
            self.run_method("sent", name)
        else:
            self.run_method("refuse", {})


def problems(schema: dict[str, Any], arguments: dict[str, Any]) -> dict[str, str]:
    """What does not fit, by the name of the top-level field; the key "" is about the whole. Empty when all fits."""
    found: dict[str, str] = {}
    try:
        for error in Draft202012Validator(schema).iter_errors(arguments):
            found.setdefault(_field_of(error), _sentence(error))
    except SchemaError as error:
        found[""] = f"The tool's own schema is broken: {error.message}"
    return found


def _field_of(error: ValidationError) -> str:
    if error.absolute_path:
        return str(error.absolute_path[0])
    needed = error.validator_value
    if error.validator == "required" and isinstance(needed, list) and isinstance(error.instance, dict):
        return next((name for name in needed if name not in error.instance), "")
    return ""


def _sentence(error: ValidationError) -> str:
    where = ".".join(str(part) for part in list(error.absolute_path)[1:])
    return f"{where}: {error.message}" if where else error.message
