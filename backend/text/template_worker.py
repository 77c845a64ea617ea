"""Renders one chat template, in a process of its own: ``python -I template_worker.py MEMORY_BYTES SECONDS``.

A template comes with a checkpoint and may be hostile. Jinja's sandbox keeps it from Python, but not from looping for
ever or from making a string that fills the memory; the limits of a process keep it from both. It imports nothing of
ours. Messages are JSON after their length as eight bytes, on standard input and output: first the template, answered
by ``{}`` or ``{"error"}``, then for each set of variables ``{"text"}`` or ``{"error"}``.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from datetime import datetime
from typing import Any, NoReturn

from jinja2 import Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

LONGEST = 32 * 2**20  # characters of a prompt


class Refused(TemplateError):
    """What the template itself says against the messages."""


def refuse(message: Any) -> NoReturn:
    """``raise_exception``, which templates use to refuse messages."""
    raise Refused(str(message)[:500])


def as_json(value: Any, **form: Any) -> str:
    """``tojson`` as transformers has it: other than Jinja's own it escapes nothing for HTML."""
    form.setdefault("ensure_ascii", False)
    return json.dumps(value, **form)


def compiled(source: str) -> Template:
    """The template as transformers compiles it: blocks leave no blank lines, loops may break."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = as_json
    environment.globals["raise_exception"] = refuse
    environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    return environment.from_string(source)


def rendered(template: Template, variables: dict[str, Any]) -> str:
    """Raises Refused for a prompt that grows without end."""
    pieces, length = [], 0
    for piece in template.generate(variables):
        pieces.append(piece)
        length += len(piece)
        if length > LONGEST:
            raise Refused(f"it writes more than {LONGEST} characters")
    return "".join(pieces)


def told(error: Exception) -> dict[str, str]:
    """An error as an answer. Everything that a template can raise is one."""
    if isinstance(error, MemoryError):
        return {"error": "it needs more memory than a template may have"}
    own = isinstance(error, Refused)
    return {"error": str(error)[:500] if own else f"{type(error).__name__}: {str(error)[:500]}"}


def receive() -> Any:
    """The next message; ends the process when there is none."""
    source = sys.stdin.buffer
    length = int.from_bytes(source.read(8), "big")
    if not length:
        sys.exit(0)
    return json.loads(source.read(length))


def send(message: dict[str, str]) -> None:
    """Hands an answer over."""
    data = json.dumps(message).encode()
    sys.stdout.buffer.write(len(data).to_bytes(8, "big") + data)
    sys.stdout.buffer.flush()


def main() -> None:
    """Serves until standard input ends. The alarm ends a rendering whose asker is gone."""
    memory, seconds = int(sys.argv[1]), int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    template = None
    while True:
        message = receive()
        signal.alarm(seconds)
        try:
            if template is None:
                template = compiled(message["template"])
                answer: dict[str, str] = {}
            else:
                answer = {"text": rendered(template, message)}
        except Exception as error:
            answer = told(error)
        send(answer)
        signal.alarm(0)


if __name__ == "__main__":
    main()
