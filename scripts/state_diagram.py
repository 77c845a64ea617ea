"""Writes docs/states.md from the tables of the rules: `python scripts/state_diagram.py`. A test compares the two."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from clawgroups.group.command_table import OVER, ROWS, Refusal, Row, Situation
from clawgroups.group.refusals import RULES
from clawgroups.group.transitions import diagram

ROOT = Path(__file__).parents[1]
FILE = ROOT / "docs" / "states.md"
GROUP = ROOT / "clawgroups" / "group"

INTRO = """\
# The states of a sub-agent

Made by `python scripts/state_diagram.py` from `clawgroups/group/`: do not edit it by hand.

A sub-agent is `queued`, `driving`, `handing_over`, `waiting`, `paused`, or ended: `done`, `failed`, `cancelled`.
Who drives is a separate fact: the member, the epoch, since when, and for a person until when the lease runs.
The epoch rises by one at every change of driver, in the same commit; whatever arrives with an older one is refused.

## Which event leads where

From `group/transitions.py`. An event that is not in this table is refused by `evolve`, whoever asks for it. Events that
leave the state as it is are not drawn.

"""
COMMANDS = """
## What can be asked when

From `group/command_table.py`. A cell says what state follows, *stays* where it does not change (what is asked for then
happens at the next step boundary), or the rule that refuses in brackets.

"""
REFUSALS = """
## Rules that refuse

Each refusal has a sentence, a hint where one helps, the rule's name and the state that it met. `…` stands for what
differs from case to case.

"""


def document() -> str:
    """The whole page."""
    return INTRO + f"```mermaid\n{diagram()}```\n" + COMMANDS + _commands() + REFUSALS + _refusals()


def _commands() -> str:
    shown = [situation for situation in Situation if situation not in OVER[1:]]
    heads = ["what is asked", "by", *("ended" if s is OVER[0] else s.value for s in shown)]
    lines = [heads, ["---"] * len(heads)]
    lines += [[row.name, row.by, *(_cell(row, situation) for situation in shown)] for row in ROWS]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(row: Row, situation: Situation) -> str:
    outcome = row.outcomes[situation]
    if isinstance(outcome, Refusal):
        return f"({outcome.rule})"
    return "*stays*" if outcome is situation else outcome.value


def _refusals() -> str:
    said = sentences()
    lines = ["| rule | what it protects | what it says |", "| --- | --- | --- |"]
    for rule, meaning in sorted(RULES.items()):
        lines.append(f"| `{rule}` | {meaning} | {'<br>'.join(sorted(said[rule]))} |")
    return "\n".join(lines) + "\n"


def sentences() -> dict[str, set[str]]:
    """Every rule that the source names in a refusal, with the sentences it says."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in [*sorted(GROUP.glob("*.py")), ROOT / "clawgroups" / "errors.py"]:
        for call in _calls(ast.parse(path.read_text())):
            match ast.unparse(call.func), [argument for argument in call.args]:
                case "refuse", [ast.Constant(value=str(rule)), _, sentence, *_]:
                    found[rule].add(_text(sentence))
                case "Refused" | "super().__init__", [ast.Constant(value=str(rule)), _, sentence, *_]:
                    found[rule].add(_text(sentence))
                case "draft.live", [_, ast.Constant(value=str(rule))]:
                    found[rule].add("… has ended (…).")
                case "_need", [_, ast.Constant(value=str(rule)), *_]:
                    found[rule].add("The group is …; this needs it to be ….")
    return found


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _text(sentence: ast.expr) -> str:
    match sentence:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in parts)
    raise ValueError(f"a refusal's sentence must be written where it is refused: {ast.unparse(sentence)}")


if __name__ == "__main__":
    FILE.write_text(document())
