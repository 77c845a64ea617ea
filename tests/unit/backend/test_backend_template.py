"""Chat templates: the turns of Kimi, nothing of the messages ever a control token, and no hostile template hangs."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from backend_words import tiny_tokenizer, words_folder
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.errors import BackendError, CheckpointError, RequestRefused
from backend.text.conversation import Conversation, Prompter
from backend.text.template import ChatTemplate, read_template
from backend.text.tool_declarations import in_order, typescript

CALL = {"id": "functions.get:0", "type": "function", "function": {"name": "get", "arguments": '{"a": 1}'}}
TOOLS = [{"type": "function", "function": {"name": "get", "description": "Gets.", "parameters": {"type": "object"}}}]
MESSAGES: list[dict[str, Any]] = [
    {"role": "system", "content": "Be short."},
    {"role": "user", "content": "One?"},
    {"role": "assistant", "content": "1", "reasoning_content": "old thought"},
    {"role": "user", "content": "Look."},
    {"role": "assistant", "content": "", "reasoning_content": "new thought", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "functions.get:0", "content": "found"},
]


@pytest.fixture(scope="module")
def template() -> Iterator[ChatTemplate]:
    found = read_template(words_folder())
    assert found is not None
    with found:
        yield found


@pytest.fixture(scope="module")
def prompter(template: ChatTemplate) -> Prompter:
    return Prompter(tiny_tokenizer(), template)


def _text(tokens: list[int]) -> str:
    return b"".join(map(tiny_tokenizer().token_bytes, tokens)).decode()


def test_a_conversation_is_written_in_kimis_turns(prompter: Prompter) -> None:
    made = prompter.prompt(Conversation(MESSAGES, TOOLS))
    assert _text(made.tokens) == (
        "<|im_system|>tool_declare<|im_middle|># Tools\n\n## functions\nnamespace functions {\n// Gets.\n"
        "type get = (_: {}) => any;\n}\n<|im_end|>"
        "<|im_system|>system<|im_middle|>Be short.<|im_end|>"
        "<|im_user|>user<|im_middle|>One?<|im_end|>"
        "<|im_assistant|>assistant<|im_middle|><think></think>1<|im_end|>"
        "<|im_user|>user<|im_middle|>Look.<|im_end|>"
        "<|im_assistant|>assistant<|im_middle|><think>new thought</think><|tool_calls_section_begin|>"
        '<|tool_call_begin|>functions.get:0<|tool_call_argument_begin|>{"a": 1}<|tool_call_end|>'
        "<|tool_calls_section_end|><|im_end|>"
        "<|im_system|>tool<|im_middle|>## Return of functions.get:0\nfound<|im_end|>"
        "<|im_assistant|>assistant<|im_middle|><think>"
    )
    assert made.thinking


def test_thinking_is_switched_off_and_kept_by_the_variables_of_the_template(prompter: Prompter) -> None:
    instant = prompter.prompt(Conversation(MESSAGES[:2], variables={"thinking": False}))
    assert _text(instant.tokens).endswith("<|im_assistant|>assistant<|im_middle|><think></think>")
    assert not instant.thinking
    kept = prompter.prompt(Conversation(MESSAGES, variables={"preserve_thinking": True}))
    assert "<think>old thought</think>" in _text(kept.tokens)


def test_an_answer_that_was_begun_is_gone_on_with(prompter: Prompter) -> None:
    made = prompter.prompt(Conversation(MESSAGES[:3], goes_on=True))
    assert _text(made.tokens).endswith("<|im_assistant|>assistant<|im_middle|><think></think>1")


def test_a_tiny_checkpoints_prompt_is_that_of_transformers(prompter: Prompter) -> None:
    from transformers import PreTrainedTokenizerFast

    theirs = PreTrainedTokenizerFast.from_pretrained(str(words_folder()))
    expected = theirs.apply_chat_template(
        MESSAGES, tools=in_order(TOOLS), tools_ts_str=typescript(in_order(TOOLS)), add_generation_prompt=True,
        tokenize=True, return_dict=False, thinking=True,
    )  # fmt: skip
    assert prompter.prompt(Conversation(MESSAGES, TOOLS)).tokens == expected


HOSTILE = [
    "<|im_end|>",
    "<|im_",
    "end|>",
    "<think>",
    "</think>",
    "<|tool_calls_section_begin|>",
    "[EOS]",
    "<",
    "\ufdd0",
    "x",
]
hostile = st.lists(st.sampled_from(HOSTILE), max_size=6).map("".join)


@settings(max_examples=60, deadline=None)
@given(words=hostile, more=hostile, name=hostile, arguments=hostile)
def test_nothing_in_messages_becomes_a_control_token(
    prompter: Prompter, words: str, more: str, name: str, arguments: str
) -> None:
    def messages(words: str, more: str, name: str, arguments: str) -> list[dict[str, Any]]:
        call = {"id": name, "type": "function", "function": {"name": name, "arguments": {arguments: [arguments]}}}
        parts = [{"type": "text", "text": words}, {"type": "text", "text": more}]
        return [
            {"role": "user", "content": parts, "name": "n" + name},
            {"role": "assistant", "content": words, "reasoning_content": more, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": name, "content": more},
        ]

    def tools(words: str) -> list[dict[str, Any]]:
        return [{"type": "function", "function": {"name": "get", "description": words, "parameters": {}}}]

    tokenizer = tiny_tokenizer()
    odd = prompter.prompt(Conversation(messages(words, more, name, arguments), tools(words)))
    plain = prompter.prompt(Conversation(messages("x", "x", "x", "x"), tools("x")))
    controls = [[token for token in made.tokens if tokenizer.name(token)] for made in (odd, plain)]
    assert controls[0] == controls[1]
    assert words + more in _text(odd.tokens)


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in range(99999) %}{% for j in range(99999) %}{% set x = 1 %}{% endfor %}{% endfor %}",
        "{% macro f(n) %}{{ f(n + 1) }}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}",
        "{{ 'a' * 10 ** 11 }}",
        "{{ 10 ** (10 ** 10) }}",
        "{% set ns = namespace(x='abcd') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}",
        "{% for i in range(90000) %}{{ 'a' * 1000 }}{% endfor %}",
        "{{ '%1000000000d' % 1 }}{{ 'x'.ljust(10 ** 11) }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.append(1) }}",
        "{{ cycler.__init__.__globals__.os.system('touch /tmp/broken-out') }}",
        "{{ undefined.attribute }}",
        "{{ raise_exception('no such role') }}",
    ],
)
def test_a_hostile_template_is_refused_and_the_next_prompt_is_rendered(source: str) -> None:
    with ChatTemplate(source, seconds=1.0, memory=2**29) as template:
        begun = time.monotonic()
        for _ in range(2):
            with pytest.raises(BackendError, match="template"):
                template.render({"messages": []})
        assert time.monotonic() - begun < 20
    assert not Path("/tmp/broken-out").exists()


def test_a_template_that_takes_too_much_memory_is_told_so() -> None:
    with (
        ChatTemplate("{{ ('a' * 900000000) | length }}", seconds=20, memory=2**29) as template,
        pytest.raises(RequestRefused, match="more memory"),
    ):
        template.render({})


def test_what_a_template_says_against_messages_is_told() -> None:
    with (
        ChatTemplate("{{ raise_exception('roles must alternate') }}") as template,
        pytest.raises(RequestRefused, match="roles must alternate"),
    ):
        template.render({"messages": []})


def test_a_template_that_is_none_is_told() -> None:
    with ChatTemplate("{% for %}") as template, pytest.raises(CheckpointError, match="template"):
        template.check()


def test_a_template_is_read_from_either_file(tmp_path: Path) -> None:
    assert read_template(tmp_path) is None
    listed = [{"name": "tool_use", "template": "no"}, {"name": "default", "template": "yes {{ x }}"}]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": listed}))
    for expected in ("yes 1", "own 1"):
        found = read_template(tmp_path)
        assert found is not None
        with found:
            assert found.render({"x": 1}) == expected
        (tmp_path / "chat_template.jinja").write_text("own {{ x }}")


def test_messages_without_a_template_are_refused() -> None:
    with pytest.raises(RequestRefused, match="no chat template"):
        Prompter(tiny_tokenizer(), None).prompt(Conversation(MESSAGES))


@pytest.mark.parametrize("variables", [{"messages": []}, {"tools_ts_str": "x"}, {"x": [[[[]]]] * 60_000}])
def test_variables_that_a_request_may_not_set_are_refused(prompter: Prompter, variables: dict[str, Any]) -> None:
    with pytest.raises(RequestRefused, match="chat_template_kwargs"):
        prompter.prompt(Conversation(MESSAGES, variables=variables))


def test_one_that_is_let_go_of_leaves_no_process() -> None:
    """A checkpoint that fails to load after its template was looked at is such a one."""
    template = ChatTemplate("{{ messages }}")
    template.check()
    process = psutil.Process(template._process.pid) if template._process else None
    assert process is not None
    del template
    gc.collect()
    assert not process.is_running()
