"""Names of two operators that torchvision asks for when it is imported.

Its wheel that fits this torch is built for CUDA, whose libraries are not on a machine without a GPU, so its compiled
part does not load; and without it the import fails at two operators that it wants to describe. SGLang imports
torchvision for image transforms in plain torch, which work. ``backend setup`` adds the line that calls this to
torchvision's ``extension.py``.
"""

from __future__ import annotations

from typing import Any

import torch

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_library: Any = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
"""Kept as long as the process: what a library defined goes when it does."""


def declare() -> None:
    """Declares those that are missing; calling one of them still fails, with torch's own words."""
    for schema in SCHEMAS:
        name = schema.partition("(")[0]
        if not hasattr(torch.ops.torchvision, name):
            _library.define(schema)
