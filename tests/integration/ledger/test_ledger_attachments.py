"""Attachments and results in SQL: found by group and id, kept whole by the audit, and results from their own events."""

from __future__ import annotations

import pytest
from ledger_rig import commit_of, founded, judged, write
from sqlalchemy import text

from clawgroups.errors import NotFound
from clawgroups.group import commands as cmd
from clawgroups.group.attachments import Attachment
from clawgroups.group.state import RequestKind
from clawgroups.ledger.attachments import attachment, kept
from clawgroups.ledger.ledger import Ledger
from clawgroups.ledger.mirror import GroupCommit
from clawgroups.ledger.room import room_page
from tests.unit.group.scene import CHILD, CONDUCTOR, Scene

ODD = Attachment("a1", "naïve \u202e'; DROP TABLE events;.png", "image/png", 2**40, "ab" * 32)


async def test_what_a_post_carries_is_found_by_group_and_id_and_comes_back_in_the_thread(ledger: Ledger) -> None:
    made = founded("talk")
    await ledger.writer.commit([commit_of(made)])
    posted = judged(made.group, cmd.PostMessage("Look.", (f"{made.group.id}-1",), (ODD,)))
    await ledger.writer.commit([commit_of(posted)])
    assert await attachment(ledger.reader, "talk", "a1") == ODD
    assert await kept(ledger.reader, [ODD.sha256, "cd" * 32]) == {ODD.sha256}
    with pytest.raises(NotFound):
        await attachment(ledger.reader, "other", "a1")
    for only in ("", "talk-1"):
        (message,) = await room_page(ledger.reader, "talk", agent=only, limit=10)
        assert [one["id"] for one in message["attachments"]] == ["a1"]
    assert (await ledger.reader.load_group("talk")).agents["talk-1"].steers[0].attachments == (ODD,)
    again = judged(posted.group, cmd.PostMessage("Again.", (), (ODD,)))
    await ledger.writer.commit([commit_of(again)])
    assert await ledger.reader.verify("talk") == []


async def test_the_audit_sees_an_attachment_that_the_record_does_not_know(ledger: Ledger) -> None:
    made = founded("talk")
    posted = judged(made.group, cmd.PostMessage("Look.", (), (ODD,)))
    await ledger.writer.commit([commit_of(made)])
    await ledger.writer.commit([commit_of(posted)])
    await ledger.writer.beside(lambda c: c.execute(text("UPDATE attachments SET sha256 = 'x' WHERE id = 'a1'")))
    (problem,) = await ledger.reader.verify("talk")
    assert problem.startswith("attachments: talk a1 has sha256 'x'")


async def test_results_stand_in_the_room_from_the_events_that_ended_them(ledger: Ledger) -> None:
    scene = Scene()
    scene.conduct({}, {"acceptance": "good"}, {})
    scene.turn(CHILD, words="First result.")
    scene.turn("g-3", words="To be reviewed.")
    scene.fail("g-4")
    scene.answer(RequestKind.STALL, "fail")
    await write(ledger, scene.events)
    page = await room_page(ledger.reader, "g", limit=10)
    assert [(m["kind"], m["by_agent"], m["text"]) for m in page[:1]] == [("finished", CHILD, "First result.")]
    assert [(m["kind"], m["by_agent"]) for m in page[1:]] == [("failed", "g-4")], "a draft is no result yet"
    before = len(scene.events)
    scene.answer(RequestKind.REVIEW, "accept")
    scene.turn(CONDUCTOR, words="All done.")
    await ledger.writer.commit([GroupCommit(scene.group, scene.events[before:])])
    page = await room_page(ledger.reader, "g", limit=10)
    assert [(m["kind"], m["by_agent"], m["text"]) for m in page[2:]] == [
        ("finished", "g-3", "To be reviewed."),
        ("finished", CONDUCTOR, "All done."),
    ]
    assert [m["seq"] for m in await room_page(ledger.reader, "g", before=page[2]["seq"], limit=1)] == [page[1]["seq"]]
    assert [m["seq"] for m in await room_page(ledger.reader, "g", after=page[0]["seq"], limit=2)] == [
        m["seq"] for m in page[1:3]
    ]
    assert [m["seq"] for m in await room_page(ledger.reader, "g", agent="g-3", limit=9)] == [page[2]["seq"]]
