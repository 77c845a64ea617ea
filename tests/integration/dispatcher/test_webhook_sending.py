"""The outgoing webhook against a real HTTP server that takes, refuses, fails, is slow or is gone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from chat_server import Chat, chat
from dispatcher_rig import Rig, until

from clawgroups.dispatcher.webhook import webhook
from clawgroups.dispatcher.webhook.post import Schedule
from clawgroups.errors import Invalid
from clawgroups.group import commands as cmd
from clawgroups.group.draft import LOCAL_ADMIN
from clawgroups.group.members import Member, MemberKind

ZOE = Member(id="zoe", name="Zoe <!channel>", kind=MemberKind.PERSON)
QUICK = Schedule(first_s=0.02, most_s=0.05, give_up_s=20.0)


@pytest.fixture
def room() -> Iterator[Chat]:
    with chat() as made:
        yield made


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "GATHER_S", 0.01)


async def listening(rig: Rig, room: Chat, *kinds: str, **more: Any) -> webhook.Webhook:
    """The rig's webhook, set to this chat."""
    made = rig.dispatcher.webhook
    made.schedule = QUICK
    await made.change({"url": room.url, "kinds": kinds or ("task",), "private": True, **more}, LOCAL_ADMIN)
    return made


async def asked(rig: Rig, group: str = "rig2group", name: str = "Rig") -> str:
    """A group whose one sub-agent waits for a person."""
    await rig.join()
    return await rig.found(ZOE, group=group, name=name)


async def test_a_new_request_is_told_once_and_ended_groups_too(rig: Rig, room: Chat) -> None:
    hook = await listening(rig, room, "task", "group_finished", base="https://claw.example")
    await asked(rig, name="Rig <!here>")
    await until(lambda: room.taken)
    (line,) = room.lines()
    assert line.startswith("*A person's task* · Rig &lt;!here&gt; · ")
    assert "<!" not in line
    assert line.endswith("<https://claw.example/groups/rig2group?agent=rig2group-1|Open>")
    assert room.hosts[0] in room.url
    await rig.turn("All done.", result=True, actor=ZOE.id)
    await until(lambda: hook.sent == 2)  # it hears of the answer a moment after the chat has given it
    assert room.lines()[1].startswith("*Finished* · Rig")
    assert (hook.problem, len(room.tries), len(room.taken)) == (None, 2, 2)


async def test_what_nobody_chose_is_not_told(rig: Rig, room: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    hook = await listening(rig, room, "group_finished")
    put: list[str] = []
    aside = hook._put
    monkeypatch.setattr(hook, "_put", lambda note: (put.append(note.kind), aside(note)))
    await asked(rig)
    await rig.request("task")
    await rig.turn("All done.", result=True, actor=ZOE.id)
    await until(lambda: room.taken)
    assert [line[:10] for line in room.lines()] == ["*Finished*"]
    assert put == ["group_finished"]


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([429, (429, {"Retry-After": "0"}), 200], "too many messages"),
        ([503, 500], "It failed (500)."),
        (["silent"], "did not answer"),
    ],
)
async def test_it_tries_again_until_it_is_taken_and_tells_no_double(
    rig: Rig, room: Chat, answers: list[Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = await listening(rig, room)
    hook.within_s = 1.0
    problems: list[str] = []
    tell = hook._tell
    monkeypatch.setattr(hook, "_tell", lambda sentence, *a, **b: (problems.append(sentence), tell(sentence, *a, **b)))
    room.answers = list(answers)
    await asked(rig)
    await until(lambda: room.taken)
    failed = sum(answer != 200 for answer in answers)
    assert len(problems) == failed
    assert said in problems[-1]
    await until(lambda: hook.sent == 1)
    assert (len(room.tries), len(room.taken), hook.problem, hook.lost) == (failed + 1, 1, None, 0)


async def test_a_server_that_is_gone_is_given_up_with_the_reason_and_the_next_is_told_again(
    rig: Rig, room: Chat
) -> None:
    hook = await listening(rig, room)
    hook.schedule = Schedule(first_s=0.02, most_s=0.05, give_up_s=0.2)
    room.answers = [500] * 1_000
    await asked(rig)
    await until(lambda: hook.problem is not None and hook.problem["given_up"])
    assert hook.view()["problem"]["sentence"] == "It failed (500)."
    assert hook.lost == 1
    room.answers = []
    await rig.found(ZOE, group="rig3group", name="Second")
    await until(lambda: room.taken)
    assert len(room.lines()) == 1
    await until(lambda: hook.problem is None)


@pytest.mark.parametrize(("status", "said"), [(404, "refused the message"), (302, "redirect")])
async def test_a_refusal_and_a_redirect_are_no_use_to_try_again(rig: Rig, room: Chat, status: int, said: str) -> None:
    hook = await listening(rig, room)
    room.answers = [(status, {"Location": room.url.replace("secret", "other")})]
    await asked(rig)
    await until(lambda: hook.problem is not None)
    assert said in hook.problem["sentence"]
    assert hook.problem["given_up"]
    assert (len(room.tries), room.taken) == (1, [])


async def test_a_request_that_was_settled_meanwhile_is_not_told_any_more(rig: Rig, room: Chat) -> None:
    hook = await listening(rig, room)
    hook.schedule = Schedule(first_s=0.3, most_s=0.3)
    room.answers = [500]
    await asked(rig)
    await until(lambda: room.tries)
    await rig.do(cmd.CancelGroup())
    await hook.change({"base": ""}, LOCAL_ADMIN)  # wakes it up
    await until(lambda: not hook._waiting)
    await rig.found(ZOE, group="rig3group", name="Second")
    await until(lambda: room.taken)
    assert ["Second" in line for line in room.lines()] == [True]


async def test_a_restart_tells_nothing_again_and_goes_on_with_what_is_new(rig: Rig, room: Chat) -> None:
    await listening(rig, room)
    await asked(rig)
    await until(lambda: room.taken)
    await rig.close()
    await rig.open()
    hook = rig.dispatcher.webhook
    assert (hook.config.url, hook.config.kinds, hook.config.private) == (room.url, ("task",), True)
    await rig.join()
    await rig.found(ZOE, group="rig3group", name="Second")
    await until(lambda: len(room.taken) == 2)
    assert ["Second" in line for line in room.lines()] == [False, True]


async def test_what_waited_at_a_stop_is_told_once_after_the_next_start(rig: Rig, room: Chat) -> None:
    hook = await listening(rig, room, "task", "group_finished")
    hook.schedule = Schedule(first_s=30.0, most_s=30.0, give_up_s=300.0)
    room.answers = [500]
    await asked(rig)
    await until(lambda: hook.problem is not None)  # it waits for the next try
    await rig.found(ZOE, group="rig3group", name="Second")  # waits behind it
    await rig.found(ZOE, group="rig4group", name="Ended")
    await rig.request("task", "rig4group")
    await rig.turn("All done.", result=True, actor=ZOE.id, group="rig4group")
    await until(lambda: rig.group("rig4group").ended_at)
    assert room.taken == []
    await rig.close()
    await rig.open()
    await until(lambda: len(room.lines()) == 3)
    told = sorted(line.split(" · ")[0:2] for line in room.lines())
    assert told == [
        ["*A person's task*", "Rig"],
        ["*A person's task*", "Second"],
        ["*Finished*", "Ended has finished."],
    ]
    await until(lambda: rig.dispatcher.webhook.sent == 3)
    for _ in range(2):  # nothing of it is told by any later start
        await rig.close()
        await rig.open()
    await rig.join()
    await rig.found(ZOE, group="rig5group", name="New")
    await until(lambda: len(room.lines()) == 4)
    assert "New" in room.lines()[3]


async def test_what_is_settled_after_the_start_is_not_told_any_more(
    rig: Rig, room: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = await listening(rig, room)
    hook.schedule = Schedule(first_s=30.0, most_s=30.0, give_up_s=300.0)
    room.answers = [500]
    await asked(rig)
    await until(lambda: hook.problem is not None)
    await rig.found(ZOE, group="rig3group", name="Second")
    await rig.close()
    monkeypatch.setattr(webhook, "GATHER_S", 2.0)
    await rig.open()
    await rig.do(cmd.CancelGroup(), group="rig3group")
    await until(lambda: room.taken)
    assert ["Second" in line for line in room.lines()] == [False]


async def test_what_was_open_before_a_kind_was_chosen_stays_untold(rig: Rig, room: Chat) -> None:
    hook = await listening(rig, room)
    await asked(rig, name="First")
    await until(lambda: hook.sent == 1)
    await hook.change({"kinds": ("group_finished",)}, LOCAL_ADMIN)
    await rig.found(ZOE, group="rig3group", name="Before")
    await rig.request("task", "rig3group")
    await hook.change({"kinds": ("task",)}, LOCAL_ADMIN)
    await rig.close()
    await rig.open()
    await rig.join()
    await rig.found(ZOE, group="rig4group", name="After")
    await until(lambda: len(room.taken) == 2)
    assert [name for line in room.lines() for name in ("First", "Before", "After") if name in line] == [
        "First",
        "After",
    ]


async def test_a_message_on_its_way_at_a_stop_arrives_and_is_not_told_again(rig: Rig, room: Chat) -> None:
    await listening(rig, room)
    room.held.clear()
    await asked(rig)
    await until(lambda: room.tries)
    closing = asyncio.ensure_future(rig.close())
    await until(lambda: rig.dispatcher.desk._closing)
    room.held.set()
    await closing
    assert len(room.taken) == 1
    await rig.open()
    await rig.join()
    await rig.found(ZOE, group="rig3group", name="Second")
    await until(lambda: len(room.taken) == 2)
    assert ["Second" in line for line in room.lines()] == [False, True]


async def test_a_private_address_needs_consent_also_by_a_name_that_means_one(rig: Rig, room: Chat) -> None:
    hook = rig.dispatcher.webhook
    with pytest.raises(Invalid, match=r"."):
        await hook.change({"url": room.url.replace("http:", "https:"), "kinds": ("task",)}, LOCAL_ADMIN)
    assert not hook.config.url
    by_name = room.url.replace("http:", "https:").replace("127.0.0.1", "localhost")
    await hook.change({"url": by_name, "kinds": ("task",)}, LOCAL_ADMIN)
    tested = await hook.test("You")
    assert not tested["ok"]
    assert "private network" in tested["sentence"]
    assert room.tries == []


async def test_a_test_message_says_how_it_went_and_no_log_holds_the_secret(
    rig: Rig, room: Chat, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "clawgroups")
    hook = await listening(rig, room)
    assert (await hook.test("You"))["ok"]
    assert "A test from Claw Groups" in room.taken[0]["text"]
    room.answers = [500, 500]
    assert await hook.test("You") == {"ok": False, "sentence": "It failed (500)."}
    assert "secret-of-the-team" not in caplog.text
    assert "secret-of-the-team" not in str(hook.view())


@pytest.mark.parametrize("host", ["a..b", "a" * 64 + ".example", "xn--"])
async def test_an_address_with_an_impossible_name_is_refused_and_one_that_is_set_already_is_said_to_be_no_use(
    rig: Rig, room: Chat, host: str
) -> None:
    hook = rig.dispatcher.webhook
    with pytest.raises(Invalid, match="no web address"):
        await hook.change({"url": f"https://{host}/x"}, LOCAL_ADMIN)
    assert not hook.config.url
    hook.config = webhook.WebhookConfig(url=f"https://{host}/x", kinds=("task",))  # as an earlier version kept it
    await asked(rig)
    await until(lambda: hook.problem is not None)
    assert hook.problem["given_up"]
    assert "web address" in hook.view()["problem"]["sentence"]
    await hook.change({"url": room.url, "private": True}, LOCAL_ADMIN)
    await rig.found(ZOE, group="rig3group", name="Second")
    await until(lambda: room.taken)


@pytest.mark.parametrize("error", [UnicodeError, ValueError, OSError])
async def test_a_name_that_cannot_be_looked_up_ends_no_try_with_an_error(
    rig: Rig, room: Chat, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = await listening(rig, room)

    async def looked_up(*_: Any, **__: Any) -> Any:
        raise error("no")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", looked_up)
    told = await hook.test("You")
    assert not told["ok"]
    assert error.__name__ in told["sentence"]


async def test_a_message_that_breaks_is_counted_and_the_next_arrives(
    rig: Rig, room: Chat, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hook = await listening(rig, room)
    post = hook._poster.post
    broken: list[str] = []

    async def posted(url: str, *args: Any, **more: Any) -> Any:
        if not broken:
            broken.append(url)
            raise RuntimeError(f"a fault over {url}")
        return await post(url, *args, **more)

    monkeypatch.setattr(hook._poster, "post", posted)
    await asked(rig, name="First")
    await until(lambda: hook.problem is not None)
    assert (hook.lost, hook.problem["given_up"], hook._sending) == (1, True, [])
    assert "RuntimeError" in hook.view()["problem"]["sentence"]
    await rig.found(ZOE, group="rig3group", name="Second")
    await until(lambda: room.taken)
    assert ["Second" in line for line in room.lines()] == [True]
    assert "a message broke (RuntimeError)" in caplog.text
