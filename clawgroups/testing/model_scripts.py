"""Models that are scripts: what each says follows from the messages it is sent, and from nothing else.

So they go on correctly after a crash, a hand-back or a reassignment, as a real model does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import cycle, islice
from typing import Any

from clawgroups.testing.model_reply import Call, Piece, Reply, Text, refuses, says

OFFERED = ("echo", "worker-90", "conductor-5", "endless")
_NAME = re.compile(r"(echo|worker|conductor|reviewed|asker|endless)(?:-(\d+))?(?:@([\d.]+))?\Z")
_TASK = re.compile(r"Task (\d+) of \d+ for a model that is a script\.")
_PROSE = re.findall(
    r"\w+",
    "the folder holds files and each of them is read once then measured and described in a line "
    "so that a person who looks at the wall sees what is under way and what comes next",
)
_SENT_BACK = "Your result was not accepted:"
Script = Callable[[dict[str, Any]], Reply]


def named(rate: float = 30.0) -> Script:
    """Answers by the model's name: ``echo``, ``worker-N``, ``conductor-N``, ``reviewed-N``, ``asker``, ``endless``.

    N is the number of words of a worker over all its turns, or of tasks that a conductor assigns; those of
    ``reviewed`` are to be accepted by a person. ``asker`` asks a person one question. ``@R`` behind any of them sets
    its own rate in words a second, 0 for all at once: ``worker-90@0``.
    """

    def script(body: dict[str, Any]) -> Reply:
        found = _NAME.match(str(body.get("model")))
        if not found:
            return refuses(404, f"The model {body.get('model')!r} does not exist.", code="model_not_found")
        kind, number, own = found.groups()
        speed = rate if own is None else float(own)
        count = int(number or 0)
        match kind:
            case "echo":
                return says(Text(f"You said: {_last_user(body)}", speed))
            case "endless":
                return says(Text(prose(200) + " ", speed, forever=True))
            case "conductor" | "reviewed":
                return _conductor(body, count or 5, speed, "It names every file." if kind == "reviewed" else "")
            case "asker":
                return _asker(body, speed)
            case _:
                return _worker(body, count or 90, speed)

    return script


def prose(count: int) -> str:
    """So many words."""
    return " ".join(islice(cycle(_PROSE), count))


def _worker(body: dict[str, Any], count: int, rate: float) -> Reply:
    """Lists its folder, writes a note, then says what it did; a third of its words each. Only with tools it has."""
    task, results = _first_user(body), _results(body)
    plan = [
        Call("list_files", {"path": "."}),
        Call("write_file", {"path": "note.txt", "content": f"{task[:200]}\n"}),
    ]
    if _last_user(body).startswith(_SENT_BACK):
        return _rework(body, rate)
    turns = [call for call in plan if call.name in _offered(body)]
    share = max(1, count // (len(turns) + 1))
    for call in turns:
        if call.name not in results:
            return says(Text(prose(share), rate), call)
    told = [f"{name} answered {len(text)} characters" for name, text in results.items()]
    result = f"\n\nResult: {task[:80]}\n{'; '.join(told) or 'no tools were used'}."
    return says(Text(prose(share) + result, rate))


def _rework(body: dict[str, Any], rate: float) -> Reply:
    """Its result was sent back: it writes the reasons down, where it can, and delivers anew."""
    reasons = _last_user(body).removeprefix(_SENT_BACK).strip()
    if body["messages"][-1].get("role") == "user" and "write_file" in _offered(body):
        return says(Text("I mend it.", rate), Call("write_file", {"path": "reasons.txt", "content": f"{reasons}\n"}))
    return says(Text(f"Result: mended, since I was told: {reasons}", rate))


def _asker(body: dict[str, Any], rate: float) -> Reply:
    """Asks a person, and ends with what they answered."""
    answers = _results(body)
    if "ask_person" not in answers:
        return says(Text("That is not mine to decide.", rate), Call("ask_person", {"question": "Tea or coffee?"}))
    return says(Text(f"Result: it will be {answers['ask_person']}", rate))


def _conductor(body: dict[str, Any], count: int, rate: float, acceptance: str = "") -> Reply:
    """Creates a sub-agent, assigns all tasks in one turn, and closes when all have answered.

    Its sub-agents may be driven by the same model: on a task of its own making it is a worker.
    """
    if _TASK.match(_first_user(body)):
        return _worker(body, 90, rate)
    calls = _calls(body)
    if "create_subagent" not in calls:
        role = {"name": "worker", "system_prompt": "You do one task of a test run."}
        return says(Text("I create a sub-agent first.", rate), Call("create_subagent", role))
    assigned = calls.get("assign_task", 0)
    if assigned < count:
        opening: list[Piece] = [Text(f"{count - assigned} tasks to assign.", rate)]
        for number in range(assigned + 1, count + 1):
            prompt = f"Task {number} of {count} for a model that is a script. Describe the folder."
            task = {"agent": "worker", "prompt": prompt, "title": f"Task {number}"}
            opening.append(Call("assign_task", {**task, "acceptance": acceptance} if acceptance else task))
        return Reply(tuple(opening))
    done = sum("Result:" in text for text in _all_results(body, "assign_task"))
    return says(Text(f"All {assigned} tasks have answered, {done} of them with a result.", rate))


def _messages(body: dict[str, Any], role: str) -> list[dict[str, Any]]:
    return [message for message in body.get("messages") or [] if message.get("role") == role]


def _first_user(body: dict[str, Any]) -> str:
    users = _messages(body, "user")
    return str(users[0].get("content") or "") if users else ""


def _last_user(body: dict[str, Any]) -> str:
    users = _messages(body, "user")
    return str(users[-1].get("content") or "") if users else ""


def _offered(body: dict[str, Any]) -> set[str]:
    return {tool["function"]["name"] for tool in body.get("tools") or []}


def _names(body: dict[str, Any]) -> dict[str, str]:
    """Call id to tool name, of the whole thread."""
    return {
        call["id"]: call["function"]["name"]
        for message in _messages(body, "assistant")
        for call in message.get("tool_calls") or []
    }


def _calls(body: dict[str, Any]) -> dict[str, int]:
    counted: dict[str, int] = {}
    for message in _messages(body, "assistant"):
        for call in message.get("tool_calls") or []:
            name = call["function"]["name"]
            counted[name] = counted.get(name, 0) + 1
    return counted


def _results(body: dict[str, Any]) -> dict[str, str]:
    """Tool name to its newest result."""
    names = _names(body)
    return {
        names.get(message.get("tool_call_id", ""), "?"): str(message.get("content"))
        for message in _messages(body, "tool")
    }


def _all_results(body: dict[str, Any], tool: str) -> list[str]:
    names = _names(body)
    results = [message for message in _messages(body, "tool") if names.get(message["tool_call_id"]) == tool]
    return [message["content"] if isinstance(message["content"], str) else json.dumps(message) for message in results]
