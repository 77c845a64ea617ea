"""The frame of the pages by which people come in. They are plain HTML: strangers get no part of the other pages."""

from __future__ import annotations

from html import escape

from starlette.responses import HTMLResponse

from clawgroups.ui.theme import FIRST

_HEAD = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    '<link rel="icon" href="/claw/icon.svg"><link rel="stylesheet" href="/claw/fonts/fonts.css">'
    '<link rel="stylesheet" href="/claw/claw.css">'
    '<link rel="stylesheet" href="/claw/people.css">'
)
PASSWORD_HINT = "At least 10 characters; a few words in a row are easy to keep in mind."


def field(name: str, label: str, *, kind: str = "text", value: str = "", complete: str = "", hint: str = "") -> str:
    """An input with its label; every word is escaped."""
    told = f'<div class="hint" id="{name}-hint">{escape(hint)}</div>' if hint else ""
    about = f' aria-describedby="{name}-hint"' if hint else ""
    return (
        f'<div class="field"><label for="{name}">{escape(label)}</label><input id="{name}" name="{name}" type="{kind}" '
        f'value="{escape(value)}" autocomplete="{complete}" autocapitalize="none" spellcheck="false" required{about}>'
        f"{told}</div>"
    )


def new_password() -> str:
    """Two inputs for a password that is chosen now."""
    first = field("password", "Password", kind="password", complete="new-password", hint=PASSWORD_HINT)
    return first + field("again", "The same again", kind="password", complete="new-password")


def hidden(name: str, value: str) -> str:
    """What the form sends along."""
    return f'<input type="hidden" name="{name}" value="{escape(value)}">'


def page(
    title: str, words: str, *, post: str = "", fields: str = "", send: str = "", status: int = 200
) -> HTMLResponse:
    """A card with a form that is sent to ``post``; without one, a card with words and a way back."""
    form = (
        f'<form data-post="{post}" novalidate>{fields}<div class="way-in-wrong" role="alert"></div>'
        f'<button class="btn btn-primary" type="submit">{escape(send)}</button></form>'
        '<script type="module" src="/claw/way_in.js"></script>'
    )
    rest = form if post else '<a class="btn btn-primary" href="/">To the groups</a>'
    body = (
        f"{_HEAD}<title>{escape(title)} · Claw Groups</title>{FIRST}</head>"
        '<body><div class="way-in"><main>'
        '<div class="way-in-brand"><img src="/claw/icon.svg" alt="" width="28" height="28">Claw Groups</div>'
        f"<h1>{escape(title)}</h1><p>{escape(words)}</p>{rest}</main></div></body></html>"
    )
    return HTMLResponse(body, status_code=status, headers={"Cache-Control": "no-store"})
