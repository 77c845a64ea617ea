"""What is said in the groups that the seed makes."""

from __future__ import annotations

import random
from typing import NamedTuple


class Told(NamedTuple):
    """A group's words. ``words`` stand in its transcripts alone; ``stopped``: a person ended it."""

    name: str
    goal: str
    rules: str = ""
    words: str = ""
    stopped: bool = False


MODULES = (
    "checkout", "refunds", "invoices", "ledger_sync", "tax", "dunning", "coupons", "payouts", "webhooks", "reports",
    "exports", "disputes", "plans", "usage", "wallet", "fraud", "receipts", "currency", "vat", "subscriptions",
)  # fmt: skip
FINDINGS = (
    "The retry swallows a timeout; callers see an empty answer.",
    "Two callers pass the amount in cents, one in units.",
    "The idempotency key is made anew on each try, so a retry charges twice.",
    "The default currency is read at import time.",
    "Webhooks are verified only when a header is there.",
    "A rounding of half a cent goes to the customer, not to the shop.",
)
_SAID = (
    "I read the module and list who calls it.",
    "The signature differs in one place: the amount is an integer here.",
    "I keep the old name as an alias until every caller has moved.",
    "The tests cover the happy path alone; I add one for the timeout.",
    "This caller relies on the default currency, so I pass it by name.",
    "Nothing else imports this; the change stays within the module.",
)
ENDED = (
    Told("Survey of the payment code", "Find out who calls what.", words="Nobody reads the audit table any more."),
    Told("客户端迁移", "把所有接口迁移到新的客户端。", words="退款接口的幂等键每次重试都会重新生成。"),
    Told(
        "Remove the feature flags",
        "Every flag that is on for all goes away.",
        words="The flag café-beta is on for all.",
    ),
    Told(
        "Translate the invoices",
        "German and Japanese invoices.",
        words="請求書の丸め誤差は半セントです。",
        stopped=True,
    ),
    Told(
        "Load test of the checkout", "600 orders a second for an hour 🚀.", words="The bottleneck is the advisory lock."
    ),
    Told(
        "Write the runbook",
        "What to do when payments fail at night.",
        rules="Plain English. No jargon.",
        words="Page the on-call person before anything is switched over.",
    ),
)


def said(rng: random.Random) -> str:
    """A turn's words."""
    return " ".join(rng.sample(_SAID, 2))
