"""The backend's page in a real browser: from nothing set to a serving engine, its figures, failures and switches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser_faults import Faults, Opener
from playwright.sync_api import expect

from clawgroups.testing.backend_process import BackendControl
from clawgroups.testing.server_process import ServerProcess

GPU = {"index": 0, "name": "NVIDIA H200", "used_bytes": 100 * 2**30, "total_bytes": 141 * 2**30, "busy_percent": 81.0}
PLAN = {
    "rows": [{"label": "Weights", "value": "554.3 GiB", "note": "69.3 GiB a GPU"}],
    "nodes": [{"rank": 0, "host": "gpu-1", "command": "sglang serve --tp 8"}],
    "warnings": ["The context is shorter than the model allows."],
}
HOSTILE = "<img src=x onerror=alert(1)>\u202eevil"
SERVES: dict[str, Any] = {
    "state": "ready", "url": "http://127.0.0.1:9/v1", "served_name": "kimi-k2.6", "context": 262144, "error": None,
    "attribution": "Kimi K2.6", "gpus": [GPU], "plan": PLAN, "model": "/models/Kimi-K2.6",
}  # fmt: skip


@pytest.fixture(scope="module")
def control() -> Iterator[BackendControl]:
    with BackendControl() as running:
        yield running


@pytest.fixture(scope="module")
def with_backend(control: BackendControl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with ServerProcess(tmp_path_factory.mktemp("served"), env=control.env) as running:
        yield running.url


@pytest.fixture
def serving(control: BackendControl) -> BackendControl:
    control.play(**SERVES, metrics={"num_running_reqs": 12, "num_queue_reqs": 3, "max_total_num_tokens": 1000})
    return control


@pytest.mark.parametrize(("width", "theme"), [(1440, "dark"), (390, "light")])
def test_a_serving_backend_shows_its_model_its_figures_its_memory_and_its_plan(
    serving: BackendControl, with_backend: str, open_page: Opener, width: int, theme: str
) -> None:
    page = open_page("/backend", at=with_backend, width=width, theme=theme)
    expect(page.locator(".back-state")).to_have_text("✓Serving")
    expect(page.get_by_role("heading", name="kimi-k2.6")).to_be_visible()
    expect(page.locator(".back-licence")).to_have_text("Powered by Kimi K2.6")
    expect(page.locator(".back-tile", has_text="Running")).to_contain_text("12")
    expect(page.locator(".back-gpus")).to_contain_text("100.0 GiB of 141.0 GiB")
    page.get_by_text("Command of gpu-1").click()
    expect(page.get_by_text("sglang serve --tp 8")).to_be_visible()
    expect(page.locator(".chart")).to_have_count(4)
    expect(page.get_by_role("img", name="Requests: running 12, waiting 3")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out at the side"
    grave = [one for one in Axe().run(page).response["violations"] if one["impact"] in ("serious", "critical")]
    assert not grave, grave


def test_the_licence_of_the_model_is_shown_on_every_page(
    serving: BackendControl, with_backend: str, open_page: Opener
) -> None:
    page = open_page("/", at=with_backend)
    expect(page.locator(".house-licence")).to_have_text("Powered by Kimi K2.6")


def test_loading_and_failing_are_said_where_they_happen_and_on_every_other_page(
    serving: BackendControl, with_backend: str, open_page: Opener
) -> None:
    serving.play(state="loading", progress={"fraction": 0.43, "sentence": "Loading shard 28 of 64"})
    page = open_page("/backend", at=with_backend)
    bar = page.get_by_role("progressbar", name="Loading")
    expect(bar).to_have_attribute("aria-valuenow", "43")
    expect(page.get_by_text("Loading shard 28 of 64")).to_be_visible()
    serving.play(state="failed", error={"sentence": HOSTILE, "hint": "Lower the context."})
    expect(page.locator(".back-fault")).to_contain_text(HOSTILE)
    expect(page.locator(".back-fault")).to_contain_text("Lower the context.")
    home = open_page("/", at=with_backend)
    expect(home.locator(".banner", has_text="The backend is down.")).to_contain_text(HOSTILE)
    home.get_by_role("link", name="See the backend").click()
    expect(home.get_by_role("button", name="Start")).to_be_visible()


def test_the_switches_work_and_one_named_at_the_start_cannot_be_changed_here(
    serving: BackendControl, with_backend: str, open_page: Opener
) -> None:
    page = open_page("/backend", at=with_backend)
    expect(page.get_by_role("button", name="Change…")).to_be_disabled()
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".back-state")).to_have_text("–Stopped")
    page.get_by_role("button", name="Start").click()
    expect(page.locator(".back-state")).to_have_text("…Loading")
    assert serving.play()[-2:] == ["stop", "start"]


def test_the_log_is_read_while_it_is_open(serving: BackendControl, with_backend: str, open_page: Opener) -> None:
    serving.play(log=["Load weight begin."])
    page = open_page("/backend", at=with_backend)
    page.locator(".back-log summary").click()
    expect(page.locator(".back-log pre")).to_contain_text("Load weight begin.")
    serving.play(log=[HOSTILE])
    expect(page.locator(".back-log pre")).to_contain_text(HOSTILE)


def test_from_nothing_set_an_admin_connects_and_takes_it_away_again(
    serving: BackendControl, open_page: Opener, faults: Faults
) -> None:
    page = open_page("/backend")
    faults.allow("status of 422")
    expect(page.locator(".back-state")).to_have_text("–Not set")
    source = page.get_by_label("Folder or address")
    page.get_by_role("button", name="Serve it").click()
    expect(page.get_by_text("Give a folder or an address.")).to_be_visible()
    source.fill("/no/such/model")
    page.get_by_label("Options").fill('--context "32768')
    page.get_by_role("button", name="Serve it").click()
    expect(page.get_by_text("A quote is not closed.")).to_be_visible()
    page.get_by_label("Options").fill("")
    page.get_by_role("button", name="Serve it").click()
    expect(page.get_by_text("/no/such/model is no checkpoint's folder.")).to_be_visible()
    source.fill(serving.address)
    page.get_by_label("Token of its control").fill(serving.token)
    page.get_by_role("button", name="Connect").click()
    expect(page.locator(".back-state")).to_have_text("✓Serving")
    page.get_by_role("button", name="Change…").click()
    page.get_by_role("button", name="Use none…").click()
    page.get_by_role("dialog").get_by_role("button", name="Use none").click()
    expect(page.locator(".back-state")).to_have_text("–Not set")


def test_options_come_back_from_the_form_as_they_were(open_page: Opener) -> None:
    words = ["--options", '--json-model-override-args {"num": 1}', "", "it's", "both \"a\" and 'b'", "plain", "a b"]
    page = open_page("/backend")
    back = page.evaluate(
        """async (words) => {
          const { joined, split } = await import("/claw/backend_form.js");
          return split(joined(words));
        }""",
        words,
    )
    assert back == words


def test_a_backend_that_goes_away_is_told_in_words(
    open_page: Opener, faults: Faults, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with BackendControl() as control:
        control.play(**SERVES)
        with ServerProcess(tmp_path_factory.mktemp("away"), env=control.env) as running:
            page = open_page("/backend", at=running.url)
            expect(page.locator(".back-state")).to_have_text("✓Serving")
            faults.allow("status of 503")  # the figures, in the second before it is known that it went away
            control.end()
            expect(page.locator(".back-state")).to_have_text("×Does not answer")
            expect(page.locator(".back-fault")).to_contain_text(control.address)
            page.close()  # before its own server ends
