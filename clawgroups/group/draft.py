"""A decision in the making: events are added one by one and applied at once, so that rules see their own effects."""

from __future__ import annotations

from typing import NoReturn

from msgspec import Struct

from clawgroups.errors import NotFound, Refused, StaleEpoch
from clawgroups.group import effects as fx
from clawgroups.group import events as ev
from clawgroups.group.evolve import apply
from clawgroups.group.members import Member, MemberKind
from clawgroups.group.state import Agent, Group, Request, RequestKind
from clawgroups.group.thread import Entry

LOCAL_ADMIN = "you"  # without accounts the one person at this machine may do everything


class Decision(Struct, frozen=True):
    """What a command leads to: the events, the state after them, and what to do towards the runners."""

    group: Group
    events: tuple[ev.Recorded, ...]
    effects: tuple[fx.Effect, ...]


class Draft:
    """Collects events and effects against a working copy of the state."""

    def __init__(self, group: Group, actor: str, at: int) -> None:
        self.group = group
        self.actor = actor
        self.at = at
        self.events: list[ev.Recorded] = []
        self.effects: list[fx.Effect] = []

    def add(self, event: ev.Event) -> None:
        """Applies ``event`` and keeps it. Raises IllegalEvent when the table of states forbids it."""
        agent_id = event.agent if isinstance(event, ev.AgentEvent) else ""
        seq = self.group.seq + 1
        self.group = apply(self.group, event, self.at, seq)
        epoch = self.group.agents[agent_id].epoch if agent_id else 0
        self.events.append(ev.Recorded(seq, self.at, self.actor, agent_id, epoch, ev.KINDS[type(event)], event))

    def then(self, effect: fx.Effect) -> None:
        """Adds something to do once the events are in the ledger.

        Who is stopped in the same decision is not told to go on first: an effect carries the epoch after the decision.
        """
        if isinstance(effect, fx.Stop):
            self.effects = [e for e in self.effects if not (isinstance(e, fx.Proceed) and e.agent == effect.agent)]
        self.effects.append(effect)

    def tell(self, agent: str, entry: Entry) -> None:
        """The seat's copy of the thread gains ``entry``."""
        self.effects.append(fx.Tell(agent, entry))

    def decision(self) -> Decision:
        """What was drafted."""
        return Decision(self.group, tuple(self.events), tuple(self.effects))

    def agent(self, agent_id: str) -> Agent:
        """The sub-agent as it is now. Raises NotFound."""
        agent = self.group.agents.get(agent_id)
        if agent is None:
            raise NotFound(f"There is no sub-agent {agent_id} in this group.")
        return agent

    def live(self, agent_id: str, rule: str) -> Agent:
        """The sub-agent, which must not have ended."""
        agent = self.agent(agent_id)
        if agent.ended:
            refuse(
                rule,
                agent,
                f"{agent.name} has ended ({agent.status}).",
                "Fork it to go on from one of its steps.",
            )
        return agent

    def member(self, member_id: str) -> Member:
        """A member by id or name. Raises NotFound naming those there are."""
        found = self.group.members.get(member_id)
        if found is None:
            found = next((m for m in self.group.members.values() if m.name == member_id), None)
        if found is None:
            names = ", ".join(sorted(self.group.members)) or "none"
            raise NotFound(f"There is no member {member_id!r} in this group.", hint=f"Members: {names}.")
        return found

    def person(self) -> Member:
        """The acting person. Raises Refused when the actor is not a person."""
        member = self.member(self.actor)
        if member.kind is not MemberKind.PERSON:
            raise Refused("person", member.kind.value, f"{member.name} is not a person.")
        return member

    def fence(self, agent: Agent, epoch: int) -> None:
        """Refuses a write that does not carry the present epoch of a live seat (promise 1)."""
        if epoch != agent.epoch or agent.ended:
            driver = agent.driver.member if agent.driver else None
            raise StaleEpoch(agent.status.value, epoch=agent.epoch, driver=driver, written=epoch)

    def open_request(
        self,
        agent: str,
        kind: RequestKind,
        title: str,
        *,
        call: str = "",
        tool: str = "",
        detail: str = "",
        arguments: str = "",
        choices: tuple[ev.Choice, ...] = (),
    ) -> None:
        """Asks for a person."""
        request = f"{self.group.id}-r{self.group.requests_made + 1}"
        self.add(
            ev.RequestOpened(
                agent=agent,
                request=request,
                request_kind=kind,
                title=title,
                call=call,
                tool=tool,
                detail=detail,
                arguments=arguments,
                choices=choices,
            )
        )

    def requests_of(self, agent: str, *kinds: RequestKind) -> list[Request]:
        """The open requests of a sub-agent, of the given kinds or all."""
        return [r for r in self.group.requests.values() if r.agent == agent and (not kinds or r.kind in kinds)]

    def withdraw(self, agent: str, *kinds: RequestKind) -> None:
        """Nobody needs to answer these any more."""
        for request in self.requests_of(agent, *kinds):
            self.add(ev.RequestWithdrawn(agent=agent, request=request.id))


def refuse(rule: str, agent: Agent, sentence: str, hint: str = "") -> NoReturn:
    """Raises Refused, naming the rule and the sub-agent's present state."""
    raise Refused(rule, agent.status.value, sentence, hint=hint)
