"""The options that describe a member, the same wherever one is added or changed."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from clawgroups.cli.groups import object_of
from clawgroups.cli.house import Json
from clawgroups.errors import Invalid

URL = "Root of the OpenAI-compatible API, e.g. http://127.0.0.1:8000/v1."
MODEL = "The model's name at that endpoint."
SKILLS = "What it is good at, separated by commas."
CAPACITY = "How many sub-agents it drives at once; 0: no limit."
_EXTRA = (
    'Fields of the server\'s own for every request, e.g. \'{"chat_template_kwargs": {"preserve_thinking": true}}\'.'
)
_DEAR = "USD per million tokens"

KeyEnv = Annotated[str, typer.Option(help="Environment variable of the server that holds the key.")]
AskKey = Annotated[bool, typer.Option("--ask-key", help="Ask for the key; it is kept in the home.")]
Thinking = Annotated[
    bool | None, typer.Option("--thinking/--instant", help="Kimi's mode (default: the server's).", show_default=False)
]
Temperature = Annotated[
    float | None, typer.Option(min=0, max=2, help="Temperature (default: the model's).", show_default=False)
]
MaxTokens = Annotated[
    int | None, typer.Option(min=1, help="Most tokens of one turn (default: the server's).", show_default=False)
]
Context = Annotated[int | None, typer.Option(min=1, help="Tokens that the model takes in.", show_default=False)]
Sees = Annotated[
    bool | None, typer.Option("--images/--no-images", help="Whether it sees images (default: no).", show_default=False)
]
PriceIn = Annotated[float | None, typer.Option(min=0, help=f"Price of input, {_DEAR}.", show_default=False)]
PriceCached = Annotated[float | None, typer.Option(min=0, help=f"Price of cached input, {_DEAR}.", show_default=False)]
PriceOut = Annotated[float | None, typer.Option(min=0, help=f"Price of output, {_DEAR}.", show_default=False)]
ExtraBody = Annotated[str | None, typer.Option(metavar="JSON", help=_EXTRA, show_default=False)]


def given(**fields: Any) -> Json:
    """Those that were given."""
    return {name: value for name, value in fields.items() if value is not None}


def skills_of(text: str) -> list[str]:
    """The words between the commas."""
    return [word.strip() for word in text.split(",") if word.strip()]


def extra_of(text: str | None) -> Json | None:
    """The object that was given; empty words mean an empty one. Raises Invalid."""
    return None if text is None else object_of(text.strip() or "{}", "--extra-body")


def asked_key() -> str:
    """The key, typed without being shown. Raises Invalid for none."""
    key = str(typer.prompt("API key", hide_input=True, default="", show_default=False)).strip()
    if not key:
        raise Invalid("No key was given.", hint="Paste it at the prompt; a member without a key needs no --ask-key.")
    return key
