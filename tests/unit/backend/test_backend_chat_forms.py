"""What the answer to a chat has to look like: strict tools by their schema, required and named ones, one or several."""

import pytest

from backend.api.chat_request import form_of
from backend.api.service import Made
from backend.api.shapes import ChatBody
from backend.errors import RequestRefused

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
MADE = Made([1], (), thinking=True)


def _tool(name, **fields):
    return {"type": "function", "function": {"name": name, "parameters": SCHEMA} | fields}


def _form(*tools, **fields):
    body = {"messages": [{"role": "user", "content": "x"}], "tools": list(tools)} | fields
    return form_of(ChatBody.model_validate(body), MADE)


def test_the_arguments_of_a_strict_tool_follow_its_schema_and_those_of_others_any_object():
    form = _form(_tool("weather", strict=True), _tool("free"))
    assert form.tools.schemas == {"weather": SCHEMA, "free": None}
    assert (form.tools.required, form.tools.several, form.thinking) == (False, True, True)


def test_a_strict_tool_without_parameters_takes_none():
    form = _form(_tool("now", strict=True, parameters=None))
    assert form.tools.schemas["now"]["additionalProperties"] is False


def test_nothing_is_demanded_where_tools_are_offered_only_or_not_at_all():
    assert _form(_tool("free")).tools is None
    assert _form(_tool("weather", strict=True), tool_choice="none").tools is None


def test_a_call_is_required_of_any_tool_or_of_the_one_that_is_named():
    form = _form(_tool("a"), _tool("b"), tool_choice="required", parallel_tool_calls=False)
    assert (form.tools.schemas, form.tools.required, form.tools.several) == ({"a": None, "b": None}, True, False)
    named = _form(_tool("a"), _tool("b", strict=True), tool_choice={"type": "function", "function": {"name": "b"}})
    assert (named.tools.schemas, named.tools.required) == ({"b": SCHEMA}, True)


def test_an_answer_follows_a_schema_or_calls_a_required_tool_but_not_both():
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
    form = _form(_tool("weather", strict=True), response_format=wanted)
    assert (form.schema, form.tools) == (SCHEMA, None)
    with pytest.raises(RequestRefused, match="both"):
        _form(_tool("a"), response_format=wanted, tool_choice="required")
