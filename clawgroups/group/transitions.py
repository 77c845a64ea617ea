"""The one table of a sub-agent's states: which event may lead from where to where.

``evolve`` refuses what is not in it, and the diagram in the docs is generated from it.
"""

from __future__ import annotations

from clawgroups.group import events as ev
from clawgroups.group.state import ENDED, AgentStatus

Q, D, H = AgentStatus.QUEUED, AgentStatus.DRIVING, AgentStatus.HANDING_OVER
W, P = AgentStatus.WAITING, AgentStatus.PAUSED
DONE, FAILED, CANCELLED = AgentStatus.DONE, AgentStatus.FAILED, AgentStatus.CANCELLED
LIVE = frozenset(AgentStatus) - ENDED
AT_WORK = frozenset({D, W})

Row = dict[AgentStatus, frozenset[AgentStatus]]


def _each(sources: frozenset[AgentStatus], *targets: AgentStatus) -> dict[AgentStatus, frozenset[AgentStatus]]:
    return {source: frozenset(targets) for source in sources}


def _stay(sources: frozenset[AgentStatus]) -> Row:
    return {source: frozenset({source}) for source in sources}


_EVERY = frozenset(AgentStatus)
_ELSEWHERE = _stay(_EVERY - AT_WORK)
# A call that closes may leave others that only wait; one that waits from now on never ends a wait.
_SETTLES = {D: AT_WORK, W: AT_WORK, **_ELSEWHERE}
_WAITS = {D: AT_WORK, W: frozenset({W}), **_ELSEWHERE}
_GOES_ON = {D: frozenset({D}), W: AT_WORK, **_ELSEWHERE}

TABLE: dict[type[ev.AgentEvent], Row] = {
    ev.DriverGranted: {**_each(frozenset({Q}), D, W), **_stay(AT_WORK)},
    ev.StepCommitted: _each(frozenset({D}), D, W),
    ev.ResultGiven: _stay(LIVE),
    ev.CallReleased: _GOES_ON,
    ev.CallWaits: _WAITS,
    ev.CallUncertain: _WAITS,
    ev.CallClosed: _SETTLES,
    ev.AgentHeld: _each(AT_WORK, W),
    ev.AgentUnheld: _each(frozenset({W}), D, W),
    ev.SteerQueued: _stay(LIVE),
    ev.SteerDelivered: _stay(LIVE),
    ev.TakeOverAsked: _stay(LIVE),
    ev.TakeOverWithdrawn: _stay(LIVE),
    ev.TakenOver: {**_each(LIVE - {H}, H, D), **_stay(frozenset({H}))},
    ev.DriverStopped: {H: frozenset({D, W, H}), **_stay(_EVERY - {H})},
    ev.HandedBack: {D: AT_WORK, **_stay(frozenset({W}))},
    ev.Reassigned: {Q: frozenset({Q, H}), **_each(frozenset({D, H}), H), **_each(frozenset({W, P}), H, D, W)},
    ev.Briefed: _stay(LIVE),
    ev.SeatLost: {H: frozenset({D, W, H}), **_stay(_EVERY - {H})},
    ev.SeatRestored: _stay(AT_WORK),
    ev.LeaseRenewed: _stay(LIVE),
    ev.LeaseLapsed: _each(frozenset({D, H}), P),
    ev.PauseAsked: _stay(LIVE),
    ev.AgentPaused: _each(frozenset({Q, D, W}), P),
    ev.AgentResumed: {P: frozenset({Q}), **_stay(frozenset({D, W}))},
    ev.DriverFailed: _stay(AT_WORK),
    ev.AgentRequeued: _each(AT_WORK, Q),
    ev.ToolAllowed: _stay(LIVE),
    ev.AgentFinished: _each(frozenset({D}), DONE),
    ev.AgentFailed: _each(frozenset({Q, W}), FAILED),
    ev.AgentCancelled: _each(LIVE, CANCELLED),
    ev.AgentHandedUp: _stay(LIVE),
    ev.AgentAwaited: _stay(LIVE),
    ev.LateWriteKept: _stay(_EVERY),
    ev.RequestOpened: _stay(LIVE),
    ev.RequestAssigned: _stay(_EVERY),
    ev.RequestLetGo: _stay(_EVERY),
    ev.RequestAnswered: _stay(_EVERY),
    ev.RequestWithdrawn: _stay(_EVERY),
}


def allowed(event: type[ev.AgentEvent], source: AgentStatus, target: AgentStatus) -> bool:
    """Whether ``event`` may lead from ``source`` to ``target``."""
    return target in TABLE.get(event, {}).get(source, frozenset())


def diagram() -> str:
    """The table as a Mermaid state diagram; only moves between different states are drawn."""
    lines = ["stateDiagram-v2", "    [*] --> queued: agent_created"]
    edges: dict[tuple[str, str], list[str]] = {}
    for event, rows in TABLE.items():
        for source, targets in rows.items():
            for target in targets - {source}:
                edges.setdefault((source.value, target.value), []).append(ev.KINDS[event])
    for (start, end), kinds in sorted(edges.items()):
        lines.append(f"    {start} --> {end}: {', '.join(sorted(kinds))}")
    lines += [f"    {status} --> [*]" for status in sorted(status.value for status in ENDED)]
    return "\n".join(lines) + "\n"
