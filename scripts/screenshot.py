"""Makes the pictures of the documentation, and one of every state at every size in both themes to look through.

A home is seeded with groups in every state (``clawgroups.testing.seed``); a real server and runner go on driving them,
with models that are scripts and write on. Run it with ``make screenshots``: the pictures that are shown come to
``docs/``, all of them to ``build/pictures/`` with a page to look at them side by side.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, Error, Page, expect, sync_playwright
from scenes import BUSY, FIRST_SCENES, MINE, SCENES, Scene

from clawgroups.testing.model_process import ModelProcess
from clawgroups.testing.seed import fill
from clawgroups.testing.seed_words import MODULES
from clawgroups.testing.server_process import ServerProcess

ROOT = Path(__file__).resolve().parent.parent
DOCS, ALL = ROOT / "docs" / "pictures", ROOT / "build" / "pictures"
SIZES = {1440: 900, 1024: 768, 390: 844}
LOOKS = [(width, theme) for width in SIZES for theme in ("dark", "light")]  # the first is the documentation's
LARGEST = 400_000  # bytes of a picture in the documentation
PATIENCE_S = 60.0
STEADY = 30  # readings, a tenth of a second apart
Json = dict[str, Any]


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Makes the pictures from the running program.")
    parser.add_argument("scenes", nargs="*", help="only these; the documentation's own stay as they are")
    parser.add_argument("--docs", action="store_true", help="only those of the documentation")
    options = parser.parse_args()
    wanted = set(options.scenes)
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        sys.exit("Chromium is needed: install it, or name it in the environment as CHROMIUM.")
    ALL.mkdir(parents=True, exist_ok=True)
    failed: list[str] = []
    with ExitStack() as stack:
        busy, empty = stack.enter_context(_seeded()), stack.enter_context(_empty())
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        key = (empty.home / "set-up.key").read_text().strip()
        for server, scenes in ((busy, SCENES), (empty, FIRST_SCENES)):
            for scene in scenes:
                url = server.url + scene.path.format(key=key)
                if options.docs:
                    failed += _all_of(scene, browser, url, LOOKS[:1], docs=True) if scene.docs else []
                elif not wanted or scene.name in wanted:
                    failed += _all_of(scene, browser, url, LOOKS, docs=not wanted)
        browser.close()
    _sheet()
    if failed:
        sys.exit("Not taken: " + ", ".join(failed))


@contextmanager
def _seeded() -> Iterator[ServerProcess]:
    """A server on a house with groups in every state, of which one is driven by models that write on."""
    with tempfile.TemporaryDirectory(prefix="claw-pictures-") as home, ModelProcess() as models:
        asyncio.run(fill(Path(home), models=models.base_url))
        with ServerProcess(Path(home), env={"CLAWGROUPS_FOLDER": _folder(Path(home))}) as server:
            with httpx.Client(base_url=server.api, timeout=30, trust_env=False) as api:
                _calm(api)
                _take_over(api)
            yield server


@contextmanager
def _empty() -> Iterator[ServerProcess]:
    """A server on a new home."""
    with (
        tempfile.TemporaryDirectory(prefix="claw-pictures-") as home,
        ServerProcess(Path(home), env={"CLAWGROUPS_FOLDER": _folder(Path(home))}) as server,
    ):
        yield server


def _folder(home: Path) -> str:
    """A folder to offer, so that the pictures name no place of the machine that made them."""
    folder = home / "billing"
    (folder / "src").mkdir(parents=True)
    for module in MODULES:
        (folder / "src" / f"{module}.py").write_text(f'"""The {module} of the billing client."""\n')
    return str(folder)


def _calm(api: httpx.Client) -> None:
    """Everybody who was at work in the seeded group is at work again."""
    seen: list[int] = []

    def steady() -> bool:
        seen.append(_done(api.get(f"/groups/{BUSY}"))["counts"]["driving"])
        return len(seen) > STEADY and len(set(seen[-STEADY:])) == 1

    _wait(steady, "a calm group")


def _take_over(api: httpx.Client) -> None:
    """Takes one sub-agent over and works in its place: two files, written by its own tool."""
    _wait(lambda: _agent(api)["state"] == "driving", "a sub-agent at work")
    _done(api.post(f"/agents/{MINE}/take-over", json={}))
    for path, content in {
        "notes/callers.md": "# Callers of the old client\n\n- src/checkout.py, line 14\n- src/refunds.py, line 9\n",
        "client.py": "class Client:\n    def __init__(self, key: str) -> None:\n        self.key = key\n",
    }.items():
        _wait(lambda: not _agent(api)["calls"] and _agent(api)["state"] == "driving", "a free wheel")
        call = {"id": "", "name": "write_file", "arguments": {"path": path, "content": content}}
        step = {"epoch": _agent(api)["epoch"], "content": "", "tool_calls": [call]}
        _done(api.post(f"/agents/{MINE}/steps", json=step))
    _wait(lambda: not _agent(api)["calls"], "the files")


def _all_of(scene: Scene, browser: Browser, url: str, looks: Sequence[tuple[int, str]], *, docs: bool) -> list[str]:
    """Takes it at these widths in these themes; returns what could not be taken."""
    failed = []
    for width, theme in looks:
        name = f"{scene.name}-{width}-{theme}.png"
        try:
            _take(scene, browser, url, ALL / name, width, SIZES[width], theme)
        except (AssertionError, Error) as error:
            failed.append(name)
            sys.stderr.write(f"{name}: {str(error).splitlines()[0]}\n")
    width, theme = LOOKS[0]
    shown = ALL / f"{scene.name}-{width}-{theme}.png"
    if docs and scene.docs and shown.exists():
        _keep(shown, DOCS / f"{scene.name}.png")
    return failed


def _take(scene: Scene, browser: Browser, url: str, picture: Path, width: int, height: int, theme: str) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="light" if theme == "light" else "dark",
        reduced_motion="reduce",
    )
    try:
        page: Page = context.new_page()
        page.set_default_timeout(15_000)
        expect.set_options(timeout=15_000)
        page.goto(url)
        try:
            scene.deed(page)
        finally:
            page.wait_for_timeout(600)
            page.screenshot(path=picture)
    finally:
        context.close()


def _keep(picture: Path, shown: Path) -> None:
    """Copies a picture to the documentation, unless it is too large for it."""
    size = picture.stat().st_size
    if size > LARGEST:
        sys.exit(f"{shown.name} has {size:,} bytes, more than {LARGEST:,}.")
    shown.parent.mkdir(exist_ok=True)
    shutil.copyfile(picture, shown)
    sys.stdout.write(f"{shown.relative_to(ROOT)}: {size:,} bytes\n")


def _sheet() -> None:
    """A page with all of them side by side."""
    rows = []
    for name in sorted({path.name.rsplit("-", 2)[0] for path in ALL.glob("*.png")}):
        taken = [f"{name}-{width}-{theme}.png" for width, theme in LOOKS]
        rows.append(
            f"<h2>{name}</h2>" + "".join(f'<a href="{one}"><img src="{one}" height="300"></a>' for one in taken)
        )
    (ALL / "index.html").write_text("<!doctype html><title>Every state</title>" + "\n".join(rows))


def _agent(api: httpx.Client) -> Json:
    return _done(api.get(f"/agents/{MINE}"))


def _done(reply: httpx.Response) -> Json:
    if not reply.is_success:
        sys.exit(f"{reply.request.method} {reply.request.url}: {reply.text}")
    body: Json = reply.json()
    return body


def _wait(read: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not read():
        if time.monotonic() > deadline:
            sys.exit(f"There was never {what}.")
        time.sleep(0.1)


if __name__ == "__main__":
    main()
