"""Bodies of OpenAI's chat and text completions, with the fields that SGLang and Moonshot add to them."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from backend.api.asked import MOST_CHOICES

MOST_TOKENS = 2**31
MOST_MESSAGES = 20_000
MOST_TOOLS = 1_000
MOST_TOP = 20
_NAME = re.compile(r"[A-Za-z0-9_.\-]{1,128}")

Tokens = Annotated[int, Field(ge=1, le=MOST_TOKENS)]
TokensOrNone = Annotated[int, Field(ge=0, le=MOST_TOKENS)]
"""With 0 a raw prompt is only read, for its log-probabilities."""


class Body(BaseModel):
    """Fields that are not known are let pass, as every such server does; what would change the answer is refused."""

    model_config = ConfigDict(extra="ignore")


class Function(Body):
    """A tool's declaration."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None

    @field_validator("name")
    @classmethod
    def _is_name(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name[:80]!r} is no name of a function: letters, digits, '_', '-' and '.' only")
        return name


class Tool(Body):
    """A tool on offer."""

    type: Literal["function"] = "function"
    function: Function


class NamedFunction(Body):
    """The name of a tool."""

    name: str


class NamedTool(Body):
    """The tool that has to be called."""

    type: Literal["function"] = "function"
    function: NamedFunction


class CalledFunction(Body):
    """What a former answer called."""

    name: str
    arguments: str | dict[str, Any] | None = None


class Called(Body):
    """A call in the history."""

    id: str = ""
    type: str = "function"
    function: CalledFunction


class ImageUrl(Body):
    """Where an image is."""

    url: str


class ContentPart(Body):
    """A part of a message: words or an image."""

    type: Literal["text", "image_url", "refusal", "thinking"]
    text: str | None = None
    refusal: str | None = None
    thinking: str | None = None
    image_url: ImageUrl | str | None = None

    @model_validator(mode="after")
    def _is_there(self) -> ContentPart:
        if getattr(self, self.type) is None:
            raise ValueError(f"a part of the type {self.type!r} needs the field {self.type!r}")
        return self


class ChatMessage(Body):
    """One message of a conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[ContentPart] | None = None
    name: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[Called] | None = None
    tool_call_id: str | None = None


class JsonSchema(Body):
    """A named schema for the answer."""

    name: str = "answer"
    schema_: dict[str, Any] | bool | None = Field(default=None, alias="schema")
    strict: bool | None = None


class ResponseFormat(Body):
    """What form the answer has to have."""

    type: Literal["text", "json_object", "json_schema"] = "text"
    json_schema: JsonSchema | None = None

    @model_validator(mode="after")
    def _has_schema(self) -> ResponseFormat:
        if self.type == "json_schema" and (self.json_schema is None or self.json_schema.schema_ is None):
            raise ValueError("the type json_schema needs json_schema.schema")
        return self


class StreamOptions(Body):
    """What a stream has besides the answer."""

    include_usage: bool = False
    continuous_usage_stats: bool = False


class ThinkingMode(Body):
    """Moonshot's switch of thinking."""

    type: Literal["enabled", "disabled"] = "enabled"
    keep: str | None = None


class Sampled(Body):
    """What both kinds of completions say about the choice of tokens."""

    model: str = ""
    temperature: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=-1, le=2**24)] = -1
    min_p: Annotated[float, Field(ge=0, le=1)] = 0.0
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] = 0.0
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] = 0.0
    repetition_penalty: float = 1.0
    min_tokens: int = 0
    logit_bias: dict[str, float] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    stop: str | list[str] | None = None
    stop_token_ids: Annotated[list[int], Field(max_length=1_000)] | None = None
    ignore_eos: bool = False
    skip_special_tokens: bool = True
    n: Annotated[int, Field(ge=1, le=MOST_CHOICES)] | None = None
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    user: str | None = None
    rid: str | None = None

    @model_validator(mode="after")
    def _is_done_here(self) -> Sampled:
        if self.logit_bias:
            raise ValueError("logit_bias is not supported by this engine")
        if self.repetition_penalty != 1.0:
            raise ValueError("repetition_penalty is not supported by this engine; use frequency_penalty")
        if self.min_tokens:
            raise ValueError("min_tokens is not supported by this engine")
        return self


class ChatBody(Sampled):
    """``POST /v1/chat/completions``."""

    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=MOST_MESSAGES)]
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    tools: Annotated[list[Tool], Field(max_length=MOST_TOOLS)] | None = None
    tool_choice: Literal["auto", "none", "required"] | NamedTool | None = None
    parallel_tool_calls: bool | None = True
    response_format: ResponseFormat | None = None
    logprobs: bool | None = False
    top_logprobs: Annotated[int, Field(ge=0, le=MOST_TOP)] | None = None
    reasoning_effort: str | None = None
    thinking: ThinkingMode | None = None
    chat_template_kwargs: dict[str, Any] | None = None
    separate_reasoning: bool = True
    continue_final_message: bool = False

    @model_validator(mode="after")
    def _fits_together(self) -> ChatBody:
        names = [tool.function.name for tool in self.tools or ()]
        if len(set(names)) != len(names):
            raise ValueError("two tools have the same name")
        chosen = self.tool_choice
        if isinstance(chosen, NamedTool) and chosen.function.name not in names:
            raise ValueError(f"tool_choice names {chosen.function.name[:80]!r}, which is not among the tools")
        if chosen == "required" and not names:
            raise ValueError("tool_choice is 'required', but there are no tools")
        if self.top_logprobs and not self.logprobs:
            raise ValueError("top_logprobs needs logprobs to be true")
        if self.continue_final_message and self.messages[-1].role != "assistant":
            raise ValueError("continue_final_message needs the last message to be the assistant's")
        return self


class CompletionBody(Sampled):
    """``POST /v1/completions``."""

    prompt: str | list[int] | list[str] | list[list[int]]
    max_tokens: TokensOrNone | None = 16
    echo: bool | None = False
    logprobs: Annotated[int, Field(ge=0, le=MOST_TOP)] | None = None
    suffix: str | None = None
    best_of: int | None = None
    json_schema: str | None = None
    regex: str | None = None
    response_format: ResponseFormat | None = None

    @model_validator(mode="after")
    def _is_known(self) -> CompletionBody:
        if self.suffix:
            raise ValueError("suffix is not supported by this engine")
        if self.best_of is not None and self.best_of != (self.n or 1):
            raise ValueError("best_of is not supported by this engine, other than equal to n")
        return self
