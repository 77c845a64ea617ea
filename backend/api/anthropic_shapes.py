"""Bodies of Anthropic's messages, as their clients send them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from backend.api.shapes import MOST_MESSAGES, MOST_TOOLS, Body, Function, Tokens


class Source(Body):
    """An image's bytes."""

    type: Literal["base64", "url"]
    media_type: str = ""
    data: str = ""
    url: str = ""

    @property
    def as_url(self) -> str:
        return self.url if self.type == "url" else f"data:{self.media_type};base64,{self.data}"


class TextBlock(Body):
    """Words."""

    type: Literal["text"]
    text: str


class ImageBlock(Body):
    """An image."""

    type: Literal["image"]
    source: Source


class ThinkingBlock(Body):
    """What was thought in a former answer."""

    type: Literal["thinking"]
    thinking: str


class HiddenThinkingBlock(Body):
    """Thoughts that only Anthropic can read; nothing of them reaches this model."""

    type: Literal["redacted_thinking"]


class ToolUseBlock(Body):
    """A call of a former answer."""

    type: Literal["tool_use"]
    id: str
    name: str
    input: dict[str, Any] = Field(default_factory=dict)


class ToolResultBlock(Body):
    """What a call gave."""

    type: Literal["tool_result"]
    tool_use_id: str
    content: str | list[Annotated[TextBlock | ImageBlock, Field(discriminator="type")]] | None = None
    is_error: bool | None = None


Block = Annotated[
    TextBlock | ImageBlock | ThinkingBlock | HiddenThinkingBlock | ToolUseBlock | ToolResultBlock,
    Field(discriminator="type"),
]


class Message(Body):
    """One message of a conversation."""

    role: Literal["user", "assistant", "system"]
    content: str | list[Block]

    @property
    def blocks(self) -> list[Any]:
        return [TextBlock(type="text", text=self.content)] if isinstance(self.content, str) else list(self.content)


class AnthropicTool(Body):
    """A tool on offer; those that Anthropic runs itself (``type`` other than custom) do not exist here."""

    type: Literal["custom"] | None = None
    name: str
    description: str | None = None
    input_schema: dict[str, Any]
    strict: bool | None = None

    @field_validator("name")
    @classmethod
    def _is_name(cls, name: str) -> str:
        return Function(name=name).name


class ToolChoice(Body):
    """Whether and what has to be called."""

    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool = False


class Thinking(Body):
    """The switch of thinking. The budget is the model's own affair."""

    type: Literal["enabled", "disabled", "adaptive"]


class Metadata(Body):
    """Whom a request is for."""

    user_id: str | None = None


class CountBody(Body):
    """``POST /v1/messages/count_tokens``."""

    model: str = ""
    messages: Annotated[list[Message], Field(min_length=1, max_length=MOST_MESSAGES)]
    system: str | list[TextBlock] | None = None
    tools: Annotated[list[AnthropicTool], Field(max_length=MOST_TOOLS)] | None = None
    tool_choice: ToolChoice | None = None
    thinking: Thinking | None = None

    @model_validator(mode="after")
    def _chooses_what_is_there(self) -> CountBody:
        names = [tool.name for tool in self.tools or ()]
        if len(set(names)) != len(names):
            raise ValueError("two tools have the same name")
        choice = self.tool_choice
        if choice and choice.type == "tool" and choice.name not in names:
            raise ValueError(f"tool_choice names {choice.name!r}, which is not among the tools")
        if choice and choice.type == "any" and not names:
            raise ValueError("tool_choice is 'any', but there are no tools")
        return self


class MessagesBody(CountBody):
    """``POST /v1/messages``."""

    max_tokens: Tokens
    stop_sequences: list[str] | None = None
    stream: bool = False
    temperature: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=-1, le=2**24)] = -1
    metadata: Metadata | None = None
