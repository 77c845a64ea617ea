"""What ``clawgroups doctor`` looks at around a home: its running server, its members, model servers nearby."""

from __future__ import annotations

import asyncio
import contextlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil

from clawgroups.cli import checks_ledger
from clawgroups.cli.checks import Row, State
from clawgroups.cli.house import Api, Json, announced, home_key, serving
from clawgroups.dispatcher.members.keys import Keys
from clawgroups.errors import ClawError
from clawgroups.group.members import Member, MemberKind
from clawgroups.link import messages as ms
from clawgroups.runner.asks import Asks
from clawgroups.runner.discover import discover
from clawgroups.runner.drivers.model import make_client
from clawgroups.runner.reaper import Reaper
from clawgroups.runner.sandbox import probe
from clawgroups.settings import Settings

AT_ONCE = 32  # members that are asked at the same time: those that hang must not add up


def server(home: Path) -> list[Row]:
    """The home's server, and how its ledger and runner stand."""
    told, facts = announced(home), serving(home)
    if facts is None and told is None:
        return [Row("server", State.OK, "None runs for this home.", "Start one: clawgroups up")]
    if facts is None:
        assert told is not None
        if psutil.pid_exists(told["pid"]):
            detail = f"server.json names {told['url']} (process {told['pid']}), which does not answer as this home's."
            return [Row("server", State.WARN, detail, "Look at that process; start the server again if it hangs.")]
        detail = "server.json is left over from a server that was killed."
        return [Row("server", State.OK, detail, "Start one: clawgroups up. Nothing acknowledged is lost.")]
    with contextlib.closing(Api(facts, token=home_key(home))) as api:
        status = api.get("/status")
    runs = Row("server", State.OK, f"{facts['url']}, process {facts['pid']}, version {status['version']}.")
    return [runs, _ledger(status), _runner(status)]


def _ledger(status: Json) -> Row:
    ledger = status["ledger"]
    if ledger["state"] == "ok":
        return Row("ledger", State.OK, "The running server writes it.")
    return Row("ledger", State.FAIL, f"It has stopped: {ledger['message']}", ledger["hint"])


def _runner(status: Json) -> Row:
    runner = status["runner"]
    told = (
        f"{runner['state']}, restarted {runner['restarts']} times; sandbox: {runner['sandbox']['level'] or 'unknown'}."
    )
    if runner["state"] != "up":
        hint = "It is started again by itself; the server's log says why it ends."
        return Row("runner", State.FAIL, told, hint)
    if runner["restarts"]:
        return Row("runner", State.WARN, told, "The server's log says why it ended.")
    return Row("runner", State.OK, told)


async def members(settings: Settings, facts: Json | None) -> list[Row]:
    """Every model and program, really asked: by the running server, or from here where none runs."""
    try:
        if facts is not None:
            return await asyncio.to_thread(_asked_by_server, facts)
        return await _asked_from_here(settings)
    except ClawError as error:
        return [Row("members", State.WARN, f"They cannot be asked: {error.sentence}", error.hint)]


def _asked_by_server(facts: Json) -> list[Row]:
    with (
        contextlib.closing(Api(facts, token=home_key(Path(facts["home"])))) as api,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        found = [member for member in api.get("/members")["members"] if member["kind"] != "person"]
        answers = pool.map(lambda member: _tested(api, member["id"]), found)
        return [
            _row(m["name"], m["kind"], _mend(m["id"], m["bundled"]), answer)
            for m, answer in zip(found, answers, strict=True)
        ]


def _tested(api: Api, member: str) -> Json:
    """What its test says. Where the test itself is refused, that is what is said."""
    try:
        answer: Json = api.post(f"/members/{member}/test")
    except ClawError as error:
        return {"ok": False, **error.as_dict()}
    return answer


async def _asked_from_here(settings: Settings) -> list[Row]:
    found = [m for m in await checks_ledger.members(settings) if m.kind is not MemberKind.PERSON]
    if not found:
        return [Row("members", State.OK, "The bundled programs join at the first start; they need no model.")]
    level = await asyncio.to_thread(probe)
    asks = Asks(client := make_client(), Reaper(namespaces=level.ok))
    keys = Keys(settings.home / "secrets.json")
    try:
        answers = await asyncio.gather(*(_ask(asks, keys, member) for member in found))
    finally:
        await client.aclose()
    return [
        _row(m.name, m.kind.value, _mend(m.id, m.bundled), answer) for m, answer in zip(found, answers, strict=True)
    ]


async def _ask(asks: Asks, keys: Keys, member: Member) -> Json:
    try:
        secret = keys.read(member.model.key_ref) if member.model is not None else ""
    except ClawError as error:
        return {"ok": False, **error.as_dict()}
    reply = await asks.answer(ms.Ask(id=0, what="probe", member=member, secret=secret))
    answer: Json = {"ok": False, **reply.error} if reply.error else reply.body
    return answer


def _mend(member: str, bundled: bool) -> str:
    return "" if bundled else f"Change it: clawgroups members edit {member} (--help lists how), or remove it."


def _row(name: str, kind: str, mend: str, answer: Json) -> Row:
    if answer["ok"]:
        return Row(f"member {name}", State.OK, f"{answer['sentence']} ({kind}, {answer['ms']} ms)")
    hint = f"{answer['hint']} {mend}".strip() or "It comes with the program: install that again."
    return Row(f"member {name}", State.FAIL, str(answer["sentence"]), hint)


async def offers() -> Row:
    """Model servers on this machine's usual ports, and keys in the environment; no model is needed."""
    async with httpx.AsyncClient(trust_env=False) as client:
        found = await discover(dict(os.environ), client)
    if not found:
        hint = "The bundled programs need none. Add one: clawgroups members add model NAME --url URL --model MODEL"
        return Row("model servers", State.OK, "None found on this machine, and no key in the environment.", hint)
    told = "; ".join(f"{offer['model']} ({offer['source']})" for offer in found)
    return Row("model servers", State.OK, f"Found: {told}.", "clawgroups members lists how to add each.")
