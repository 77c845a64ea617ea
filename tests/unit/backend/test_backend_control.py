"""The control of a backend: figures from metrics, history in bounded memory, routes behind a token."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from backend.control.app import build
from backend.control.gpus import parse_gpus
from backend.control.history import COARSE_S, FINE_FOR_S, FINE_S, History
from backend.control.monitor import Monitor
from backend.control.scrape import figures, totals
from backend.control.shapes import Figures
from backend.testing.scripted import Played

TEXT = """# HELP sglang:prompt_tokens_total Number of prefill tokens processed.
# TYPE sglang:prompt_tokens_total counter
sglang:prompt_tokens_total{model_name="kimi",tp_rank="0"} 900.0
sglang:prompt_tokens_total{model_name="kimi",tp_rank="1"} 100.0
# TYPE sglang:generation_tokens_total counter
sglang:generation_tokens_total{model_name="kimi"} 400.0
# TYPE sglang:cached_tokens_total counter
sglang:cached_tokens_total{model_name="kimi",cache_source="device"} 250.0
# TYPE sglang:num_running_reqs gauge
sglang:num_running_reqs{model_name="kimi"} 7.0
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total 12.0
"""


def test_metrics_are_summed_over_their_labels_and_other_programs_metrics_left_out() -> None:
    found = totals(TEXT)
    assert found["prompt_tokens_total"] == 1000
    assert "process_cpu_seconds_total" not in found
    told = figures(found, 100.0, None)
    assert (told.prompt_tokens, told.generated_tokens, told.running) == (1000, 400, 7)
    assert told.cache_hit_rate == 0.25


def test_the_router_of_sglang_passes_on_the_same_metrics_by_names_of_its_own() -> None:
    assert totals(TEXT.replace("sglang:", "sglang_")) == totals(TEXT)


def test_rates_come_from_the_totals_between_two_moments_and_never_from_an_engine_that_began_anew() -> None:
    before = Figures(at=90.0, prompt_tokens=500, generated_tokens=100)
    told = figures(totals(TEXT), 100.0, before)
    assert (told.prompt_tokens_per_s, told.tokens_per_s) == (50.0, 30.0)
    anew = figures(totals(TEXT), 100.0, Figures(at=90.0, prompt_tokens=5000, generated_tokens=9000))
    assert (anew.prompt_tokens_per_s, anew.tokens_per_s) == (0.0, 0.0)


def test_what_is_no_prometheus_text_is_refused() -> None:
    with pytest.raises(ValueError, match=r".+"):
        totals("<html>\nnot metrics at all {")


def test_the_history_keeps_a_day_in_bounded_memory_and_the_last_minutes_fine() -> None:
    history = History()
    day = int(2 * 24 * 3600 / FINE_S)
    for step in range(day):
        history.put(Figures(at=step * FINE_S))
    kept = history.since(0)
    assert len(kept) < 24 * 3600 / COARSE_S + FINE_FOR_S / FINE_S + 10
    times = [one.at for one in kept]
    assert times == sorted(set(times)), "in order, none twice"
    last = day * FINE_S
    assert len([at for at in times if at > last - FINE_FOR_S]) >= FINE_FOR_S / FINE_S - 1
    assert history.since(times[-2]) == [kept[-1]]


def test_a_clock_that_is_set_back_stops_no_chart() -> None:
    history = History()
    for step in range(2000):
        history.put(Figures(at=10_000 + step * FINE_S))
    seen = history.since(0)[-1].at
    for step in range(600):
        history.put(Figures(at=seen - 3600 + step * FINE_S))
        assert [one.at for one in history.since(seen)][-1] == seen - 3600 + step * FINE_S
    times = [one.at for one in history.since(0)]
    assert times == sorted(set(times)), "in order, none twice"
    assert times[-1] - times[0] > 1000, "what was before is kept"


def test_gpus_are_read_from_what_the_driver_prints_and_broken_lines_left_out() -> None:
    text = "0, NVIDIA H200, 1024, 143771, 37\n1, NVIDIA H200, [N/A], [N/A], [N/A]\n2, NVIDIA H200, 0, 143771, [N/A]\n\n"
    gpus = parse_gpus(text)
    assert [(gpu.index, gpu.used_bytes, gpu.busy_percent) for gpu in gpus] == [(0, 2**30, 37.0), (2, 0, None)]


@pytest.fixture
def subject() -> Played:
    return Played("http://127.0.0.1:9/metrics")


@pytest.fixture
def app(subject: Played) -> FastAPI:
    return build(subject, Monitor(subject), "secret")


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": "Bearer secret"}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://control", headers=headers) as made:
        yield made


@pytest.mark.parametrize("given", ["", "Bearer wrong", "Bearer ", "Basic secret", "Bearer sécret"])
@pytest.mark.parametrize(("method", "path"), [("GET", "/status"), ("GET", "/log"), ("POST", "/stop")])
async def test_nobody_without_the_token_sees_or_stops_anything(
    client: httpx.AsyncClient, subject: Played, given: str, method: str, path: str
) -> None:
    answer = await client.request(method, path, headers={"Authorization": given.encode()})
    assert answer.status_code == 401
    assert answer.json()["hint"]
    assert subject.asked == []


def test_a_control_without_a_token_is_not_built(subject: Played) -> None:
    with pytest.raises(ValueError, match="token"):
        build(subject, Monitor(subject), "")


async def test_it_says_how_it_is_and_does_what_it_is_asked(client: httpx.AsyncClient, subject: Played) -> None:
    assert (await client.get("/status")).json()["state"] == "ready"
    assert (await client.post("/stop")).json()["state"] == "stopped"
    assert (await client.post("/start")).json()["state"] == "loading"
    assert (await client.post("/explode")).status_code == 422
    assert subject.asked == ["stop", "start"]


async def test_a_log_that_began_anew_is_told_from_its_beginning(client: httpx.AsyncClient, subject: Played) -> None:
    subject.play({"log": ["a", "b"]})
    told = (await client.get("/log", params={"after": 500})).json()["lines"]
    assert [line["text"] for line in told] == ["a", "b"]
    assert (await client.get("/log", params={"after": 2})).json()["lines"] == []


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf"])
async def test_a_gauge_that_is_no_number_leaves_a_gap_and_ends_nothing(subject: Played, value: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, text=f"sglang:num_running_reqs {value}\n")

    monitor = Monitor(subject)
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        await monitor.look(client, "http://engine/metrics")
    assert monitor.history.last is None


def test_cache_hits_are_those_of_what_was_read_since_the_moment_before() -> None:
    before = Figures(at=90.0, prompt_tokens=900, cached_tokens=150, cache_hit_rate=0.1)
    assert figures(totals(TEXT), 100.0, before).cache_hit_rate == 1.0, "100 were read since, all of them known"
    idle = Figures(at=90.0, prompt_tokens=1000, cached_tokens=250, cache_hit_rate=0.1)
    assert figures(totals(TEXT), 100.0, idle).cache_hit_rate == 0.1


async def test_the_log_is_told_from_a_line_on(client: httpx.AsyncClient, subject: Played) -> None:
    subject.play({"log": [f"line {n}" for n in range(1, 6)]})
    told = (await client.get("/log", params={"after": 3})).json()["lines"]
    assert told == [{"number": 4, "text": "line 4"}, {"number": 5, "text": "line 5"}]
