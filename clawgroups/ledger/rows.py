"""What one transaction writes, table by table.

The three tables that every step writes have typed rows, in the order of their columns: they go to the driver as they
are, where a dict would have to be made and taken apart again.
"""

from __future__ import annotations

from typing import Any, NamedTuple

Row = dict[str, Any]


class EventRow(NamedTuple):
    """A row of ``events``."""

    group_id: str
    seq: int
    at: int
    actor: str
    agent_id: str
    epoch: int
    kind: str
    body: str


class StepRow(NamedTuple):
    """A row of ``steps``."""

    agent_id: str
    step: int
    group_id: str
    seq: int
    epoch: int
    by_member: str
    at: int
    finish: str
    tokens_in: int
    tokens_out: int
    cached: int
    cost: float
    preview: str


class AgentRow(NamedTuple):
    """A row of ``agents``."""

    id: str
    group_id: str
    number: int
    name: str
    role: str
    parent: str
    status: str
    member: str
    driver: str
    epoch: int
    seat: int
    step: int
    tokens: int
    cost: float
    created_at: int
    state: str


class Rows:
    """Rows of every table for one transaction. Those that may change within a batch are keyed: the last write wins."""

    def __init__(self) -> None:
        self.events: list[EventRow] = []
        self.steps: list[StepRow] = []
        self.tasks: list[Row] = []
        self.groups: list[Row] = []
        self.agents: list[AgentRow] = []
        self.messages: dict[str | int, Row] = {}
        self.delivered: list[Row] = []
        self.attachments: dict[tuple[str, str], Row] = {}
        self.calls: dict[tuple[str, int, str], Row] = {}
        self.calls_changed: dict[tuple[str, int, str], Row] = {}
        self.requests: dict[str, Row] = {}
        self.requests_closed: list[Row] = []
        self.requests_assigned: dict[str, Row] = {}
        self.artifacts: dict[tuple[str, str], Row] = {}
        self.snapshots: list[Row] = []
        self.usage: dict[tuple[str, str, str], Row] = {}
        self.members: dict[str, Row] = {}
        self.members_left: dict[str, Row] = {}
        self.at_step: dict[str, int] = {}  # the step a sub-agent is at, as the batch is walked through
