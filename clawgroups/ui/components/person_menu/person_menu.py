"""The person's own menu in the header: who they are here, their password, tokens, and the ways out."""

from __future__ import annotations

from nicegui.element import Element


class PersonMenu(Element, component="person_menu.js"):
    """It knows the person from the head of the page."""

    def __init__(self) -> None:
        super().__init__()
