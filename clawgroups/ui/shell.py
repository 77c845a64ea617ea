"""The frame around every page: header, rail, skip link, state of the house; and how errors are said."""

from __future__ import annotations

import functools
import inspect
import json
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from nicegui import ui

from clawgroups.errors import ClawError
from clawgroups.ui import theme
from clawgroups.ui.components.palette.palette import Palette
from clawgroups.ui.components.person_menu.person_menu import PersonMenu
from clawgroups.ui.components.status.status import HouseStatus, ThemeSwitch

log = logging.getLogger("clawgroups.ui")
Crumbs = Sequence[tuple[str, str]]

_ICONS = {
    "groups": '<path d="M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h6v6h-6z"/>',
    "new": '<path d="M12 5v14M5 12h14"/>',
    "members": '<circle cx="9" cy="8" r="3.2"/><path d="M3 19c.6-3.4 3-5 6-5s5.4 1.6 6 5M16 5.5a3 3 0 0 1 0 5.2M18 14.4c1.8.8 2.8 2.4 3 4.6"/>',  # noqa: E501
    "history": '<path d="M4 12a8 8 0 1 0 2.4-5.7L4 8.5M4 4v4.5h4.5M12 8v4.5l3 1.8"/>',
    "backend": '<rect x="4" y="4" width="16" height="7" rx="2"/><rect x="4" y="13" width="16" height="7" rx="2"/><path d="M8 7.5h.01M8 16.5h.01M12 7.5h4M12 16.5h4"/>',  # noqa: E501
    "settings": '<circle cx="12" cy="12" r="3.2"/><path d="M12 3v3M12 18v3M3 12h3M18 12h3M5.6 5.6l2.1 2.1M16.3 16.3l2.1 2.1M18.4 5.6l-2.1 2.1M7.7 16.3l-2.1 2.1"/>',  # noqa: E501
    "api": '<path d="M8 6l-5 6 5 6M16 6l5 6-5 6"/>',
}
_RAIL = (
    ("groups", "Groups", "/"),
    ("new", "New group", "/new"),
    ("members", "Members", "/members"),
    ("history", "History", "/history"),
    ("backend", "Backend", "/backend"),
)


class Content(ui.element):
    """The content area. ``top`` is a spot in the header for what belongs to the page."""

    def __init__(self, top: ui.element, *, fill: bool) -> None:
        super().__init__("main")
        self.top = top
        self.props('id=content tabindex="-1"').classes("content content-fill" if fill else "content")


@contextmanager
def frame(title: str, *, crumbs: Crumbs = (), active: str = "", fill: bool = False) -> Iterator[Content]:
    """Draws the frame and yields the content area.

    ``crumbs``: (text, address) of what lies above; ``active``: groups, members or new; ``fill``: the content takes
    the whole window and scrolls inside.
    """
    ui.page_title(f"{title} · Claw Groups" if title else "Claw Groups")
    theme.add_head()
    ui.on_exception(_report_any)
    _only_one_main()
    with ui.element("div").classes("shell"):
        _skip_link()
        with ui.element("header").classes("top"):
            _brand(title, crumbs)
            top = ui.element("div").classes("top-extra")
            with ui.element("div").classes("top-end"):
                Palette()
                ThemeSwitch()
                PersonMenu()
        _rail(active)
        HouseStatus()
        with Content(top, fill=fill) as content:
            yield content


def _only_one_main() -> None:
    """NiceGUI's own page is a main part too, around header and rail; for screen readers there is only ours."""
    slot = ui.context.client.content.parent_slot
    if slot is not None:
        slot.parent.props("role=presentation")


def _skip_link() -> None:
    with ui.element("a").props('href="#content"').classes("skip"):
        ui.html("Skip to the content", tag="span")


def _brand(title: str, crumbs: Crumbs) -> None:
    with ui.element("nav").props('aria-label="Where you are"').classes("crumbs"):
        with ui.element("a").props('href="/" aria-label="Claw Groups, home"').classes("brand"):
            ui.element("img").props('src="/claw/icon.svg" alt="" width="24" height="24"')
        for text, href in crumbs:
            with ui.element("a").classes("crumb") as link:
                link.props["href"] = href
                ui.label(text)
            ui.label("/").classes("crumb-slash").props("aria-hidden=true")
        ui.label(title).classes("crumb-here").props('role="heading" aria-level="1"').tooltip(title)


def _rail(active: str) -> None:
    with ui.element("nav").props('aria-label="Main"').classes("rail"):
        for key, text, href in _RAIL:
            _rail_link(key, text, href, here=key == active)
        _rail_link("api", "API", "/api/v1/docs", here=False)
        _rail_link("settings", "Settings", "/settings", here=active == "settings")


def _rail_link(key: str, text: str, href: str, *, here: bool) -> None:
    with ui.element("a").classes("rail-link") as link:
        link.props["href"] = href
        if here:
            link.props["aria-current"] = "page"
        ui.html(f'<svg viewBox="0 0 24 24" aria-hidden="true">{_ICONS[key]}</svg>', sanitize=False, tag="span")
        ui.label(text).classes("rail-text")


# --- saying things -----------------------------------------------------------------------------------


def say(sentence: str, hint: str = "", *, kind: str = "info") -> None:
    """A message in the corner of the page; ``kind``: info, ok or bad. It can be dismissed."""
    words = json.dumps({"sentence": sentence, "hint": hint, "kind": kind})
    ui.run_javascript(f"import('/claw/say.js').then(m => m.say({words}))")


def report(error: ClawError) -> None:
    """Says what went wrong and how to mend it."""
    say(error.sentence, error.hint, kind="bad")


def guarded(handler: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    """An event handler whose ClawError is said on the page instead of only being logged."""

    @functools.wraps(handler)
    async def call(*args: Any, **kwargs: Any) -> Any:
        try:
            result = handler(*args, **kwargs)
            return await result if inspect.isawaitable(result) else result
        except ClawError as error:
            report(error)
            return None

    return call


def _report_any(error: Exception) -> None:
    """For handlers that nobody guarded: their error is said too, and a surprise is logged with its trace."""
    if isinstance(error, ClawError):
        report(error)
    else:
        log.error("a page's handler failed", exc_info=error, extra={"action": "page_broke"})
        say(f"This page failed on that ({type(error).__name__}).", "The server's log has the details.", kind="bad")


def problem(error: ClawError, *, title: str = "Not here") -> None:
    """A whole page that says what is wrong and leads back."""
    with frame(title), ui.element("section").classes("blank").props("role=alert"):
        ui.label(error.sentence).classes("blank-title")
        if error.hint:
            ui.label(error.hint).classes("blank-text")
        with ui.element("a").props('href="/"').classes("btn btn-primary"):
            ui.label("To the groups")


def broken_page(error: Exception) -> None:
    """What is shown in place of a page that could not be built."""
    if isinstance(error, ClawError):
        problem(error, title="This page cannot be shown")
        return
    log.error("a page could not be built", exc_info=error, extra={"action": "page_broke"})
    sentence = f"The server failed on this page ({type(error).__name__}); nothing was half done."
    problem(ClawError(sentence, hint="The server's log has the details."), title="This page cannot be shown")
