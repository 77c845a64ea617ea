"""How far the INT4 weights are from those of the source, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

Key = tuple[int, str]


@dataclass(slots=True)
class Error:
    """Sums over weights: of squared errors and of squared weights, and the largest error."""

    squared: float = 0.0
    weight: float = 0.0
    largest: float = 0.0

    def add(self, other: Error) -> None:
        """Take in what another sum says."""
        self.squared += other.squared
        self.weight += other.weight
        self.largest = max(self.largest, other.largest)

    @property
    def relative(self) -> float:
        """Root mean square of the error by that of the weights."""
        return math.sqrt(self.squared / self.weight) if self.weight else 0.0


@dataclass(slots=True)
class Report:
    """Errors by layer and matrix ("gate_proj", "up_proj", "down_proj")."""

    errors: dict[Key, Error] = field(default_factory=dict)

    def add(self, key: Key, error: Error) -> None:
        """Take in one expert's matrix, or what is known of several."""
        self.errors.setdefault(key, Error()).add(error)

    def join(self, other: Report) -> None:
        """Take in another report."""
        for key, error in other.errors.items():
            self.add(key, error)

    @property
    def layers(self) -> dict[int, Error]:
        """By layer, all matrices together."""
        return {
            layer: together(error for (one, _), error in self.errors.items() if one == layer)
            for layer in sorted({layer for layer, _ in self.errors})
        }

    def as_json(self) -> dict[str, object]:
        """What ``quantize_report.json`` holds; errors are in units of the weights, or relative to their size."""
        layers = []
        for layer, error in self.layers.items():
            matrices = {
                matrix: _figures(one) for (number, matrix), one in sorted(self.errors.items()) if number == layer
            }
            layers.append({"layer": layer, **_figures(error), "matrices": matrices})
        return {"total": _figures(together(self.errors.values())), "layers": layers}


def together(errors: Iterable[Error]) -> Error:
    """Several sums as one."""
    whole = Error()
    for error in errors:
        whole.add(error)
    return whole


def _figures(error: Error) -> dict[str, float]:
    return {"relative_rms_error": error.relative, "largest_error": error.largest}
