"""A member that is changed: groups hear of it even over a crash, and no drive is left with a key that is gone."""

from __future__ import annotations

from dispatcher_rig import Rig, model
from msgspec.structs import replace

from clawgroups.dispatcher.members.changes import MemberChanges
from clawgroups.dispatcher.views import HOUSE
from clawgroups.group import commands as cmd
from clawgroups.group.draft import LOCAL_ADMIN
from clawgroups.group.state import AgentStatus, GroupStatus
from clawgroups.testing.model_scripts import named
from clawgroups.testing.model_server import ModelServer

FIRST, SECOND = "sk-first", "sk-second"


async def test_what_a_crash_kept_from_a_group_reaches_it_at_the_next_start(rig: Rig) -> None:
    member = await rig.dispatcher.registry.add(model("one", "http://127.0.0.1:9/v1"), "", LOCAL_ADMIN)
    await rig.found(member, start=False)
    await rig.found(member, start=False, group="ended")
    await rig.do(cmd.CancelGroup(), group="ended")
    changed = replace(member, capacity=4)
    await rig.dispatcher.desk.post(HOUSE, cmd.AddMember(changed), LOCAL_ADMIN)
    assert rig.group().members[member.id] == member, "the crash comes here"
    await rig.close()
    await rig.open()
    assert rig.group().members[member.id] == changed
    assert rig.group("ended").members[member.id] == member
    assert rig.group("ended").status is GroupStatus.CANCELLED
    before = len(await rig.kinds())
    await rig.close()
    await rig.open()
    assert len(await rig.kinds()) == before, "it is told once"


async def test_a_drive_that_is_made_while_the_key_changes_gets_the_new_one(rig: Rig) -> None:
    async with ModelServer(named(30)) as server:
        member = await rig.dispatcher.registry.add(model("endless", server.base_url), FIRST, LOCAL_ADMIN)
        await rig.found(member)
        await rig.join()
        await rig.reaches(AgentStatus.DRIVING)
        await server.until(lambda: server.open)
        granted = rig.group()
        changed = await rig.dispatcher.registry.change(member.id, MemberChanges(api_key=SECOND), LOCAL_ADMIN)
        assert changed.model is not None
        assert rig.group().members[member.id] == changed
        drive = await rig.dispatcher.drives.make(granted, "rig2group-1")
        assert drive is not None
        assert (drive.secret, drive.member) == (SECOND, changed)
        assert server.requests[0].headers["Authorization"] == f"Bearer {FIRST}"
        await rig.do(cmd.CancelGroup())


async def test_a_key_goes_to_no_server_but_its_own_even_when_an_id_comes_again(rig: Rig) -> None:
    async with ModelServer(named(1)) as old, ModelServer(named(1)) as new:
        registry = rig.dispatcher.registry
        former = await registry.add(model("one", old.base_url), FIRST, LOCAL_ADMIN)
        await rig.found(former, group="ended")
        await rig.do(cmd.CancelGroup(), group="ended")
        await registry.remove(former.id, LOCAL_ADMIN)
        present = await registry.add(model("one", new.base_url), SECOND, LOCAL_ADMIN)
        assert present.id == former.id
        assert former.model is not None
        assert present.model is not None
        assert former.model.key_ref != present.model.key_ref
        await rig.do(cmd.ForkAgent(agent="ended-1", step=0), group="ended")
        assert rig.group("ended").members[present.id] == present, "it runs again with the members as they are now"
