"""Small random checkpoints of both architectures, which every engine loads: for tests, benchmarks and first steps."""

from backend.tiny.checkpoint import make
from backend.tiny.shape import SHAPES, Shape, VisionShape

__all__ = ["SHAPES", "Shape", "VisionShape", "make"]
