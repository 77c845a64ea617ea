"""What can go wrong in the backend, each error with a sentence for people and a way to mend it.

BackendError
├── CheckpointError     a folder that is no checkpoint, or one that is damaged or not supported
├── PlanRefused         no layout of this model fits on this hardware
├── EnvironmentMissing  a program or package that has to be installed first
├── LaunchFailed        SGLang did not come up, or went down
└── RequestRefused      a request that is not served; ``status`` is its HTTP status
    ├── ContextTooLong
    ├── QueueFull
    └── EngineStopped
"""

from __future__ import annotations

import os
import shutil
import sys

CALLED = "BACKEND_CALLED_AS"
"""The variable in which a program that passes commands on to us says what was typed instead of our name."""


def typed(words: str) -> str:
    """A command of ours as it is typed here: ``clawgroups backend setup``, or with this Python where that is not."""
    found = "clawgroups backend" if shutil.which("clawgroups") else f"{sys.executable} -m backend"
    return f"{os.environ.get(CALLED) or found} {words}"


class BackendError(Exception):
    """Base of all. ``sentence`` says what is wrong and where, ``hint`` how to mend it ("" if nothing can be done)."""

    def __init__(self, sentence: str, hint: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.sentence} {self.hint}".strip()


class CheckpointError(BackendError):
    """A folder that is no checkpoint, or one that is damaged or not supported."""


class PlanRefused(BackendError):
    """No layout of this model fits on this hardware."""


class EnvironmentMissing(BackendError):
    """A program or package that has to be installed first."""


class LaunchFailed(BackendError):
    """SGLang did not come up, or went down."""


class RequestRefused(BackendError):
    """A request that is not served. ``status`` is its HTTP status."""

    status = 400


class ContextTooLong(RequestRefused):
    """The prompt alone is longer than the model's context; worded as SGLang words it, which clients look for."""

    def __init__(self, tokens: int, context: int) -> None:
        super().__init__(
            f"The input ({tokens} tokens) is longer than the model's context length ({context} tokens).",
            "Send a shorter conversation.",
        )
        self.tokens = tokens
        self.context = context


class QueueFull(RequestRefused):
    """As many requests wait as are allowed to."""

    status = 429

    def __init__(self, waiting: int) -> None:
        super().__init__(
            f"The queue is full: {waiting} requests wait already.", "Try again in a moment, or raise --max-queued."
        )


class EngineStopped(RequestRefused):
    """The engine does not run: it was not started, it is stopping, or it broke down."""

    status = 503
