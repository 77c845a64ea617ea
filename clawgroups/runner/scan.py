"""Looks through /proc for what belongs to a seat: by its mark in the environment, and by its PID namespace."""

from __future__ import annotations

import os
import signal
from collections.abc import Collection

from msgspec import Struct

MARK = "CLAWGROUPS_SEAT"
OWNER = "CLAWGROUPS_RUNNER"


class Found(Struct, frozen=True):
    """One live process: its seat by its mark (empty: none), its PID namespace, and the runner that started it."""

    pid: int
    seat: str
    namespace: str
    owner: str


def scan() -> list[Found]:
    """Every process that may belong to some seat. Zombies do not count; they hold nothing and do nothing."""
    own = os.readlink("/proc/self/ns/pid")
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            namespace = os.readlink(f"/proc/{name}/ns/pid")
            environ = _environ(int(name))
        except OSError:
            continue  # it ended, or belongs to somebody else
        seat = _value(environ, MARK)
        if seat or namespace != own:
            found.append(Found(int(name), seat, "" if namespace == own else namespace, _value(environ, OWNER)))
    return found


def of_seat(found: Collection[Found], seat: str, namespaces: Collection[str]) -> list[Found]:
    """Those that carry the seat's mark, or live in one of its PID namespaces whatever they made of their marks."""
    return [each for each in found if each.seat == seat or (each.namespace and each.namespace in namespaces)]


def kill(each: Found) -> None:
    """Kills a process that was found. Its number may belong to another process by now, which is let be."""
    try:
        handle = os.pidfd_open(each.pid)
    except ProcessLookupError:
        return  # it ended since the scan
    try:
        if _is_still(each):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
    except OSError:
        return  # it ended this very moment
    finally:
        os.close(handle)


def identity(pid: int) -> str:
    """A name for a process that no other has: its number, its start, and the PID namespace of the number."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        fields = file.read().rsplit(b")", 1)[1].split()
    return f"{pid} {fields[19].decode()} {os.readlink(f'/proc/{pid}/ns/pid')}"


def is_orphan(each: Found) -> bool:
    """Whether the runner that started it, one of this PID namespace, is gone."""
    pid, _, rest = each.owner.partition(" ")
    if not pid.isdigit() or rest.partition(" ")[2] != os.readlink("/proc/self/ns/pid"):
        return False  # of nobody, or of a runner whose numbers mean nothing here
    try:
        return identity(int(pid)) != each.owner
    except OSError:
        return True


def _is_still(each: Found) -> bool:
    if each.seat and _value(_environ(each.pid), MARK) == each.seat:
        return True
    return bool(each.namespace) and os.readlink(f"/proc/{each.pid}/ns/pid") == each.namespace


def _environ(pid: int) -> bytes:
    with open(f"/proc/{pid}/environ", "rb") as file:
        return file.read()


def _value(environ: bytes, name: str) -> str:
    needle = f"{name}=".encode()
    at = environ.find(needle)
    while at > 0 and environ[at - 1] != 0:
        at = environ.find(needle, at + 1)
    return "" if at < 0 else environ[at + len(needle) :].split(b"\0", 1)[0].decode(errors="replace")
