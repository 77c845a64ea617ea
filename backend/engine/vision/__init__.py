"""What a Kimi model sees with: MoonViT-3D, its projector, and how an image becomes patches."""

from backend.engine.vision.load import load_vision
from backend.engine.vision.preprocess import ReadImage, read_image

__all__ = ["ReadImage", "load_vision", "read_image"]
