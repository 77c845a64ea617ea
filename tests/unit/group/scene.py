"""A world in which a test says in a few words what happens; whatever must be allowed fails the test when it is not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeVar

from clawgroups.errors import ClawError, Refused
from clawgroups.group import commands as cmd
from clawgroups.group import effects as fx
from clawgroups.group import events as ev
from clawgroups.group.draft import LOCAL_ADMIN
from clawgroups.group.state import Agent, Limits, Request, RequestKind
from clawgroups.group.tools import Policy
from tests.unit.group.rule_world import World

E = TypeVar("E", bound=ev.Event)
F = TypeVar("F", bound=fx.Effect)
CONDUCTOR, CHILD = "g-1", "g-2"
ANN = "ann"


def call(tool: str, /, *, id: str = "", policy: Policy = Policy.ALLOW, safe: bool = False, **args: Any) -> Any:
    """A call that a driver wants to make."""
    known = tool != "ghost"
    return cmd.ProposedCall(id=id or tool, name=tool, arguments=json.dumps(args), safe=safe, policy=policy, known=known)


def run(**more: Any) -> Any:
    """A call that needs leave."""
    return call("run", policy=Policy.ASK, **more)


class Scene(World):
    """``must`` for what has to be allowed, ``refused`` for what has not."""

    def must(self, command: cmd.Command, actor: str = LOCAL_ADMIN) -> tuple[ev.Event, ...]:
        """Tells a command that must be allowed; returns its events."""
        before = len(self.events)
        error = self.tell(command, actor)
        assert error is None, f"{command} was refused: {error!r}"
        self.check()
        return tuple(recorded.event for recorded in self.events[before:])

    def refused(self, command: cmd.Command, actor: str = LOCAL_ADMIN) -> Refused:
        """Tells a command that a rule must refuse; nothing may change by it."""
        before = self.group
        error = self.tell(command, actor)
        assert isinstance(error, Refused), f"{command}: {error!r}"
        assert self.group == before
        assert error.rule
        assert error.state
        assert error.sentence
        return error

    def error(self, command: cmd.Command, actor: str = LOCAL_ADMIN) -> ClawError:
        """Tells a command that must fail in whatever clear way."""
        error = self.tell(command, actor)
        assert error is not None, f"{command} was allowed"
        return error

    def agent(self, agent: str = CHILD) -> Agent:
        return self.group.agents[agent]

    def launch(self, agent: str = CHILD) -> None:
        self.must(cmd.Launch(agent=agent), "dispatcher")

    def conduct(self, *tasks: dict[str, Any]) -> None:
        """Launches the conductor, which makes a role and assigns these tasks in one turn; all that may begin begins."""
        self.launch(CONDUCTOR)
        calls = [call("create_subagent", name="w", system_prompt="You work.")]
        calls += [call("assign_task", id=f"t{i}", **{"agent": "w", "prompt": f"do {i}"} | task)
                  for i, task in enumerate(tasks or ({},))]  # fmt: skip
        self.turn(CONDUCTOR, *calls)
        for agent in list(self.group.agents):
            if agent != CONDUCTOR and not self.agent(agent).depends_on:
                self.launch(agent)

    def turn(self, agent: str = CHILD, *calls: Any, words: str = "words", final: bool = True, **more: Any) -> Any:
        """The present driver's next turn; without calls it ends the task unless ``final`` is False."""
        at = self.agent(agent)
        assert at.driver is not None
        self.turns.discard((agent, at.epoch))
        step = cmd.RecordStep(agent=agent, epoch=at.epoch, content=words, calls=tuple(calls), final=final, **more)
        return self.must(step, at.driver.member)

    def result(self, name: str, agent: str = CHILD, *, ok: bool = True, content: str = "r") -> None:
        epoch = self.agent(agent).epoch
        self.running[agent, epoch].remove(name)
        self.must(cmd.RecordResult(agent=agent, epoch=epoch, call=name, ok=ok, content=content), "runner")

    def stop(self, agent: str = CHILD, *ends: cmd.CallEnd, **more: Any) -> tuple[ev.Event, ...]:
        """The runner proves the stop that it was asked for."""
        epoch = self.agent(agent).seat
        self.stopping.remove((agent, epoch))
        self.running.pop((agent, epoch), None)
        return self.must(cmd.ReportStopped(agent=agent, epoch=epoch, ends=ends, **more), "runner")

    def take(self, agent: str = CHILD, person: str = ANN) -> None:
        """A person takes over now, and the old driver's stop is proved."""
        self.must(cmd.TakeOver(agent=agent), person)
        if (agent, self.agent(agent).seat) in self.stopping:
            self.stop(agent)

    def fail(self, agent: str = CHILD, reason: str = "auth", **more: Any) -> None:
        epoch = self.agent(agent).epoch
        self.turns.discard((agent, epoch))
        self.running.pop((agent, epoch), None)
        report = cmd.ReportFailure(agent=agent, epoch=epoch, reason=reason, sentence="It went wrong.", **more)
        self.must(report, "runner")

    def request(self, kind: RequestKind) -> Request:
        """The open request of that kind; there must be one only."""
        found = [request for request in self.group.requests.values() if request.kind is kind]
        assert len(found) == 1, self.group.requests
        return found[0]

    def answer(self, kind: RequestKind, decision: str, person: str = ANN, **more: Any) -> tuple[ev.Event, ...]:
        return self.must(cmd.AnswerRequest(request=self.request(kind).id, decision=decision, **more), person)

    def limit(self, **limits: Any) -> None:
        self.must(cmd.ChangeLimits(Limits(**limits)))

    def happened(self, kind: type[E], agent: str = "") -> Sequence[E]:
        """Every event of that kind so far."""
        found = [recorded.event for recorded in self.events if not agent or recorded.agent == agent]
        return [event for event in found if isinstance(event, kind)]

    def asked(self, kind: type[F]) -> list[F]:
        """What the last command asked of the runners."""
        return [effect for effect in self.effects if isinstance(effect, kind)]
