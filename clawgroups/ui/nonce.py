"""NiceGUI's own inline scripts carry the nonce that the content security policy asks for; nothing else does."""

from __future__ import annotations

from jinja2.ext import Extension
from nicegui.client import templates


class Nonces(Extension):
    """Marks the scripts that stand in a template. What is filled into it later, hostile or not, gets no mark."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """The template's source with the nonce of the request (``api/guard.py``) at every script."""
        return source.replace("<script", '<script nonce="{{ request.state.nonce }}"')


def add_nonces() -> None:
    """From now on pages are made with nonces."""
    templates.env.add_extension(Nonces)
