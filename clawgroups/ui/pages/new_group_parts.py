"""Who works in a new group, where it stops and asks, and what its tools may do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from clawgroups.dispatcher.dispatcher import Dispatcher
from clawgroups.dispatcher.founding.plans import NewGroup
from clawgroups.dispatcher.founding.templates import CONDUCTOR, GOAL, LIST, REVIEW, SURVEY, SWARM, TEMPLATES, WORKER
from clawgroups.group.members import Member, MemberKind
from clawgroups.group.state import Limits
from clawgroups.ui.components.form.choices import member_options, tool_options
from clawgroups.ui.components.form.form import Input, Option, Section
from clawgroups.ui.pages.new_group_what import only

CHOOSE = Option(value="", label="Choose a member…")
BUNDLED_CONDUCTORS = frozenset(one.conductor for one in TEMPLATES.values() if one.conductor)


def needed(house: Dispatcher) -> Section:
    """What a template needs that is not there: shown only where it is missing."""
    models = any(member.kind is MemberKind.MODEL for member in house.house_members().values())
    return Section(
        title="It needs a model",
        inputs=(),
        about="A model follows its words, and no model is a member yet. Bring one in; or choose a person, or a program "
        "of your own, as the conductor.",
        link="/members",
        link_words="To the members.",
        when={"template": ["none"]} if models else only(GOAL.id, REVIEW.id, SWARM.id),
    )


def who(house: Dispatcher) -> Section:
    """Who conducts, and who works."""
    members = list(house.house_members().values())
    everybody = member_options(member for member in members if member.id not in BUNDLED_CONDUCTORS)
    own = member_options(member for member in members if not member.bundled)
    survey = member_options(m for m in members if not m.bundled or m.id in (CONDUCTOR, WORKER))
    model, worker = _first(members, MemberKind.MODEL), _first(members, MemberKind.MODEL, MemberKind.PROGRAM)
    same = Option(value="", label="The same as the conductor", about="One member plans and does the tasks.")
    told = "Takes the sub-agents for which the conductor names nobody."

    def choice(
        name: str, label: str, when: Any, options: Sequence[Option], value: str, hint: str = "", need: str = ""
    ) -> Input:
        path = name.partition("_")[0]
        return Input(
            name=name,
            path=path,
            label=label,
            kind="choice",
            when=when,
            options=tuple(options) if value or not need else (CHOOSE, *options),
            value=value,
            brief="Workers" if path == "worker" else label,
            hint=hint,
            need=need,
        )

    by_words = only(GOAL.id, REVIEW.id, SWARM.id)
    splits = "Splits the goal and hands out the tasks."
    by_program = "The bundled program List conductor hands the lines out; it is no model and needs none."
    return Section(
        title="Who works in it",
        about="A program follows fixed rules and knows no language; a model decides by itself; a person is asked."
        + ("" if any(m.kind is MemberKind.MODEL for m in members) else " No model is a member yet."),
        link="/members",
        link_words="See the members.",
        inputs=(
            choice("conductor", "Conductor", only(SURVEY.id), survey, CONDUCTOR),
            choice("worker", "Workers", only(SURVEY.id), survey, WORKER, told),
            choice("conductor_goal", "Conductor", by_words, own, model, splits, "Choose who conducts."),
            choice("worker_goal", "Workers", by_words, (same, *own), "", told),
            choice(
                "worker_list",
                "Who does the tasks",
                only(LIST.id),
                everybody,
                worker,
                by_program,
                "Choose who does them.",
            ),
        ),
    )


def _first(members: list[Member], *kinds: MemberKind) -> str:
    """The first of the first kind there is, but for what ships with the house; empty: a person is to choose."""
    of = {kind: [member.id for member in members if member.kind is kind and not member.bundled] for kind in kinds}
    return next((found[0] for found in of.values() if found), "")


def limits() -> Section:
    """Where it stops and asks."""
    usual = Limits()
    others = only(*(one for one in TEMPLATES if one != LIST.id))
    return Section(
        title="Limits",
        about="At a limit the group does not die: it stops and asks you.",
        folded=True,
        inputs=(
            _number("limits.max_live", "Sub-agents at once", "Live", usual.max_live, 1, 1_000, when=others),
            _number("limits.max_steps", "Steps of the whole group", "Steps", usual.max_steps, 1, 10_000_000),
            _number("limits.budget_usd", "Budget in USD", "Budget", 0, 0, 1e12, whole=False, zero="none", unit="$"),
            _number("limits.hours", "Hours", "Hours", 0, 0, 1e6, whole=False, zero="no limit"),
            _number("limit", "Files at most", "", 300, 1, 300, when=only(SURVEY.id)),
            _number(
                "pace",
                "Words a second of the bundled worker",
                "",
                12,
                0,
                1_000,
                when=only(SURVEY.id),
                hint="So that one can watch it. 0: as fast as it can.",
            ),
        ),
    )


def _number(
    path: str,
    label: str,
    brief: str,
    value: int,
    low: float,
    high: float,
    *,
    whole: bool = True,
    zero: str = "",
    unit: str = "",
    hint: str = "",
    when: Any = None,
) -> Input:
    return Input(
        name=path,
        label=label,
        kind="number",
        brief=brief,
        value=str(value),
        low=low,
        high=high,
        whole=whole,
        zero=zero,
        unit=unit,
        hint=hint or (f"0: {zero}." if zero else ""),
        when=when or {},
    )


def tools(house: Dispatcher) -> Section:
    """What the tools may do."""
    return Section(
        title="What the tools may do",
        about="Allow: a call starts by itself. Ask: it waits for a person. Deny: the tool is not there.",
        folded=True,
        inputs=(
            Input(
                name="policies",
                label="Tools",
                kind="tools",
                options=tool_options(house.people.tools("")),
                value={},
                brief="Tools",
                placeholder="No runner is up yet; its tools show once it is.",
            ),
        ),
    )


def then() -> Section:
    """What happens when it is made."""
    start = Input(name="start", label="Start right away", kind="check", value=True, brief="Start", wide=True)
    return Section(title="Then", inputs=(start,), end=True)


def filled(sections: Sequence[Section], plan: NewGroup) -> list[Section]:
    """The same with what a saved template holds in the fields."""
    held: dict[str, Any] = msgspec.to_builtins(plan)
    held["limits"] = {name: getattr(plan.limits, name) for name in plan.limits.__struct_fields__}
    return [replace(one, inputs=tuple(_filled(field, held) for field in one.inputs)) for one in sections]


def _filled(field: Input, held: dict[str, Any]) -> Input:
    if field.name in ("template", "name", "start"):
        return field
    value: Any = held
    for part in (field.path or field.name).split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if value is None or (field.kind == "choice" and value not in [option.value for option in field.options]):
        return field
    if field.kind == "tools":
        return replace(field, value=value)
    return replace(field, value=f"{value:g}" if isinstance(value, float) else str(value))
