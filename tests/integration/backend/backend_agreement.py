"""What it means that our engine and SGLang agree on one checkpoint, over HTTP.

SGLang computes in bf16 throughout, our engine keeps activations in float32 for few rows and in bf16 for many. So
log-probabilities differ by bf16's rounding, and where two experts nearly tie for a token it may go to the other one.
What is held: half of all differences within 0.02, nine tenths within 0.1; and greedy tokens are the same up to a place,
if there is one, where SGLang's own two best differ by less than 0.25.
"""

from __future__ import annotations

import statistics
from typing import Any

import httpx
from backend_servers import Served

from backend.testing.engine_process import EngineProcess

Json = dict[str, Any]

GENERATED = 64
PROMPTS = [
    [256 + 3 * n % 90 for n in range(40)],
    [ord(letter) for letter in "Claw groups hand the wheel to people. "],
    [7, 7, 7, 7, 90, 91, 92, 93, 7, 7, 7, 7, 90, 91, 92],
]
MEDIAN, MOST, PART, NEAR = 0.02, 0.1, 0.9, 0.25


def _generate(url: str, prompt: list[int], headers: dict[str, str] | None = None) -> Json:
    sampling = {"temperature": 0, "max_new_tokens": GENERATED, "ignore_eos": True}
    body = {"input_ids": prompt, "sampling_params": sampling, "return_logprob": True, "logprob_start_len": 0,
            "top_logprobs_num": 2}  # fmt: skip
    answer = httpx.post(f"{url}/generate", json=body, headers=headers, timeout=300, trust_env=False)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()["meta_info"]
    return found


def _compared(ours: Json, theirs: Json, prompt: list[int]) -> tuple[list[float], int]:
    """Differences of the prompt's log-probabilities, and how many greedy tokens agree. Fails for a real divergence."""
    mine, other = ours["input_token_logprobs"][1:], theirs["input_token_logprobs"][1:]
    assert [one[1] for one in mine] == [one[1] for one in other] == prompt[1:]
    differences = [abs(a[0] - b[0]) for a, b in zip(mine, other, strict=True)]
    said, heard = ours["output_token_logprobs"], theirs["output_token_logprobs"]
    assert len(said) == len(heard) == GENERATED
    for place, (a, b) in enumerate(zip(said, heard, strict=True)):
        if a[1] != b[1]:
            best, second = theirs["output_top_logprobs"][place][:2]
            assert best[0] - second[0] < NEAR, f"token {place}: {a} and {b} are no near tie"
            return differences, place
        differences.append(abs(a[0] - b[0]))
    return differences, GENERATED


def agree(engine: EngineProcess, served: Served) -> None:
    """Both are asked the same, and fail the test where they differ by more."""
    differences: list[float] = []
    agreed = []
    for prompt in PROMPTS:
        more, same = _compared(_generate(engine.url, prompt), _generate(served.url, prompt, served.headers), prompt)
        differences += more
        agreed.append(same)
    close = sum(one <= MOST for one in differences) / len(differences)
    told = f"median {statistics.median(differences):.4f}, {close:.0%} within {MOST}, greedy tokens {agreed}"
    assert statistics.median(differences) <= MEDIAN, told
    assert close >= PART, told
    assert sum(agreed) >= GENERATED, told
