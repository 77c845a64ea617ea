"""The templates that people of this house have saved: to use one, to give it another name, to remove it."""

from __future__ import annotations

from collections.abc import Sequence

from nicegui.element import Element

from clawgroups.dispatcher.founding.saved_templates import SavedTemplate
from clawgroups.dispatcher.founding.templates import template_of
from clawgroups.ui.components.style import own_style


class SavedList(Element, component="saved_templates.js"):
    """``here``: the one that the form below is filled from; empty for none."""

    def __init__(self, saved: Sequence[SavedTemplate], here: str) -> None:
        super().__init__()
        own_style(self, __file__)
        self._props["saved"] = [{"id": one.id, "name": one.name, "kind": _kind(one)} for one in saved]
        self._props["here"] = here


def _kind(one: SavedTemplate) -> str:
    base = template_of(one.plan.template)
    return base.name if base is not None else one.plan.template
