"""What each event means for the group as a whole."""

from __future__ import annotations

from msgspec.structs import replace

from clawgroups.group import events as ev
from clawgroups.group.evolve_rules import GROUP_RULES, on_group
from clawgroups.group.state import Agent, Group, GroupStatus, Request, RoleSpec

__all__ = ["GROUP_RULES"]


@on_group(ev.GroupCreated)
def _group_created(group: Group, event: ev.GroupCreated, at: int) -> Group:
    return replace(
        group,
        id=event.group,
        name=event.name,
        goal=event.goal,
        rules=event.rules,
        conductor=event.conductor,
        worker=event.worker,
        template=event.template,
        folder=event.folder,
        folder_mode=event.folder_mode,
        limits=event.limits,
        policies=dict(event.policies),
        members={member.id: member for member in event.members},
        created_at=at,
    )


@on_group(ev.GroupStarted)
def _group_started(group: Group, event: ev.GroupStarted, at: int) -> Group:
    return replace(group, status=GroupStatus.RUNNING, started_at=at)


@on_group(ev.GroupPaused)
def _group_paused(group: Group, event: ev.GroupPaused, at: int) -> Group:
    return replace(group, status=GroupStatus.PAUSED)


@on_group(ev.GroupResumed)
def _group_resumed(group: Group, event: ev.GroupResumed, at: int) -> Group:
    return replace(group, status=GroupStatus.RUNNING)


@on_group(ev.GroupCancelled)
def _group_cancelled(group: Group, event: ev.GroupCancelled, at: int) -> Group:
    return replace(group, status=GroupStatus.CANCELLED, ended_at=at)


@on_group(ev.GroupFinished)
def _group_finished(group: Group, event: ev.GroupFinished, at: int) -> Group:
    return replace(group, status=GroupStatus.FINISHED, ended_at=at)


@on_group(ev.GroupReopened)
def _group_reopened(group: Group, event: ev.GroupReopened, at: int) -> Group:
    return replace(group, status=GroupStatus.RUNNING, ended_at=0, started_at=group.started_at or at)


@on_group(ev.MemberJoined)
def _member_joined(group: Group, event: ev.MemberJoined, at: int) -> Group:
    return replace(group, members={**group.members, event.member.id: event.member})


@on_group(ev.MemberLeft)
def _member_left(group: Group, event: ev.MemberLeft, at: int) -> Group:
    return replace(group, members={k: v for k, v in group.members.items() if k != event.member})


@on_group(ev.RoleCreated)
def _role_created(group: Group, event: ev.RoleCreated, at: int) -> Group:
    role = RoleSpec(name=event.name, system_prompt=event.system_prompt, member=event.member)
    return replace(group, roles={**group.roles, role.name: role})


@on_group(ev.PolicySet)
def _policy_set(group: Group, event: ev.PolicySet, at: int) -> Group:
    return replace(group, policies={**group.policies, event.tool: event.policy})


@on_group(ev.LimitsChanged)
def _limits_changed(group: Group, event: ev.LimitsChanged, at: int) -> Group:
    return replace(group, limits=event.limits)


@on_group(ev.RulesChanged)
def _rules_changed(group: Group, event: ev.RulesChanged, at: int) -> Group:
    return replace(group, rules=event.rules)


@on_group(ev.AgentCreated)
def _agent_created(group: Group, event: ev.AgentCreated, at: int) -> Group:
    number = group.agents_made + 1
    agent = Agent(
        id=event.agent,
        number=number,
        name=event.name,
        title=event.title,
        role=event.role,
        member=event.member,
        created_at=at,
        since=at,
        parent=event.parent,
        parent_call=event.parent_call,
        conducts=event.conducts,
        review=event.review,
        conductor_reviews=event.conductor_reviews,
        depends_on=event.depends_on,
        forked_from=event.forked_from,
        forked_step=event.forked_step,
        step=event.forked_step,
    )
    root = group.root or agent.id
    return replace(group, agents_made=number, root=root, agents={**group.agents, agent.id: agent})


@on_group(ev.RequestOpened)
def _request_opened(group: Group, event: ev.RequestOpened, at: int) -> Group:
    request = Request(
        id=event.request,
        kind=event.request_kind,
        agent=event.agent,
        opened_at=at,
        call=event.call,
        tool=event.tool,
    )
    made = group.requests_made + 1
    return replace(group, requests_made=made, requests={**group.requests, request.id: request})


@on_group(ev.RequestAssigned)
def _request_assigned(group: Group, event: ev.RequestAssigned, at: int) -> Group:
    request = replace(group.requests[event.request], assigned=event.to, assigned_at=at)
    return replace(group, requests={**group.requests, request.id: request})


@on_group(ev.RequestLetGo)
def _request_let_go(group: Group, event: ev.RequestLetGo, at: int) -> Group:
    request = replace(group.requests[event.request], assigned="", assigned_at=0)
    return replace(group, requests={**group.requests, request.id: request})


@on_group(ev.RequestAnswered)
def _request_answered(group: Group, event: ev.RequestAnswered, at: int) -> Group:
    return replace(group, requests={k: v for k, v in group.requests.items() if k != event.request})


@on_group(ev.RequestWithdrawn)
def _request_withdrawn(group: Group, event: ev.RequestWithdrawn, at: int) -> Group:
    return replace(group, requests={k: v for k, v in group.requests.items() if k != event.request})


@on_group(ev.SteerQueued)
def _steer_counted(group: Group, event: ev.SteerQueued, at: int) -> Group:
    return replace(group, steers_made=group.steers_made + 1)


@on_group(ev.StepCommitted)
def _step_counted(group: Group, event: ev.StepCommitted, at: int) -> Group:
    usage = event.usage
    return replace(
        group,
        steps=group.steps + 1,
        tokens_in=group.tokens_in + usage.tokens_in,
        tokens_out=group.tokens_out + usage.tokens_out,
        cached=group.cached + usage.cached,
        cost=group.cost + usage.cost,
    )


def _stage_grows(group: Group, event: ev.AgentEvent, at: int) -> Group:
    """The parent's stage is as long as its longest child, however that ended (arXiv 2602.02276 section 3)."""
    child = group.agents[event.agent]
    parent = group.agents.get(child.parent)
    if parent is None or child.critical + child.stage <= parent.stage:
        return group
    grown = replace(parent, stage=child.critical + child.stage)
    return replace(group, agents={**group.agents, parent.id: grown})


for _end in (ev.AgentFinished, ev.AgentFailed, ev.AgentCancelled):
    GROUP_RULES[_end] = _stage_grows
