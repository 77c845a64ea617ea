"""``decide``: what a command leads to in the present state, or why the rules refuse it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clawgroups.group import commands as cmd
from clawgroups.group import (
    rules_assign,
    rules_group,
    rules_launch,
    rules_lease,
    rules_loss,
    rules_requests,
    rules_room,
    rules_steps,
    rules_wheel,
)
from clawgroups.group.draft import Decision, Draft
from clawgroups.group.state import Group

RULES: dict[type[cmd.Command], Callable[[Draft, Any], None]] = {
    cmd.CreateGroup: rules_group.create_group,
    cmd.StartGroup: rules_group.start_group,
    cmd.PauseGroup: rules_group.pause_group,
    cmd.ResumeGroup: rules_group.resume_group,
    cmd.CancelGroup: rules_group.cancel_group,
    cmd.AddMember: rules_group.add_member,
    cmd.RemoveMember: rules_group.remove_member,
    cmd.SetPolicy: rules_group.set_policy,
    cmd.ChangeLimits: rules_requests.change_limits,
    cmd.ChangeRules: rules_room.change_rules,
    cmd.PostMessage: rules_room.post_message,
    cmd.CreateAgent: rules_group.create_agent,
    cmd.Launch: rules_launch.launch,
    cmd.RecordStep: rules_steps.record_step,
    cmd.RecordResult: rules_steps.record_result,
    cmd.ReportStopped: rules_loss.report_stopped,
    cmd.ReportFailure: rules_loss.report_failure,
    cmd.LoseSeat: rules_loss.lose_seat,
    cmd.RenewLease: rules_lease.renew_lease,
    cmd.LapseLease: rules_lease.lapse_lease,
    cmd.KeepLateWrite: rules_loss.keep_late_write,
    cmd.TakeOver: rules_wheel.take_over,
    cmd.WithdrawTakeOver: rules_wheel.withdraw_take_over,
    cmd.HandBack: rules_wheel.hand_back,
    cmd.Reassign: rules_wheel.reassign,
    cmd.SteerAgent: rules_wheel.steer,
    cmd.PauseAgent: rules_wheel.pause_agent,
    cmd.ResumeAgent: rules_wheel.resume_agent,
    cmd.CancelAgent: rules_wheel.cancel_agent,
    cmd.ForkAgent: rules_wheel.fork,
    cmd.AnswerRequest: rules_requests.answer,
    cmd.AssignRequest: rules_assign.assign,
}


def decide(group: Group, command: cmd.Command, *, actor: str, at: int) -> Decision:
    """Judges ``command`` by ``actor`` (a member id, ``dispatcher`` or ``runner``) at ``at`` ms.

    Pure: ``group`` is not changed. Raises Refused (naming the rule and the state), NotFound or Invalid.
    """
    draft = Draft(group, actor, at)
    RULES[type(command)](draft, command)
    return draft.decision()
