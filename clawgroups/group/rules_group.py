"""Rules for the group as a whole: its life, members, policies and limits."""

from __future__ import annotations

from clawgroups.errors import Invalid, Refused
from clawgroups.group import commands as cmd
from clawgroups.group import events as ev
from clawgroups.group.briefing import prompt_with_rules
from clawgroups.group.draft import Draft
from clawgroups.group.rules_assign import let_go
from clawgroups.group.rules_wheel import cancel_everybody
from clawgroups.group.state import AgentStatus, GroupStatus


def _need(draft: Draft, rule: str, *statuses: GroupStatus) -> None:
    if draft.group.status not in statuses:
        now = draft.group.status.value
        raise Refused(rule, now, f"The group is {now}; this needs it to be {' or '.join(statuses)}.")


def create_group(draft: Draft, command: cmd.CreateGroup) -> None:
    """The group and its conductor's sub-agent, not yet started."""
    if draft.group.seq:
        raise Refused("create", draft.group.status.value, f"Group {command.group} exists already.")
    if not command.name.strip() or not command.goal.strip():
        raise Invalid("A group needs a name and a goal.")
    draft.add(
        ev.GroupCreated(
            group=command.group,
            name=command.name.strip(),
            goal=command.goal,
            members=command.members,
            conductor=command.conductor,
            worker=command.worker,
            rules=command.rules,
            template=command.template,
            folder=command.folder,
            folder_mode=command.folder_mode,
            limits=command.limits,
            policies=command.policies,
        )
    )
    conductor = draft.member(command.conductor)
    if command.worker:
        draft.member(command.worker)
    draft.add(
        ev.AgentCreated(
            agent=f"{command.group}-1",
            name="conductor",
            title=command.goal.strip().split("\n", 1)[0][:120],
            role="conductor",
            member=conductor.id,
            task=command.task or command.goal,
            system_prompt=command.system_prompt,
            conducts=True,
        )
    )


def start_group(draft: Draft, command: cmd.StartGroup) -> None:
    """From here on the dispatcher launches whoever is queued."""
    _need(draft, "start", GroupStatus.DRAFT)
    draft.add(ev.GroupStarted())


def pause_group(draft: Draft, command: cmd.PauseGroup) -> None:
    """Nothing new is launched; everybody stops at the next step boundary."""
    _need(draft, "pause", GroupStatus.RUNNING)
    draft.add(ev.GroupPaused())


def resume_group(draft: Draft, command: cmd.ResumeGroup) -> None:
    """Queues those again whom the group's pause has stopped."""
    _need(draft, "resume", GroupStatus.PAUSED)
    draft.add(ev.GroupResumed())
    for agent in list(draft.group.agents.values()):
        if agent.status is AgentStatus.PAUSED and agent.paused_by == "group":
            draft.add(ev.AgentResumed(agent=agent.id, by=draft.actor))


def cancel_group(draft: Draft, command: cmd.CancelGroup) -> None:
    """Ends every sub-agent and the group."""
    _need(draft, "cancel", GroupStatus.DRAFT, GroupStatus.RUNNING, GroupStatus.PAUSED)
    cancel_everybody(draft)
    draft.add(ev.GroupCancelled())


def add_member(draft: Draft, command: cmd.AddMember) -> None:
    """Brings a member in, or changes its profile."""
    if draft.group.members.get(command.member.id) != command.member:
        draft.add(ev.MemberJoined(command.member))


def remove_member(draft: Draft, command: cmd.RemoveMember) -> None:
    """Takes a member off the list."""
    member = draft.member(command.member)
    group = draft.group
    live = [agent for agent in group.agents.values() if not agent.ended]
    busy = [a.name for a in live if member.id in (a.member, a.former, a.driver.member if a.driver else "")]
    if busy:
        now = group.status.value
        raise Refused("in_use", now, f"{member.name} is to drive {', '.join(busy[:3])}.", hint="Reassign first.")
    for request in list(group.requests.values()):
        if request.assigned == member.id:
            let_go(draft, request)
    draft.add(ev.MemberLeft(member.id))


def set_policy(draft: Draft, command: cmd.SetPolicy) -> None:
    """Sets a tool's policy for the whole group."""
    draft.add(ev.PolicySet(command.tool, command.policy))


def create_agent(draft: Draft, command: cmd.CreateAgent) -> None:
    """A piece of work made by a person."""
    _need(draft, "create_agent", GroupStatus.RUNNING, GroupStatus.PAUSED)
    if command.parent:
        draft.live(command.parent, "create_agent")
    number = draft.group.agents_made + 1
    draft.add(
        ev.AgentCreated(
            agent=f"{draft.group.id}-{number}",
            name=f"{command.name}-{number:03d}",
            title=command.task.strip().split("\n", 1)[0][:120],
            role=command.name,
            member=draft.member(command.member).id,
            task=command.task,
            system_prompt=prompt_with_rules(command.system_prompt, draft.group.rules),
            parent=command.parent or draft.group.root,
        )
    )
