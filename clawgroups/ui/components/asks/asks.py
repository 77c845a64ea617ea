"""The open requests of one sub-agent and the calls that wait, with everything needed to answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from msgspec import Struct
from nicegui.element import Element
from nicegui.events import GenericEventArguments

from clawgroups.ui.components.style import own_style


class Answer(Struct, frozen=True):
    """One answer. ``arguments`` is JSON text, checked to be an object in the browser."""

    request: str
    decision: str
    text: str = ""
    arguments: str = ""
    member: str = ""
    amount: float = 0.0


class Asks(Element, component="asks.js"):
    """Cards of requests and open calls. ``keep`` names the drafts in the browser.

    ``on_answer`` gets an Answer and says whether it was taken; until then its words stay in the browser.
    """

    def __init__(self, keep: str, on_answer: Callable[[Answer], Awaitable[bool]]) -> None:
        super().__init__()
        own_style(self, __file__)
        self._props["keep"] = keep
        self._props["requests"] = []
        self._props["calls"] = []
        self._props["members"] = []

        async def answered(event: GenericEventArguments) -> None:
            answer = _answer(event.args)
            taken = False
            try:
                taken = await on_answer(answer)
            finally:
                self.run_method("taken" if taken else "refused", answer.request)

        self.on("answer", answered, args=["request", "decision", "text", "arguments", "member", "amount"])

    def show(
        self, requests: Sequence[dict[str, Any]], calls: Sequence[dict[str, Any]], members: Sequence[dict[str, str]]
    ) -> None:
        """As the API gives them."""
        wanted = (list(requests), list(calls), list(members))
        if wanted != (self._props["requests"], self._props["calls"], self._props["members"]):
            self._props["requests"], self._props["calls"], self._props["members"] = wanted
            self.update()


def _answer(args: dict[str, Any]) -> Answer:
    amount = args.get("amount")
    return Answer(
        request=str(args.get("request", "")),
        decision=str(args.get("decision", "")),
        text=str(args.get("text") or ""),
        arguments=str(args.get("arguments") or ""),
        member=str(args.get("member") or ""),
        amount=float(amount) if isinstance(amount, (int, float)) else 0.0,
    )
