"""A group that is played by the real rules, for the ledger: what each says is given, what follows is decided."""

from __future__ import annotations

import json
from typing import Any

from clawgroups.group import commands as cmd
from clawgroups.group import events as ev
from clawgroups.group.decide import decide
from clawgroups.group.draft import LOCAL_ADMIN
from clawgroups.group.state import Agent, CallStatus, Group, RequestKind
from clawgroups.group.thread import Usage
from clawgroups.group.tools import Policy
from clawgroups.ledger.mirror import GroupCommit
from clawgroups.ledger.writer import Writer


class PlayedGroup:
    """Commands move it on; ``write`` puts everything that has happened since into the ledger."""

    def __init__(self, group_id: str, at: int) -> None:
        self.group = Group(id=group_id)
        self.at = at
        self._records: list[ev.Recorded] = []

    async def write(self, writer: Writer) -> None:
        """Raises LedgerError."""
        records, self._records = self._records, []
        if records:
            await writer.commit([GroupCommit(self.group, records)])

    def tell(self, command: cmd.Command, actor: str = LOCAL_ADMIN, *, after_ms: int = 900) -> None:
        """Raises Refused when the rules forbid it."""
        self.at += after_ms
        decision = decide(self.group, command, actor=actor, at=self.at)
        self.group = decision.group
        self._records += decision.events

    @property
    def root(self) -> Agent:
        """The conductor's sub-agent."""
        return self.group.agents[self.group.root]

    def workers(self) -> list[Agent]:
        """All sub-agents but the conductor's."""
        return [agent for agent in self.group.agents.values() if agent.id != self.group.root]

    def launch(self, agent: str) -> None:
        """Its member gets the wheel."""
        self.tell(cmd.Launch(agent=agent), "dispatcher")

    def turn(self, agent: str, words: str, *calls: cmd.ProposedCall, final: bool = False, cost: float = 0.004) -> None:
        """The present driver's next turn; with ``final`` and no calls it ends the task."""
        at = self.group.agents[agent]
        if at.driver is None:
            raise ValueError(f"nobody drives {agent}")
        usage = Usage(tokens_in=2_100 + 260 * at.step, tokens_out=180, cached=900, cost=cost)
        command = cmd.RecordStep(
            agent=agent, epoch=at.epoch, content=words, calls=calls, usage=usage, final=final and not calls
        )
        self.tell(command, at.driver.member, after_ms=4_000)

    def results(self, agent: str, content: str, *, ok: bool = True, changed: tuple[str, ...] = ()) -> None:
        """All running calls of its step come back with this."""
        at = self.group.agents[agent]
        for call in at.calls:
            if call.status is CallStatus.RELEASED:
                done = cmd.RecordResult(
                    agent=agent, epoch=at.epoch, call=call.id, ok=ok, content=content, changed=changed
                )
                self.tell(done, "runner")

    def take_over(self, agent: str, person: str, partial: str = "") -> None:
        """A person takes the wheel now, and the old driver's stop is proved."""
        self.tell(cmd.TakeOver(agent=agent, lease_ms=86_400_000), person)
        at = self.group.agents[agent]
        if at.seat and at.seat < at.epoch:
            proof = cmd.ReportStopped(
                agent=agent, epoch=at.seat, model_call="aborted", detail="No process is left.", partial=partial
            )
            self.tell(proof, "runner", after_ms=240)

    def answer(self, agent: str, kind: RequestKind, decision: str, person: str, **more: Any) -> None:
        """A person answers the sub-agent's open request of that kind."""
        request = next(r for r in self.group.requests.values() if r.agent == agent and r.kind is kind)
        self.tell(cmd.AnswerRequest(request=request.id, decision=decision, **more), person, after_ms=30_000)


def call(tool: str, number: int, /, *, ask: bool = False, safe: bool = True, **arguments: Any) -> cmd.ProposedCall:
    """A call that a driver wants to make; with ``ask`` a person must allow it."""
    policy = Policy.ASK if ask else Policy.ALLOW
    return cmd.ProposedCall(
        id=f"{tool}.{number}", name=tool, arguments=json.dumps(arguments, ensure_ascii=False), safe=safe, policy=policy
    )
