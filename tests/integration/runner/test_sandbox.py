"""What a command can and cannot do, tried for real."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
import time
from pathlib import Path

import pytest
from runner_rooms import alive_with, until

from clawgroups.runner.reaper import Reaper
from clawgroups.runner.sandbox import OUTSIDE, Limits, SandboxLevel, confined, probe
from clawgroups.runner.tools.base import ToolContext, ToolResult
from clawgroups.runner.tools.command import RunCommand
from clawgroups.runner.tools.toolbox import Toolbox
from clawgroups.runner.workspace import Workspace


@pytest.fixture
def context(tmp_path: Path) -> ToolContext:
    root, source = tmp_path / "home" / "work" / "g" / "ws", tmp_path / "mine"
    root.mkdir(parents=True)
    source.mkdir()
    (source / "a.txt").write_text("hello\n")
    return ToolContext(Workspace(root, source, tmp_path / "home"), Reaper(), f"t-{secrets.token_hex(4)}.1")


async def shell(context: ToolContext, command: str, timeout_s: int = 20) -> ToolResult:
    arguments = json.dumps({"command": command, "timeout_s": timeout_s})
    return await Toolbox(probe()).call("run_command", arguments, context)


async def limited(context: ToolContext, command: str, limits: Limits) -> tuple[int | None, str]:
    root = context.workspace.root
    argv = confined(["/bin/sh", "-c", command], root, None, limits, context.seat)
    process = await context.reaper.spawn(context.seat, argv, cwd=root, env=OUTSIDE, confined=True, stdin=False)
    out, err = await process.communicate()
    return process.returncode, (out + err).decode()


async def test_a_command_writes_its_workspace_and_reads_the_source(context: ToolContext) -> None:
    result = await shell(context, "echo made > new.txt; cat source/a.txt; pwd; echo oops >&2; exit 3")
    assert not result.ok
    assert "hello\n/ws" in result.content
    assert "stderr:\noops" in result.content
    assert result.content.endswith("(exit status 3)")
    assert (context.workspace.root / "new.txt").read_text() == "made\n"


@pytest.mark.parametrize(
    "path", ["/x", "/usr/x", "/etc/x", "/dev/x", "source/x", "/ws/source/a.txt", "/proc/sys/kernel/panic"]
)
async def test_nothing_else_can_be_written(context: ToolContext, path: str) -> None:
    before = Path("/proc/sys/kernel/panic").read_text()
    result = await shell(context, f"cat /proc/sys/kernel/panic > {path}")
    assert not result.ok, result.content
    assert (context.workspace.source / "a.txt").read_text() == "hello\n"  # type: ignore[operator]
    assert Path("/proc/sys/kernel/panic").read_text() == before


async def test_home_ledger_and_keys_are_not_there(context: ToolContext, tmp_path: Path) -> None:
    (tmp_path / "home" / "key").write_text("KEY-9")
    result = await shell(context, f"ls -la / /root /home {Path.home()} {tmp_path}; cat {tmp_path}/home/key; id -u")
    assert "KEY-9" not in result.content
    assert "\n1000\n" in result.content
    assert "No such file" in result.content


async def test_our_own_folder_is_hidden_where_it_lies_in_the_source(tmp_path: Path) -> None:
    home = tmp_path / "mine" / ".clawgroups"
    root = home / "work" / "g" / "ws"
    root.mkdir(parents=True)
    (home / "key").write_text("KEY-9")
    context = ToolContext(Workspace(root, tmp_path / "mine", home), Reaper(), f"t-{secrets.token_hex(4)}.1")
    tools = Toolbox(probe())
    assert "KEY-9" not in (await shell(context, "ls -laR source; cat source/.clawgroups/key")).content
    assert "KEY-9" not in (await tools.call("read_file", '{"path": "source/.clawgroups/key"}', context)).content
    assert "key" not in (await tools.call("list_files", '{"path": "source", "recursive": true}', context)).content
    assert "KEY-9" not in (await tools.call("search_files", '{"path": "source", "text": "KEY"}', context)).content


async def test_keys_and_tokens_cannot_be_seen_through_any_process(
    context: ToolContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("X_API_KEY", "sekret-77")
    result = await shell(context, "env; cat /proc/*/environ | tr '\\0' '\\n'; ps -ef || true")
    assert "PATH=" in result.content
    assert "sekret-77" not in result.content


async def test_there_is_no_network_and_no_abstract_socket(context: ToolContext) -> None:
    name = f"\0t-{secrets.token_hex(4)}"
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind(name)
        abstract.listen()
        port = server.getsockname()[1]
        script = (
            f"import socket\n"
            f"for family, where in ((socket.AF_INET, ('127.0.0.1', {port})), (socket.AF_UNIX, '\\0{name[1:]}')):\n"
            f"    try: socket.socket(family).connect(where); print('REACHED', where)\n"
            f"    except OSError as error: print(type(error).__name__)\n"
        )
        (context.workspace.root / "try.py").write_text(script)
        result = await shell(context, "/usr/bin/python3 try.py")
    assert result.content.startswith("ConnectionRefusedError\nConnectionRefusedError"), result.content


async def test_setuid_programs_and_capabilities_give_nothing(context: ToolContext) -> None:
    result = await shell(
        context, "grep -E 'NoNewPrivs|CapEff' /proc/self/status; unshare -U true; mount -t tmpfs x /tmp; su -c id"
    )
    assert "NoNewPrivs:\t1" in result.content
    assert "CapEff:\t0000000000000000" in result.content
    assert "uid=0" not in result.content


async def test_memory_and_file_size_are_limited(context: ToolContext) -> None:
    code, said = await limited(context, "/usr/bin/python3 -c 'b=bytearray(900*2**20)'", Limits(memory=2**29))
    assert code != 0
    assert "MemoryError" in said
    code, _ = await limited(context, "head -c 3000000 /dev/zero > big", Limits(file_size=10**6))
    assert code != 0
    assert (context.workspace.root / "big").stat().st_size <= 10**6
    code, said = await limited(context, "head -c 3000000 /dev/zero > /tmp/big", Limits(temp_bytes=10**6))
    assert "No space" in said


async def test_too_much_output_ends_the_command_and_is_cut_in_the_middle(context: ToolContext) -> None:
    began = time.monotonic()
    result = await shell(context, "yes 0123456789")
    assert not result.ok
    assert "more output than is allowed" in result.content
    assert len(result.content) < 50_000
    assert time.monotonic() - began < 10
    result = await shell(context, "echo first; head -c 1000000 /dev/zero | tr '\\0' x; echo last")
    assert result.content.startswith("first")
    assert "last\n" in result.content[-100:]


async def test_a_command_that_takes_too_long_is_ended_with_its_daemons(context: ToolContext) -> None:
    sleep = str(100_000 + secrets.randbelow(10**9))
    result = await shell(context, f"echo begun; env -i setsid -f sleep {sleep}; sleep {sleep}", timeout_s=1)
    assert "begun" in result.content
    assert "ended after 1 s" in result.content
    await until(lambda: alive_with(sleep) == [])


async def test_a_background_process_does_not_hold_up_its_command(context: ToolContext) -> None:
    began = time.monotonic()
    assert (await shell(context, "sleep 30 & echo done")).ok
    assert time.monotonic() - began < 5


async def test_a_fork_bomb_is_ended(context: ToolContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clawgroups.runner.tools.command.Limits", lambda cpu_s: Limits(cpu_s=cpu_s, processes=40))
    sleep = str(100_000 + secrets.randbelow(10**9))
    result = await shell(context, f"while :; do env -i sleep {sleep} & sleep 0.002; done", timeout_s=15)
    assert not result.ok
    if os.getuid() == 0:
        assert "more than 40 processes" in result.content
    await until(lambda: alive_with(sleep) == [])


async def test_the_cancelled_command_is_gone(context: ToolContext) -> None:
    sleep = str(100_000 + secrets.randbelow(10**9))
    running = asyncio.ensure_future(shell(context, f"sleep {sleep}"))
    await until(lambda: bool(alive_with(f"sleep\0{sleep}")))
    running.cancel()
    await asyncio.wait({running})
    await until(lambda: alive_with(sleep) == [], within_s=1)


async def test_without_bubblewrap_the_tool_is_off_and_says_why(
    context: ToolContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    level = probe()
    assert (level.level, level.ok) == ("none", False)
    assert "bubblewrap is not installed" in level.detail
    result = await Toolbox(level).call("run_command", '{"command": "true"}', context)
    assert not result.ok
    assert "bubblewrap is not installed" in result.content
    assert "bubblewrap" in RunCommand(SandboxLevel("none", level.detail)).spec.off
