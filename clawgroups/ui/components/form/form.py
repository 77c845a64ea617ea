"""A form that is declared here, kept as a draft by the browser, and sent to the API, whose answer lands at the fields.

The API is the door: what it refuses is shown at the field that it names. What the form checks by itself is only
what a person would otherwise wait for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import UNSET, Struct
from nicegui.element import Element
from nicegui.events import GenericEventArguments

from clawgroups.ui.components.style import own_style

Kind = Literal["text", "long", "number", "secret", "choice", "pick", "check", "command", "list", "tools", "given"]


class Option(Struct, frozen=True, omit_defaults=True):
    """Something to choose. ``heading`` groups options; ``tag`` and ``about`` are shown once it is chosen.

    ``tools`` only: ``default`` is its policy, ``off`` says why it cannot be used.
    """

    value: str
    label: str
    heading: str = ""
    tag: str = ""
    look: str = ""
    about: str = ""
    default: str = ""
    off: str = ""


class Input(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One field. ``path``: where its value goes in the body (``limits.hours``); ``name`` when left out.

    ``raw``: the value is JSON; ``aside``: it goes into no body; ``need``: what is said when it is empty;
    ``check``: the page is asked about every value (see ``Form.on_check``); ``when``: shown only while those fields
    have one of these values; ``brief``: its line in the summary; ``zero``: what 0, or nothing, means;
    ``before``: put before the value in the body; ``blank``: what is sent when it is empty (left out: nothing is).
    The kind ``given`` is not drawn; its value is sent whenever it would be shown.
    """

    name: str
    label: str
    kind: Kind = "text"
    path: str = ""
    value: Any = ""
    hint: str = ""
    placeholder: str = ""
    options: tuple[Option, ...] = ()
    need: str = ""
    check: bool = False
    raw: bool = False
    aside: bool = False
    whole: bool = False
    low: float | None = None
    high: float | None = None
    longest: int = 0
    pattern: str = ""
    unlike: str = ""
    when: Mapping[str, Sequence[Any]] = {}
    brief: str = ""
    zero: str = ""
    unit: str = ""
    wide: bool = False
    mono: bool = False
    rows: int = 0
    before: str = ""
    blank: Any = UNSET


class Section(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Fields that belong together. ``folded``: closed at first, with a line on what is in it.

    ``end``: its boxes stand beside the button that sends. ``link`` and ``link_words``: where more is found.
    """

    title: str
    inputs: tuple[Input, ...]
    about: str = ""
    link: str = ""
    link_words: str = ""
    end: bool = False
    folded: bool = False
    when: Mapping[str, Sequence[Any]] = {}


class Act(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A button besides the one that sends: the page gets the body (see ``Form.on_act``)."""

    id: str
    label: str
    busy: str = ""


Body = dict[str, Any]
OnCheck = Callable[[str, Any, Body], Awaitable[None]]
OnAct = Callable[[str, Body], Awaitable[None]]
OnDone = Callable[[Body], Awaitable[None]]


class Form(Element, component="form.js"):
    """``keep`` names the draft in the browser's storage; secrets are never in it.

    It is sent to ``post`` by ``method``. ``goto`` is where the page goes then (``/groups/{id}``); without it see
    ``on_done``.
    ``sends``: label of the button, and others by a check field's name (``{"start": "Create and start"}``).
    ``fixed``: what is always in the body. ``summary``: its title, for a form with a column of its own.
    ``estimate``: where the API says what the body may cost; asked again as the form changes.
    """

    def __init__(
        self,
        keep: str,
        sections: Sequence[Section],
        *,
        post: str,
        method: Literal["POST", "PATCH"] = "POST",
        send: str,
        sends: Mapping[str, str] | None = None,
        goto: str = "",
        fixed: Mapping[str, Any] | None = None,
        acts: Sequence[Act] = (),
        summary: str = "",
        estimate: str = "",
    ) -> None:
        super().__init__()
        own_style(self, __file__)
        self._props["keep"] = keep
        self._props["sections"] = msgspec.to_builtins(list(sections))
        self._props["post"] = post
        self._props["method"] = method
        self._props["send"] = send
        self._props["sends"] = dict(sends or {})
        self._props["goto"] = goto
        self._props["fixed"] = dict(fixed or {})
        self._props["acts"] = msgspec.to_builtins(list(acts))
        self._props["summary"] = summary
        self._props["estimate"] = estimate

    def on_check(self, callback: OnCheck) -> None:
        """Called with name, value and all values of a field that is to be checked; answer with ``told``."""

        async def check(event: GenericEventArguments) -> None:
            args = event.args
            await callback(str(args.get("name", "")), args.get("value"), _body(args.get("values")))

        self.on("check", check, args=["name", "value", "values"])

    def on_act(self, callback: OnAct) -> None:
        """Called with the act's id and the body that would be sent; answer with ``result``."""

        async def act(event: GenericEventArguments) -> None:
            try:
                await callback(str(event.args.get("id", "")), _body(event.args.get("body")))
            finally:
                self.run_method("free")

        self.on("act", act, args=["id", "body"])

    def on_done(self, callback: OnDone) -> None:
        """Called with the API's answer once it has taken the form."""

        async def done(event: GenericEventArguments) -> None:
            await callback(_body(event.args.get("answer")))

        self.on("done", done, args=["answer"])

    def begin(self) -> None:
        """Puts the keyboard into its first field."""
        self.run_method("begin")

    def told(self, name: str, value: Any, *, wrong: str = "", note: str = "") -> None:
        """Says at the field what was found out about ``value``; ignored when it has another value by now."""
        self.run_method("hear", name, value, wrong, note)

    def suggest(self, name: str, value: str) -> None:
        """What the field stands for while it is empty."""
        self.run_method("suggest", name, value)

    def result(self, sentence: str, hint: str = "", *, ok: bool) -> None:
        """Says under the buttons what came of an act."""
        self.run_method("showResult", sentence, hint, ok)


def _body(value: Any) -> Body:
    return value if isinstance(value, dict) else {}
