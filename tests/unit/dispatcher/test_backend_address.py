"""Where a backend on another machine is asked: its own loopback is not ours."""

from __future__ import annotations

import pytest

from clawgroups.dispatcher.backend.client import reachable


@pytest.mark.parametrize(
    ("told", "control", "asked"),
    [
        ("http://127.0.0.1:30000/v1", "http://gpu-1:8712", "http://gpu-1:30000/v1"),
        ("http://[::1]:30000/v1", "https://10.0.0.5:8712", "http://10.0.0.5:30000/v1"),
        ("http://127.0.0.1:30000/v1", "http://127.0.0.1:8712", "http://127.0.0.1:30000/v1"),
        ("http://models.example/v1", "http://gpu-1:8712", "http://models.example/v1"),
        ("http://127.0.0.1:1/v1", "http://[::1]:2", "http://127.0.0.1:1/v1"),
    ],
)
def test_an_engine_on_its_own_loopback_is_asked_at_its_controls_machine(told: str, control: str, asked: str) -> None:
    assert reachable(told, control) == asked
