"""What was done to accounts, in words for the people page."""

from __future__ import annotations

SAID = {
    "set_up": "set up sign-in and is the first admin",
    "made": "made the account",
    "role": "changed the role",
    "disabled": "disabled the account",
    "enabled": "enabled the account",
    "invited": "made a new link to choose a password",
    "accepted": "chose a password by the link",
    "password": "set a new password",
    "own_password": "changed their own password",
}


def sentence(what: str, detail: str) -> str:
    """Such as "changed the role: viewer to driver"."""
    said = SAID.get(what, what)
    return f"{said}: {detail}" if detail else said
