"""A labelled field of a form: words, long words, a number or a choice; what is wrong is said right at it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

from nicegui.element import Element
from nicegui.events import GenericEventArguments

from clawgroups.ui.components.style import own_style

Kind = Literal["text", "long", "number", "secret", "choice"]
OnChange = Callable[[str], Awaitable[None] | None]


class Field(Element, component="fields.js"):
    """``value`` is what the person sees. ``options`` (id to words) are those of a choice."""

    def __init__(
        self,
        label: str,
        value: str = "",
        *,
        kind: Kind = "text",
        hint: str = "",
        placeholder: str = "",
        options: Mapping[str, str] | None = None,
        on_change: OnChange | None = None,
    ) -> None:
        super().__init__()
        own_style(self, __file__)
        self.value = value
        self._on_change = on_change
        self._props["label"] = label
        self._props["kind"] = kind
        self._props["value"] = value
        self._props["hint"] = hint
        self._props["placeholder"] = placeholder
        self._props["options"] = list((options or {}).items())
        self._props["wrong"] = ""
        self._props["note"] = ""
        self.on("typed", self._typed, args=["value"])

    async def _typed(self, event: GenericEventArguments) -> None:
        self.value = str(event.args.get("value", ""))
        self._props["value"] = self.value
        if self._props["wrong"]:
            self.wrong("")
        if self._on_change is not None:
            waiting = self._on_change(self.value)
            if waiting is not None:
                await waiting

    def put(self, value: str) -> None:
        """Sets what the person sees."""
        self.value = value
        self._props["value"] = value
        self.update()

    def wrong(self, sentence: str) -> None:
        """Says at the field what is wrong; empty: nothing is."""
        self._props["wrong"] = sentence
        self.update()

    def note(self, sentence: str) -> None:
        """Says at the field what was found out about its value."""
        self._props["note"] = sentence
        self.update()

    def offer(self, options: Mapping[str, str], value: str) -> None:
        """Offers these. What is chosen stays chosen while it is offered; else ``value``."""
        wanted: list[Any] = list(options.items())
        if wanted == self._props["options"]:
            return
        self._props["options"] = wanted
        self.put(self.value if self.value in options else value)

    def words_of(self, key: str) -> str:
        """The words of an option."""
        return str(dict(self._props["options"]).get(key, key))

    def point(self) -> None:
        """Puts the cursor here."""
        self.run_method("focus")
