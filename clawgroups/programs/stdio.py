"""The program's side of the protocol (docs/programs.md): messages in, words and calls out."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

Entry = dict[str, Any]
REPLY = (
    "I am a program and cannot answer: I do not read what people say, and go on with my task. Take over to change it."
)
TOOK_OVER = " took over your work "
NOTE = "note to you:\n"


def say(kind: str, **fields: Any) -> None:
    """Writes one message."""
    line = json.dumps({"type": kind, **fields}, ensure_ascii=False)
    sys.stdout.buffer.write(line.encode("utf-8", "replace") + b"\n")  # whatever the locale; never half a character
    sys.stdout.buffer.flush()


def speak(text: str, pace: float) -> None:
    """Shows words as they would be spoken, ``pace`` a second; 0 shows them at once."""
    if pace <= 0:
        say("text", text=text)
        return
    words = text.split(" ")
    for number, word in enumerate(words, 1):
        say("text", text=word if number == len(words) else f"{word} ")
        time.sleep(1 / pace)


def messages() -> Iterator[dict[str, Any]]:
    """What the runner says, until the end of input."""
    for line in sys.stdin.buffer:
        if line.strip():
            yield json.loads(line)


class Conversation:
    """The thread as the program knows it; grows with every ``results`` message."""

    def __init__(self, first: dict[str, Any]) -> None:
        self.task: str = first["task"]
        self._group = str(first.get("agent", {}).get("id", "")).split("-", 1)[0]
        self.thread: list[Entry] = list(first["thread"])

    def add(self, message: dict[str, Any]) -> None:
        """Takes in the results of the last calls, and whatever else the thread gained."""
        for result in message.get("results", []):
            self.thread.append({"role": "tool", **result})
        self.thread += message.get("entries", [])

    def asked(self, text: str, calls: list[dict[str, Any]]) -> None:
        """Keeps what this program itself said."""
        self.thread.append({"role": "assistant", "content": text, "calls": calls})

    def results(self, name: str) -> list[tuple[dict[str, Any], Entry]]:
        """(arguments, result) of every closed call of a tool, whoever made it, in order."""
        made: dict[str, dict[str, Any]] = {}
        found = []
        for entry in self.thread:
            for call in entry.get("calls", ()):
                made[call["id"]] = call
            call = made.get(entry.get("call_id", "")) if entry["role"] == "tool" else None
            if call is not None and call["name"] == name:
                found.append((_arguments(call), entry))
        return found

    def waits_for_reply(self) -> bool:
        """Whether a person has said something since the last whole turn. Words of other sub-agents want no reply."""
        for entry in reversed(self.thread):
            if entry["role"] == "assistant" and not entry.get("unfinished"):
                return False
            if entry.get("kind") == "steer" and not str(entry.get("by", "")).startswith(f"{self._group}-"):
                return True
        return False

    def people_at_work(self) -> list[tuple[str, str]]:
        """Who drove in this program's place, as (name, note for it), by the records of it in the thread."""
        records = [entry for entry in self.thread if entry.get("kind") in ("hand_back", "lapse")]
        return [_who_and_note(str(entry.get("content", "")), str(entry.get("by", ""))) for entry in records]


def _who_and_note(record: str, by: str) -> tuple[str, str]:
    name, took_over, _ = record.partition(TOOK_OVER)
    note = record.split(NOTE, 1)[1].split("\n\nGo on from here", 1)[0] if NOTE in record else ""
    return name if took_over else by, " ".join(note.split())


def serve(turn: Callable[[Conversation], bool]) -> None:
    """Serves one sub-agent: ``turn`` is called whenever it is the program's turn, until it says that the task ended."""
    conversation: Conversation | None = None
    for message in messages():
        if message["type"] == "stop":
            return
        if message["type"] == "task":
            conversation = Conversation(message)
        elif conversation is not None:
            conversation.add(message)
        if conversation is not None and turn(conversation):
            return


def call_tools(conversation: Conversation, text: str, calls: list[tuple[str, dict[str, Any]]], pace: float = 0) -> bool:
    """Ends a turn with words and calls, (name, arguments) each. Always False: the task goes on with their results.

    A person who has said something gets a reply with it, once.
    """
    if conversation.waits_for_reply():
        text = f"{REPLY}\n\n{text}".rstrip()
    speak(text, pace)
    number = len(conversation.thread)
    made = [{"id": f"c{number}_{i}", "name": name, "arguments": args} for i, (name, args) in enumerate(calls)]
    conversation.asked(text, made)
    say("calls", calls=made)
    return False


def end(conversation: Conversation, text: str) -> bool:
    """Ends the task with its result: True. A reply that is due is no part of it: it takes a turn that only looks."""
    if conversation.waits_for_reply():
        return call_tools(conversation, "", [("list_files", {"path": "."})])
    say("result", text=text)
    return True


def _arguments(call: dict[str, Any]) -> dict[str, Any]:
    arguments = call.get("arguments", {})
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except json.JSONDecodeError:
            return {}
    return arguments if isinstance(arguments, dict) else {}


def ok(result: Entry) -> bool:
    """Whether a call did what was asked."""
    return result.get("fate", "done") in ("", "done")


def is_open(result: Entry) -> bool:
    """Whether a call came to nothing, so that it may be asked for again: it never ran, or nobody knows."""
    return result.get("fate", "") in ("not_started", "unknown")


def settings_of(task: str) -> dict[str, Any]:
    """The JSON object on the task's last line; empty when there is none."""
    try:
        found = json.loads(task.strip().rsplit("\n", 1)[-1])
    except json.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def pace_of(settings: dict[str, Any]) -> float:
    """Words a second; 12 where the task does not say."""
    pace = settings.get("pace", 12)
    return float(pace) if isinstance(pace, int | float) else 12.0
