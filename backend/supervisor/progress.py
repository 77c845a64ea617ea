"""How far SGLang is, read from its log: a fraction and a sentence. The lines are those of SGLang 0.5.23."""

from __future__ import annotations

import re
from dataclasses import dataclass

SHARDS = re.compile(r"(?:checkpoint shards|Multi-thread loading shards):.*?(\d+)/(\d+)")
GRAPHS = re.compile(r"Capturing batches.*?(\d+)/(\d+)")
STAGES = (
    (re.compile(r"server_args=ServerArgs|server_args=\{"), 0.02, "Starting"),
    (re.compile(r"Init torch distributed begin"), 0.03, "Connecting the GPUs with each other"),
    (re.compile(r"Load weight begin"), 0.05, "Reading weights"),
    (re.compile(r"Load weight end"), 0.70, "Weights are read"),
    (re.compile(r"KV Cache is allocated|Memory pool end"), 0.75, "Making the KV cache"),
    (re.compile(r"Capture .*graph begin"), 0.78, "Recording CUDA graphs"),
    (re.compile(r"Capture .*graph end"), 0.92, "CUDA graphs are recorded"),
    (re.compile(r"Uvicorn running on|Application startup complete"), 0.95, "Trying it out"),
    (re.compile(r"fired up and ready to roll"), 1.0, "Ready"),
)
"""In the order in which they come. Fractions are of the time that a large checkpoint takes, by rule of thumb."""
READING = (0.05, 0.70)
RECORDING = (0.78, 0.92)


@dataclass(slots=True)
class Reader:
    """Follows one start. ``fraction`` never falls: several processes write the same log."""

    fraction: float = 0.0
    sentence: str = "Starting"

    def read(self, line: str) -> bool:
        """Takes a line of the log. True if it is further than before."""
        for pattern, (low, high), words in (
            (SHARDS, READING, "Reading weights: {0} of {1} files"),
            (GRAPHS, RECORDING, "Recording CUDA graphs: {0} of {1}"),
        ):
            found = pattern.search(line)
            if found:
                done, all_of_them = int(found[1]), max(1, int(found[2]))
                return self._reach(low + (high - low) * min(1.0, done / all_of_them), words.format(done, all_of_them))
        for stage, fraction, words in STAGES:
            if stage.search(line):
                return self._reach(fraction, words)
        return False

    def _reach(self, fraction: float, sentence: str) -> bool:
        if fraction <= self.fraction:
            return False
        self.fraction, self.sentence = fraction, sentence
        return True
