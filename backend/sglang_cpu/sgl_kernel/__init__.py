"""A stand-in for SGLang's kernel package, which exists for GPUs only; SGLang imports names of it on a CPU too.

Nothing of it is ever called there: SGLang sees that the operators are missing and takes its own paths in plain torch.
Whatever is called all the same says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn


def __getattr__(name: str) -> Callable[..., NoReturn]:
    if name.startswith("__"):
        raise AttributeError(name)

    def missing(*args: object, **options: object) -> NoReturn:
        raise NotImplementedError(f"sgl_kernel.{name} is a GPU kernel; this environment serves on the CPU")

    return missing
