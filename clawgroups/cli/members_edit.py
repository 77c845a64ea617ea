"""``clawgroups members edit``: changes what is named and leaves the rest of a member as it is."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from clawgroups.cli import member_options as opt
from clawgroups.cli.house import Home, Json, Person, running
from clawgroups.cli.words import safe, split
from clawgroups.errors import Invalid

Text = str | None


class Unset(StrEnum):
    """What can be taken back."""

    KEY = "key"
    MODE = "mode"
    TEMPERATURE = "temperature"
    MAX_TOKENS = "max-tokens"
    CONTEXT = "context"
    EXTRA_BODY = "extra-body"


_NOTHING: dict[Unset, Json] = {
    Unset.KEY: {"api_key": ""},
    Unset.MODE: {"thinking": None},
    Unset.TEMPERATURE: {"temperature": None},
    Unset.MAX_TOKENS: {"max_tokens": None},
    Unset.CONTEXT: {"context": None},
    Unset.EXTRA_BODY: {"extra_body": {}},
}
_UNSET = f"Take back what was set: {', '.join(Unset)}. Can be given several times."


def edit(
    member: Annotated[str, typer.Argument(help="The member's id.")],
    name: Annotated[Text, typer.Option(help="Another name; the id stays.", show_default=False)] = None,
    description: Annotated[Text, typer.Option(help="What it is.", show_default=False)] = None,
    skills: Annotated[Text, typer.Option(help=opt.SKILLS, show_default=False)] = None,
    capacity: Annotated[int | None, typer.Option(min=0, max=1_000, help=opt.CAPACITY, show_default=False)] = None,
    url: Annotated[Text, typer.Option(help=opt.URL, show_default=False)] = None,
    model: Annotated[Text, typer.Option(help=opt.MODEL, show_default=False)] = None,
    key_env: opt.KeyEnv = "",
    ask_key: opt.AskKey = False,
    thinking: opt.Thinking = None,
    temperature: opt.Temperature = None,
    max_tokens: opt.MaxTokens = None,
    context: opt.Context = None,
    sees: opt.Sees = None,
    price_in: opt.PriceIn = None,
    price_cached: opt.PriceCached = None,
    price_out: opt.PriceOut = None,
    extra_body: opt.ExtraBody = None,
    command: Annotated[
        Text, typer.Option(help="A program's executable and its arguments, quoted as one word.", show_default=False)
    ] = None,
    unset: Annotated[list[Unset] | None, typer.Option(help=_UNSET, metavar="WHAT", show_default=False)] = None,
    person: Person = "",
    home: Home = None,
) -> None:
    """Change a member; what is not named stays as it is.

    A sub-agent that it drives now goes on as before; the change holds from the next time that it takes the wheel.
    """
    endpoint = opt.given(
        base_url=url, model=model, key_ref=f"env:{key_env}" if key_env else None, thinking=thinking,
        temperature=temperature, max_tokens=max_tokens, context=context, sees=sees,
        price_in=price_in, price_cached=price_cached, price_out=price_out, extra_body=opt.extra_of(extra_body),
    )  # fmt: skip
    for what in unset or ():
        endpoint |= _checked(_NOTHING[what], endpoint, what)
    listed = None if skills is None else opt.skills_of(skills)
    body = opt.given(name=name, description=description, skills=listed, capacity=capacity)
    body |= {"program": {"command": split(command, "--command")}} if command is not None else {}
    api = running(home, person)
    if ask_key:
        endpoint["api_key"] = opt.asked_key()
    body |= {"model": endpoint} if endpoint else {}
    if not body:
        raise Invalid("There is nothing to change.", hint="Name what is to change: clawgroups members edit --help")
    made = api.patch(f"/members/{member}", body)
    typer.echo(f"{made['id']} is changed: {safe(', '.join(_names(body)))}.")
    if made["load"]:
        typer.echo(f"It drives {made['load']} now; there the change holds from its next time at the wheel.")


def _checked(nothing: Json, endpoint: Json, what: Unset) -> Json:
    if nothing.keys() & endpoint.keys() or (what is Unset.KEY and "key_ref" in endpoint):
        raise Invalid(f"{what} is both set and taken back.", hint="Give one of the two.")
    return nothing


def _names(body: Json) -> list[str]:
    return sorted(f"{name}.{field}" for name in ("model", "program") for field in body.get(name, ())) + sorted(
        body.keys() - {"model", "program"}
    )
