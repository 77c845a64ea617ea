"""Tools as TypeScript in the form of Kimi K2.5's own tokenizer, and JSON where that form has no word."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import RequestRefused
from backend.text.tool_declarations import DEEPEST, checked_size, in_order, typescript


def _declared(parameters: dict[str, Any], **function: Any) -> str | None:
    return typescript([{"type": "function", "function": {"name": "f", "parameters": parameters} | function}])


def _type(schema: Any) -> str:
    """What stands for the type of one required property."""
    text = _declared({"type": "object", "properties": {"p": schema}, "required": ["p"]})
    assert text is not None
    return text.split("type f = (_: {\n", 1)[1].split("\n}) => any;", 1)[0]


def test_a_function_has_its_description_and_required_parameters_first() -> None:
    parameters = {
        "type": "object",
        "properties": {
            "unit": {"type": "string", "enum": ["c", "f"], "default": "c"},
            "days": {"type": "integer", "minimum": 1, "maximum": 7, "description": "How many.\n\nAt most a week."},
            "where": {"type": "string", "description": "City"},
        },
        "required": ["where"],
    }
    assert _declared(parameters, description="Weather.\nFor a city.") == (
        "# Tools\n\n## functions\nnamespace functions {\n"
        "// Weather.\n// For a city.\n"
        "type f = (_: {\n"
        "  // City\n  where: string,\n"
        "  // How many.\n\n  // At most a week.\n  // maximum: 7, minimum: 1\n  days?: number,\n"
        '  // Default: "c"\n  unit?: "c" | "f"\n'
        "}) => any;\n}\n"
    )


@pytest.mark.parametrize(
    ("schema", "written"),
    [
        ({"type": "integer"}, "  p: number"),
        ({"type": "boolean", "default": True}, "  // Default: True\n  p: boolean"),
        ({"type": "null"}, "  p: null"),
        ({}, "  p: any"),
        (True, "  p: any"),
        (False, "  p: null"),
        ({"enum": ["a", 1, None]}, '  p: "a" | 1 | None'),
        ({"type": ["string", "null", "array"]}, "  p: string | null | Array<any>"),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, "  p: string | number"),
        ({"type": "string", "pattern": "a+", "minLength": 1}, "  // minLength: 1, pattern: a+\n  p: string"),
        ({"type": "array"}, "  p: Array<any>"),
        ({"type": "array", "items": {"type": "string"}, "maxItems": 3}, "  // maxItems: 3\n  p: Array<string>"),
        (
            {"type": "array", "items": {"type": "string", "description": "each"}},
            "  p: Array<\n    // each\n    string\n  >",
        ),
        ({"type": "object"}, "  p: {}"),
        ({"type": "object", "additionalProperties": False}, "  p: {\n    [k: string]: never\n  }"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "  p: {\n    [k: string]: number\n  }"),
        (
            {"type": "object", "properties": {"q": {"type": "number"}}, "required": ["q"]},
            "  p: {\n    q: number\n  }",
        ),
    ],
)
def test_every_kind_of_schema_has_its_type(schema: Any, written: str) -> None:
    assert _type(schema) == written


def test_definitions_become_interfaces() -> None:
    node = {"type": "object", "description": "A node.", "properties": {"next": {"$ref": "#/$defs/Node"}}}
    text = _declared({"type": "object", "$defs": {"Node": node}, "properties": {"head": {"$ref": "#/$defs/Node"}}})
    assert text is not None
    assert "// A node.\ninterface Node {\n  next?: Node\n}\ntype f = (_: {\n  head?: Node\n}) => any;" in text


def test_a_schema_that_means_itself_becomes_an_interface() -> None:
    text = _declared({"type": "object", "properties": {"b": {"$ref": "#"}, "a": {"type": "string"}}})
    assert text is not None
    assert "interface parameters {\n  b?: parameters,\n  a?: string\n}\ntype f = (_: parameters) => any;" in text


@pytest.mark.parametrize(
    "schema",
    [
        {"oneOf": [{"type": "string"}]},
        {"description": "no type"},
        {"$ref": "#/$defs/Missing"},
        {"$ref": "https://elsewhere/schema"},
        {"type": "string", "enum": [1]},
        {"type": ["string", "integer"], "enum": ["a"]},
        {"type": ["strange"]},
        {"anyOf": 3},
    ],
)
def test_what_has_no_type_makes_the_template_write_json(schema: Any) -> None:
    assert _declared({"type": "object", "properties": {"p": schema}}) is None


def test_no_functions_are_no_block() -> None:
    assert typescript([]) == ""
    assert typescript([{"type": "_plugin", "name": "x"}]) == ""


def test_the_keys_of_tools_are_put_in_order() -> None:
    assert list(in_order({"b": [{"d": 1, "c": 2}], "a": 3})) == ["a", "b"]
    assert list(in_order({"b": [{"d": 1, "c": 2}]})["b"][0]) == ["c", "d"]


anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["type", "properties", "items", "enum", "anyOf", "$ref", "$defs", "required", "default", "x"]
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)


@given(anything)
def test_any_schema_has_a_form_or_none_and_never_an_error(schema: Any) -> None:
    text = typescript([{"type": "function", "function": {"name": "f", "parameters": schema}}])
    assert text is None or text.startswith("# Tools")


def test_what_is_too_deep_or_too_large_is_refused() -> None:
    deep: Any = 1
    for _ in range(DEEPEST + 1):
        deep = [deep]
    for value in (deep, list(range(60_000))):
        with pytest.raises(RequestRefused, match="The list"):
            checked_size(value, "The list")
    checked_size([[{"a": 1}]], "The list")
