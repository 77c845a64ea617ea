"""``clawgroups take-over``: a person drives a sub-agent from a terminal, or with options, from a script."""

from __future__ import annotations

import contextlib
import shlex
from pathlib import Path
from typing import Annotated

import typer

from clawgroups.cli.calls import arguments_of
from clawgroups.cli.house import Home, Json, Person, running, settings_of
from clawgroups.cli.talk import Talk, tell_entries
from clawgroups.cli.wheel import Wheel
from clawgroups.cli.words import clock, driver_words, line, safe
from clawgroups.errors import Invalid

INTERRUPTED = 130
Agent = Annotated[str, typer.Argument(help="The sub-agent's id.")]
AfterStep = Annotated[
    bool, typer.Option("--after-step", help="Wait for the end of its step instead of stopping it now.")
]
Say = Annotated[str | None, typer.Option(help="Write a turn.", show_default=False)]
CALL = "Call a tool: its name, and its arguments as a JSON object. Given twice, only the last counts."
Call = Annotated[tuple[str, str] | None, typer.Option(help=CALL, metavar="NAME JSON", show_default=False)]
Finish = Annotated[str | None, typer.Option(help="End the task with this result.", show_default=False)]
HandBack = Annotated[str | None, typer.Option(help="Hand back with this note.", metavar="NOTE", show_default=False)]
To = Annotated[str, typer.Option(help="The member to hand back to (default: the former driver).")]


def take_over(
    agent: Agent,
    after_step: AfterStep = False,
    say: Say = None,
    call: Call = None,
    finish: Finish = None,
    hand_back: HandBack = None,
    to: To = "",
    person: Person = "",
    home: Home = None,
) -> None:
    """Take the wheel of a sub-agent, drive it, and hand it back.

    Without --say, --call, --finish and --hand-back it asks what to do, line by line. With them it does just that, in
    this order, and leaves; a wheel that was not handed back stays yours until its lease ends.
    """
    if finish is not None and hand_back is not None:
        raise Invalid("A task that is finished cannot be handed back.", hint="Choose --finish or --hand-back.")
    place = settings_of(home=home).home
    api = running(home, person)
    scripted = any(option is not None for option in (say, call, finish, hand_back))
    try:
        with contextlib.closing(api), Wheel(api, agent) as wheel:
            asked = [_call(wheel, call)] if call is not None else []
            if to:
                wheel.check_member(to)
            _take(wheel, after_step=after_step)
            if scripted:
                _act(wheel, say, asked, finish, hand_back, to)
            else:
                Talk(wheel).run()
            _tell_how_it_is_left(wheel, agent, place)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def _call(wheel: Wheel, call: tuple[str, str]) -> Json:
    """Checked before the wheel is taken: nobody is stopped for a slip of the pen."""
    name, text = call
    return {"name": name, "arguments": arguments_of(name, text, wheel.agent["tools"])}


def _take(wheel: Wheel, *, after_step: bool) -> None:
    before = wheel.agent
    name = line(before["name"], 40)
    typer.echo(f"{name}: {line(before['title'])}")
    typer.echo(f"driven so far by {driver_words(before['driver'])}, epoch {before['epoch']}, step {before['step']}")
    fresh = wheel.take(after_step=after_step, waiting=lambda: typer.echo("waiting for the end of its step ..."))
    agent = wheel.agent
    if not fresh:
        typer.echo(f"you hold its wheel already, epoch {agent['epoch']}")
        return
    typer.echo(f"you drive {name} now, epoch {agent['epoch']}, lease until {clock(agent['lease_until'])}")
    stop = agent["stop"]
    if stop is not None and stop["epoch"] == before["epoch"] and agent["taken"] is not None:
        proof = stop["proof"]
        after = max(0, int(stop["at"]) - int(agent["taken"]["at"]))
        typer.echo(
            f"proof of the stop, after {after} ms: model call {line(proof['model_call'])}; "
            f"processes found {proof['processes_found']}, left {proof['processes']} ({line(proof['detail'], 200)})"
        )
    else:
        typer.echo("nothing of it ran, so there was nothing to stop")
    partial = [entry for entry in wheel.thread(3) if entry["unfinished"]]
    tell_entries(partial)


def _act(wheel: Wheel, say: str | None, calls: list[Json], finish: str | None, hand_back: str | None, to: str) -> None:
    if say is not None or calls:
        wheel.write(say or "", calls)
        wheel.wait_for_calls()
        tell_entries(wheel.news())
    if finish is not None:
        wheel.write(finish, ends=True)
    if hand_back is not None:
        wheel.hand_back(hand_back, to)


def _tell_how_it_is_left(wheel: Wheel, agent: str, home: Path) -> None:
    now = wheel.read()
    name = line(now["name"], 40)
    if wheel.mine:
        back = shlex.join(["clawgroups", "take-over", safe(agent), "--home", str(home)])
        typer.echo(
            f"you keep the wheel of {name} until {clock(now['lease_until'])}: it stands still. Then it is paused, "
            f"never silently driven on.\ncome back: {back}"
        )
    else:
        typer.echo(f"{name} is {now['state'].replace('_', ' ')}; driver: {driver_words(now['driver'])}")
