"""The conductor's tools, carried out by the rules themselves.

``create_subagent`` and ``assign_task`` have exactly the parameters of Kimi's public schemas (tech report
arXiv 2602.02276, appendix E.8); ours are optional extras. Several calls in one turn run in parallel and each
returns one message.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from clawgroups.errors import ClawError
from clawgroups.group import events as ev
from clawgroups.group.boundary import close_call
from clawgroups.group.briefing import prompt_with_rules
from clawgroups.group.child_tools import ReassignTask, Review, named, reassign_task, review
from clawgroups.group.draft import Draft
from clawgroups.group.state import Agent, CallStatus, Fate, RequestKind, WaitReason
from clawgroups.group.tools import ToolSpec


def _text(description: str) -> dict[str, str]:
    return {"type": "string", "description": description}


def _one_of(description: str, *choices: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(choices), "description": description}


def _spec(tool: str, about: str, required: list[str], /, **properties: Any) -> ToolSpec:
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return ToolSpec(name=tool, description=about, parameters=schema, safe=True, group=True)


SPECS: tuple[ToolSpec, ...] = (
    _spec(
        "create_subagent",
        "Create a custom subagent with specific system prompt and name for reuse.",
        ["name", "system_prompt"],
        name=_text("Unique name for this agent configuration"),
        system_prompt=_text("System prompt defining the agent's role, capabilities, and boundaries"),
        member=_text("Member that drives these sub-agents; the group's default when left out"),
    ),
    _spec(
        "assign_task",
        "Launch a new agent.\nUsage notes:\n1. You can launch multiple agents concurrently whenever possible, "
        "to maximize performance;\n2. When the agent is done, it will return a single message back to you.",
        ["agent", "prompt"],
        agent=_text("Specify which created agent to use."),
        prompt=_text("The task for the agent to perform"),
        title=_text("A few words that people see on the wall"),
        member=_text("Member that should drive it, by id or name"),
        acceptance=_text("What must hold for the result to be accepted; a person reviews it, unless review says else"),
        review=_one_of(
            "Who accepts the result or sends it back. With 'conductor' this call returns a draft: review it",
            "person",
            "conductor",
        ),
        depends_on={
            "type": "array",
            "items": {"type": "string"},
            "description": "Titles of tasks assigned before that must be done before this one begins",
        },
    ),
    _spec("list_members", "List who can do work here, with their skills and load.", []),
    _spec(
        "review",
        "Accept the draft of a sub-agent whose work waits for your review, or send it back with reasons. "
        "Sent back, it goes on, and this call returns its next message.",
        ["agent", "decision"],
        agent=_text("The sub-agent, by title, name or id"),
        decision=_one_of("accept: the draft is its result; reject: it has to go on", "accept", "reject"),
        reasons=_text("What must change, when you reject it; the sub-agent reads it"),
    ),
    _spec(
        "reassign_task",
        "Give the task of one of your sub-agents to another member and wait for its message. One that has ended, "
        "whether it failed, was cancelled or was done, begins again from its last step, with its thread and files.",
        ["agent", "member"],
        agent=_text("The sub-agent, by title, name or id"),
        member=_text("Who should drive it from now on, by id or name"),
        reason=_text("Why; the new driver reads it"),
    ),
    _spec(
        "ask_person",
        "Ask the people of this group a question and wait for the answer.",
        ["question"],
        question=_text("The question, with what is needed to answer it"),
    ),
    _spec(
        "post_message",
        "Post a message to the group's room, for people to read.",
        ["text"],
        text=_text("The message"),
    ),
    _spec(
        "finish",
        "End your own task with its result, once every other call of this turn has its answer.",
        ["result"],
        result=_text("The result of the whole task"),
    ),
)
GROUP_TOOLS = {spec.name: spec for spec in SPECS}


class _CreateSubagent(Struct, forbid_unknown_fields=True):
    name: str
    system_prompt: str
    member: str = ""


class _AssignTask(Struct, forbid_unknown_fields=True):
    agent: str
    prompt: str
    title: str = ""
    member: str = ""
    acceptance: str = ""
    review: Literal["", "person", "conductor"] = ""
    depends_on: list[str] = []


class _ListMembers(Struct, forbid_unknown_fields=True):
    pass


class _AskPerson(Struct, forbid_unknown_fields=True):
    question: str


class _PostMessage(Struct, forbid_unknown_fields=True):
    text: str


class _Finish(Struct, forbid_unknown_fields=True):
    result: str


def run_group_tool(draft: Draft, agent_id: str, call_id: str, name: str, arguments: str) -> None:
    """Carries out one group tool; a mistake in the arguments is the call's result, never a refusal of the step."""
    shape, tool = _TOOLS[name]
    try:
        parsed = msgspec.json.decode(arguments or "{}", type=shape)
        tool(draft, draft.agent(agent_id), call_id, parsed)
    except msgspec.ValidationError as error:
        wanted = ", ".join(GROUP_TOOLS[name].parameters["properties"])
        _fail(draft, agent_id, call_id, f"{name}: {error}. It takes: {wanted}.")
    except msgspec.DecodeError as error:
        _fail(draft, agent_id, call_id, f"{name}: the arguments are not a JSON object ({error}).")
    except ClawError as error:
        _fail(draft, agent_id, call_id, f"{name}: {error.sentence} {error.hint}".strip())


def _fail(draft: Draft, agent_id: str, call_id: str, text: str) -> None:
    close_call(draft, agent_id, call_id, Fate.FAILED, text, by="dispatcher")


def _done(draft: Draft, agent: Agent, call_id: str, text: str) -> None:
    close_call(draft, agent.id, call_id, Fate.DONE, text, by="dispatcher")


def _create_subagent(draft: Draft, agent: Agent, call_id: str, args: _CreateSubagent) -> None:
    if not args.name.strip():
        _fail(draft, agent.id, call_id, "create_subagent: the name is empty.")
        return
    member = draft.member(args.member).id if args.member else ""
    draft.add(ev.RoleCreated(name=args.name, system_prompt=args.system_prompt, member=member))
    _done(draft, agent, call_id, f"Created subagent {args.name!r}. Use assign_task to give it work.")


def _assign_task(draft: Draft, agent: Agent, call_id: str, args: _AssignTask) -> None:
    role = draft.group.roles.get(args.agent)
    if role is None:
        known = ", ".join(sorted(draft.group.roles)) or "none yet"
        _fail(draft, agent.id, call_id, f"assign_task: no subagent {args.agent!r}. Created so far: {known}.")
        return
    wanted = args.member or role.member or draft.group.worker or agent.member
    member = draft.member(wanted)
    needed = [named(draft, agent, name) for name in args.depends_on]
    drafts = [child.title for child in needed if child.conductor_reviews and not child.ended]
    if drafts:  # it would wait for a review, and the review for the end of this turn
        text = f"assign_task: you review {', '.join(drafts)}. Assign what depends on it once you have accepted it."
        _fail(draft, agent.id, call_id, text)
        return
    number = draft.group.agents_made + 1
    title = (args.title or args.prompt.strip().split("\n", 1)[0])[:120]
    draft.add(
        ev.AgentCreated(
            agent=f"{draft.group.id}-{number}",
            name=f"{role.name}-{number:03d}",
            title=title,
            role=role.name,
            member=member.id,
            task=args.prompt,
            system_prompt=prompt_with_rules(role.system_prompt, draft.group.rules),
            acceptance=args.acceptance,
            parent=agent.id,
            parent_call=call_id,
            review=bool(args.acceptance or args.review),
            conductor_reviews=args.review == "conductor",
            depends_on=tuple(child.id for child in needed),
        )
    )
    set_call_status(draft, agent.id, call_id, CallStatus.CHILD)


def set_call_status(draft: Draft, agent_id: str, call_id: str, status: CallStatus) -> None:
    """Marks what an open call of this very step waits for, by an event of its own."""
    draft.add(ev.CallWaits(agent=agent_id, call=call_id, status=status))


def _list_members(draft: Draft, agent: Agent, call_id: str, args: _ListMembers) -> None:
    lines = [
        f"{m.id}: {m.name} ({m.kind.value}) drives {draft.group.load(m.id)} of {m.capacity or 'any number'}; "
        f"{m.description} {', '.join(m.skills)}".strip()
        for m in draft.group.members.values()
    ]
    _done(draft, agent, call_id, "\n".join(lines))


def _ask_person(draft: Draft, agent: Agent, call_id: str, args: _AskPerson) -> None:
    set_call_status(draft, agent.id, call_id, CallStatus.ANSWER)
    draft.open_request(
        agent.id,
        RequestKind.QUESTION,
        f"{agent.name} asks: {args.question[:200]}",
        call=call_id,
        tool="ask_person",
        detail=args.question,
        choices=(ev.Choice("answer", "Answer", needs="text"),),
    )


def _post_message(draft: Draft, agent: Agent, call_id: str, args: _PostMessage) -> None:
    draft.add(ev.MessagePosted(text=args.text, agent=agent.id))
    _done(draft, agent, call_id, "Posted.")


def _finish(draft: Draft, agent: Agent, call_id: str, args: _Finish) -> None:
    others = [call.name for call in agent.calls if call.id != call_id]
    if others:
        text = f"finish: these calls of the same turn have no answer yet: {', '.join(others)}. Call finish by itself."
        _fail(draft, agent.id, call_id, text)
        return
    drafts = [c.name for c in draft.group.children(agent.id) if c.conductor_reviews and c.hold is WaitReason.REVIEW]
    if drafts:
        text = f"finish: your review is waited for by {', '.join(drafts)}. Accept their work or send it back first."
        _fail(draft, agent.id, call_id, text)
        return
    draft.add(ev.ResultGiven(agent=agent.id, result=args.result))
    _done(draft, agent, call_id, "The task ends with this result.")


_TOOLS: dict[str, tuple[Any, Callable[[Draft, Agent, str, Any], None]]] = {
    "create_subagent": (_CreateSubagent, _create_subagent),
    "assign_task": (_AssignTask, _assign_task),
    "list_members": (_ListMembers, _list_members),
    "review": (Review, review),
    "reassign_task": (ReassignTask, reassign_task),
    "ask_person": (_AskPerson, _ask_person),
    "post_message": (_PostMessage, _post_message),
    "finish": (_Finish, _finish),
}


def described(policies: dict[str, Any]) -> tuple[ToolSpec, ...]:
    """The group tools with this group's policies."""
    return tuple(replace(spec, policy=policies.get(spec.name, spec.policy)) for spec in SPECS)
