"""All cases of official clients, as a table: any server with Kimi's parsers has to pass all of it.

Point it at one with ``Target(url, model=…, key=…, context=…, played=False, sees=…)`` and call each with it.
"""

from __future__ import annotations

from collections.abc import Callable

import backend_anthropic_cases as anthropic
import backend_openai_cases as openai
from backend_client_target import SCRIPT, Target

TABLE: tuple[Callable[[Target], None], ...] = (
    openai.models_are_listed,
    openai.a_chat_is_answered,
    openai.a_stream_says_what_the_whole_answer_says,
    openai.a_stop_string_ends_an_answer,
    openai.choices_and_seeds_are_kept,
    openai.log_probabilities_come_with_an_answer,
    openai.a_required_tool_is_called,
    openai.a_tool_is_called_in_a_stream,
    openai.several_tools_are_called_at_once,
    openai.the_result_of_a_call_is_read,
    openai.thoughts_are_told_apart,
    openai.a_call_ends_the_thoughts,
    openai.json_of_a_schema_is_given,
    openai.an_image_is_seen,
    openai.a_prompt_is_echoed_with_its_log_probabilities,
    openai.errors_of_a_chat_are_told,
    openai.a_stream_that_is_left_is_aborted,
    anthropic.a_message_is_answered,
    anthropic.a_message_is_streamed,
    anthropic.a_message_calls_several_tools,
    anthropic.a_message_brings_a_result,
    anthropic.a_message_thinks_when_asked_to,
    anthropic.a_message_shows_an_image,
    anthropic.tokens_of_a_message_are_counted,
    anthropic.errors_of_a_message_are_told,
    anthropic.a_message_that_is_left_is_aborted,
)

__all__ = ["SCRIPT", "TABLE", "Target"]
