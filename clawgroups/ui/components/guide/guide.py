"""The first steps in a new house, each ticked off by what is on record; what can be done is one click away."""

from __future__ import annotations

from typing import Any

from nicegui.element import Element

from clawgroups.ui.components.style import own_style


class FirstSteps(Element, component="guide.js"):
    """``about`` is what ``Guide.view`` says. An offer that is taken comes back as ``add``."""

    def __init__(self) -> None:
        super().__init__()
        own_style(self, __file__)
        self._props["about"] = None
        self._props["offers"] = []

    def show(self, about: dict[str, Any], offers: list[dict[str, Any]]) -> None:
        """Shows what is so now. ``offers``: models found on this machine."""
        if (self._props["about"], self._props["offers"]) != (about, offers):
            self._props["about"], self._props["offers"] = about, list(offers)
            self.update()


class GuideSetting(Element, component="guide_setting.js"):
    """Brings the guide back to the first page, or takes it away; stands among the settings and looks like them."""
