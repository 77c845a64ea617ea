"""Turns a checkpoint in bf16 (or fp16, fp32, DeepSeek's FP8) into one whose routed experts are INT4, as Kimi's are."""

from backend.quantize.conversion import Progress, quantize
from backend.quantize.report import Report

__all__ = ["Progress", "Report", "quantize"]
