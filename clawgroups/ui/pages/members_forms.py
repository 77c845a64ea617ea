"""The forms that bring a model, a program or a person into the house."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import Struct

from clawgroups.errors import Invalid
from clawgroups.group.members import Member, MemberKind, ModelConfig, ProgramConfig
from clawgroups.ui.components.form.form import Act, Body, Form, Input, Option, Section

MODES = (
    Option(value="null", label="As the server has it"),
    Option(value="true", label="Thinking", about="Kimi's thinking mode: it reasons before it answers."),
    Option(value="false", label="Instant", about="Kimi's instant mode: it answers at once."),
)
KEYS = (
    Option(value="none", label="No key"),
    Option(value="paste", label="A key that I paste here"),
    Option(value="env", label="In an environment variable"),
)
LARGEST = 2**53  # as the API has it


class Shape(Struct, frozen=True):
    """A kind of member that can be added."""

    label: str
    about: str
    sections: Callable[[], list[Section]]
    send: str
    acts: tuple[Act, ...] = ()

    def form(self, kind: str) -> Form:
        """An empty one, to add a member."""
        return Form(
            f"add-{kind}", self.sections(), post="/members", send=self.send, fixed={"kind": kind}, acts=self.acts
        )


def member_of(body: Body) -> tuple[Member, str]:
    """(member, pasted key) as the form has them now. Raises Invalid for what is no member yet."""
    endpoint = dict(body.get("model") or {})
    key = str(endpoint.pop("api_key", ""))
    try:
        member = Member(
            id="test",
            name=str(body.get("name") or "The model"),
            kind=MemberKind(str(body.get("kind"))),
            model=msgspec.convert(endpoint, ModelConfig) if endpoint else None,
            program=msgspec.convert(body["program"], ProgramConfig) if body.get("program") else None,
        )
    except (msgspec.ValidationError, ValueError) as error:
        raise Invalid(f"This cannot be tried: {error}.", hint="Fill in the fields first.") from error
    return member, key


def _name(placeholder: str) -> Input:
    return Input(name="name", label="Name", need="Give it a name.", longest=120, placeholder=placeholder, wide=True)


def _profile(*, capacity: bool) -> tuple[Input, ...]:
    shown = (
        Input(name="description", label="What it is good for", longest=2_000, wide=True),
        Input(name="skills", label="Skills", kind="list", placeholder="python, review", hint="With commas between."),
    )
    room = Input(
        name="capacity",
        label="Sub-agents at once",
        kind="number",
        value="0",
        whole=True,
        low=0,
        high=1_000,
        hint="0: no limit.",
    )
    return (*shown, room) if capacity else shown


def _endpoint() -> tuple[Input, ...]:
    return (
        Input(
            name="base_url",
            path="model.base_url",
            label="Base URL",
            mono=True,
            wide=True,
            need="Give the root of the API.",
            longest=2_000,
            placeholder="http://127.0.0.1:30000/v1",
            pattern=r"^https?://\S+$",
            unlike="Begin with http:// or https://, without spaces.",
            hint="The root of an OpenAI-compatible API; usually it ends in /v1.",
        ),
        Input(
            name="model",
            path="model.model",
            label="Model",
            mono=True,
            need="Name the model as the endpoint calls it.",
            longest=300,
            placeholder="kimi-k2.6",
        ),
        Input(name="mode", path="model.thinking", label="Mode", kind="choice", options=MODES, value="null", raw=True),
        Input(name="key", label="Key", kind="choice", options=KEYS, value="none", aside=True, wide=True),
        Input(
            name="api_key",
            path="model.api_key",
            label="API key",
            kind="secret",
            when={"key": ["paste"]},
            need="Paste the key.",
            longest=4_000,
            wide=True,
            hint="Kept in a file that only the server's owner can read, and never shown again.",
        ),
        Input(
            name="key_env",
            path="model.key_ref",
            label="Environment variable",
            kind="text",
            mono=True,
            when={"key": ["env"]},
            need="Name the variable.",
            longest=195,
            pattern=r"^[A-Za-z_]\w*$",
            unlike="A variable's name has letters, digits and _ only.",
            placeholder="MOONSHOT_API_KEY",
            before="env:",
            wide=True,
            hint="Read from the server's environment whenever it is needed.",
        ),
    )


def _sees() -> Input:
    hint = "It is given images that are attached to words; another model gets their path alone."
    return Input(
        name="sees", path="model.sees", label="It sees images", kind="check", value=False, wide=True, hint=hint
    )


def _prices() -> Section:
    def price(name: str, label: str) -> Input:
        return Input(
            name=name,
            path=f"model.{name}",
            label=label,
            kind="number",
            value="0",
            low=0,
            high=1e6,
            brief=label,
            unit="$",
        )

    return Section(
        title="Prices",
        about="In USD per million tokens. They make the costs and hold the budget; 0 means free.",
        folded=True,
        inputs=(price("price_in", "Input"), price("price_cached", "Cached input"), price("price_out", "Output")),
    )


def _bounds() -> Section:
    def amount(name: str, label: str, hint: str, *, high: float, whole: bool) -> Input:
        low = 1 if whole else 0
        return Input(
            name=name,
            path=f"model.{name}",
            label=label,
            kind="number",
            whole=whole,
            low=low,
            high=high,
            hint=hint,
            brief=label,
            zero="as the server has it",
        )

    return Section(
        title="Sampling",
        about="Empty: as the server has it.",
        folded=True,
        inputs=(
            amount("temperature", "Temperature", "0 to 2.", high=2, whole=False),
            amount("max_tokens", "Longest turn", "Tokens that it may write in one turn.", high=LARGEST, whole=True),
            amount("context", "Context", "Tokens that it takes in.", high=LARGEST, whole=True),
        ),
    )


def _model() -> list[Section]:
    return [
        Section(title="Endpoint", inputs=(_name("Kimi K2.6 on our server"), *_endpoint(), _sees())),
        Section(title="Profile", folded=True, inputs=_profile(capacity=True), about="What conductors choose by."),
        _bounds(),
        _prices(),
    ]


def _program() -> list[Section]:
    command = Input(
        name="command",
        path="program.command",
        label="Command",
        kind="command",
        need="Give the command that starts it.",
        longest=20_000,
        placeholder="python3 /opt/agents/reviewer.py --strict",
        hint="Split into words as shown; no shell is involved. It runs beside the server.",
    )
    return [
        Section(title="Program", inputs=(_name("Link checker"), command)),
        Section(title="Profile", folded=True, inputs=_profile(capacity=True), about="What conductors choose by."),
    ]


def _person() -> list[Section]:
    return [Section(title="Person", inputs=(_name("Ada Lovelace"), *_profile(capacity=False)))]


TEST = (Act(id="test", label="Test", busy="Testing…"),)
ABOUT_MODEL = "Kimi K2.6, or any other model behind an OpenAI-compatible endpoint."
ABOUT_PROGRAM = "Any executable that speaks JSON lines on its standard input and output."
FORMS: dict[str, Shape] = {
    "model": Shape("Model", ABOUT_MODEL, _model, "Add the model", TEST),
    "program": Shape("Program", ABOUT_PROGRAM, _program, "Add the program", TEST),
    "person": Shape("Person", "Somebody who is given tasks and takes the wheel.", _person, "Add the person"),
}
