"""A process that writes to a ledger as fast as it can and says what was acknowledged, until it fails or is killed.

``python writing_process.py URL [LIMIT]``: LIMIT is the size in bytes beyond which no file of its may grow. Each line
is a group and the number of its last acknowledged event; the last one, if it gets that far, says why it stopped.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import sys

from clawgroups.dispatcher.desk import Desk
from clawgroups.errors import LedgerStopped
from clawgroups.group import commands as cmd
from clawgroups.group.draft import LOCAL_ADMIN
from clawgroups.group.members import Member, MemberKind
from clawgroups.ledger.ledger import Ledger

YOU = Member(id=LOCAL_ADMIN, name="You", kind=MemberKind.PERSON)
WRITERS = 8


def say(**facts: object) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


async def write(desk: Desk, group: str, ends: list[str]) -> None:
    """Writes until it is told that it cannot any more."""
    number = 0
    try:
        if group not in desk.groups:
            await desk.post(
                group,
                cmd.CreateGroup(group=group, name="n", goal="g", conductor=LOCAL_ADMIN, members=(YOU,)),
                LOCAL_ADMIN,
            )
        while True:
            number += 1
            decision = await desk.post(group, cmd.ChangeRules(f"{os.getpid()} {number} " + "x" * 2_000), LOCAL_ADMIN)
            say(group=group, seq=decision.events[-1].seq)
    except LedgerStopped as error:
        ends.append(error.sentence)


async def main() -> None:
    if len(sys.argv) > 2:  # before the ledger is opened, so that it holds for the process that writes it
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then the write fails instead
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
    ledger = await Ledger.open(sys.argv[1])
    desk = Desk(ledger.writer, lambda before, decision: None)
    for group in await ledger.reader.unfinished():
        desk.groups[group] = await ledger.reader.load_group(group)
    runs = asyncio.ensure_future(desk.run())
    ends: list[str] = []
    await asyncio.gather(*(write(desk, f"w{number}", ends) for number in range(WRITERS)))
    late = ""
    try:
        await desk.post("w0", cmd.ChangeRules("later"), LOCAL_ADMIN)
    except LedgerStopped as error:
        late = error.sentence
    desk.close()
    await runs
    say(stopped=ledger.writer.stopped, told=len(ends), late=late)
    await ledger.close()


asyncio.run(main())
