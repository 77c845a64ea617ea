"""From an order to what is supervised: the plan, the environment, the launch of each process."""

from __future__ import annotations

import asyncio
import secrets
import shlex
from functools import partial
from pathlib import Path

from backend.control.subject import Subject
from backend.errors import EnvironmentMissing, LaunchFailed, typed
from backend.planner.cpu import plan_cpu
from backend.planner.detect import detect
from backend.planner.hardware import Hardware, hardware_of
from backend.planner.model import find_model
from backend.planner.plan import NodeCommand, Plan
from backend.planner.planner import make_plan
from backend.planner.wish import Wish
from backend.serving.about import about
from backend.serving.on_cpu import on_cpu
from backend.serving.order import Order
from backend.serving.run import end_with, run
from backend.serving.supervised import Supervised
from backend.supervisor.environment import Environment, default_folder
from backend.supervisor.fleet import Fleet
from backend.supervisor.journal import Journal
from backend.supervisor.launch import Launch, launch, launch_engine, option
from backend.supervisor.recipe import Kind, recipe
from backend.supervisor.router import copies, replaced, router
from backend.supervisor.supervisor import Supervisor

HOME = Path("~/.local/state/clawgroups/backend")


def serve_order(order: Order, control_host: str, control_port: int, token: str, parent: int = 0) -> None:
    """Serves until SIGTERM or SIGINT. Raises BackendError for what cannot be begun at all."""
    if parent:
        end_with(parent)
    plan = plan_order(order)
    asyncio.run(_serve(order, plan, control_host, control_port, token))


async def _serve(order: Order, plan: Plan, control_host: str, control_port: int, token: str) -> None:
    supervised, subject = assemble(order, plan)
    try:
        kept = token or secrets.token_urlsafe(32)
        await run(subject, control_host=control_host, control_port=control_port, token=kept, made=not token)
    finally:
        await supervised.close()


def plan_order(order: Order) -> Plan:
    """The plan that an order asks for; its one command is this node's. Raises BackendError."""
    if not Path(order.model).is_dir():
        raise LaunchFailed(f"{order.model} is no folder.", "Download the checkpoint first, and name its folder.")
    hardware = hardware_of(order.hardware) if order.hardware else detect()
    wish = Wish(context=order.context, concurrency=order.concurrency, port=order.port)
    model = find_model(order.model)
    if order.engine == "cpu" or not hardware.groups():
        plan = plan_cpu(model, hardware, wish)
        if order.engine == "sglang":
            plan = on_cpu(plan, order.nnodes or 1)
    else:
        plan = make_plan(model, _shared_out(hardware, order), wish)
    return plan.model_copy(update={"commands": [_this_node(order, plan)]})


def _shared_out(hardware: Hardware, order: Order) -> Hardware:
    """The hardware of one copy: as many nodes like this one as were named, or a part of its GPUs."""
    nodes = hardware.nodes * order.nnodes if order.nnodes > len(hardware.nodes) else hardware.nodes
    if order.replicas > 1:
        nodes = tuple(node.model_copy(update={"gpus": node.gpus // order.replicas}) for node in nodes)
        if not any(node.gpus for node in nodes):
            raise LaunchFailed(f"There are fewer GPUs than {order.replicas} copies.", "Lower --replicas.")
    return hardware.model_copy(update={"nodes": nodes, "local": hardware.local and len(nodes) == 1})


def _this_node(order: Order, plan: Plan) -> NodeCommand:
    """The plan's command for this node, with what the order says of addresses, names and options."""
    found = [one for one in plan.commands if one.replica == 0 and one.rank == order.node_rank]
    if not found:
        raise LaunchFailed(
            f"The plan has {plan.layout.nodes} node(s), and none of rank {order.node_rank}.",
            "Say how many there are with --nnodes, or name all of them with --hardware.",
        )
    argv = replaced(replaced(found[0].argv, "--port", str(order.port)), "--host", order.host)
    if order.served_name:
        argv = replaced(argv, "--served-name" if plan.engine == "cpu" else "--served-model-name", order.served_name)
    if plan.layout.nodes > 1 or order.use_ray:
        argv = _together(order, argv)
    if plan.engine == "cpu":
        argv = [*argv, "--context", str(plan.context)] if order.context else argv
    return found[0].model_copy(update={"argv": [*argv, *_words(order.options)]})


def _together(order: Order, argv: list[str]) -> list[str]:
    """How the nodes find each other. Over Ray node 0 says it to the others itself, but for attention's own groups."""
    if order.dist_init_addr:
        argv = replaced(argv, "--dist-init-addr", order.dist_init_addr)
    elif option(argv, "--dist-init-addr").startswith(":"):
        if not order.use_ray or option(argv, "--attn-dp-size"):
            raise LaunchFailed(
                "Where the nodes meet is not known.", "Name node 0's address with --dist-init-addr HOST:20000."
            )
        at = argv.index("--dist-init-addr")
        argv = argv[:at] + argv[at + 2 :]  # SGLang refuses an address without a host
    return [*argv, "--use-ray"] if order.use_ray else argv


def _words(options: str) -> list[str]:
    try:
        return shlex.split(options)
    except ValueError as error:
        raise LaunchFailed(f"--options cannot be read: {error}.", "Close every quote.") from error


def assemble(order: Order, plan: Plan) -> tuple[Supervisor | Fleet, Subject]:
    """What is supervised, stopped yet, and how the control sees it. Raises BackendError."""
    folder = order.folder or HOME.expanduser() / str(order.port)
    supervised = _engine(order, plan, folder) if plan.engine == "cpu" else _sglang(order, plan, folder)
    reached = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(order.host, order.host)
    command = plan.commands[0]
    name = option(command.argv, "--served-model-name") or order.served_name or Path(plan.model_path).name
    url = f"http://{reached}:{order.port}" if command.rank == 0 else ""
    return supervised, Supervised(supervised, about(plan.engine, plan, name, url))


def _engine(order: Order, plan: Plan, folder: Path) -> Supervisor:
    if order.replicas > 1:
        raise LaunchFailed("The CPU engine serves one copy.", "Leave out --replicas.")
    make = partial(launch_engine, plan.commands[0], Path.cwd(), api_key=order.api_key, drain_s=order.drain_s)
    return Supervisor(make, folder, secrets=(order.api_key,))


def _sglang(order: Order, plan: Plan, folder: Path) -> Supervisor | Fleet:
    environment = _environment(order, plan)
    python, command = environment.python, plan.commands[0]
    variables = environment.recipe.variables
    known = (order.api_key,)
    made = environment if order.install else None

    def one(what: NodeCommand, where: Path, hears: Journal | None = None, label: str = "") -> Supervisor:
        start = partial(
            launch, what, python, Path.cwd(), api_key=order.api_key, variables=variables, drain_s=order.drain_s
        )
        told = (lambda line: hears.write(f"{label}: {line}")) if hears else None
        return Supervisor(start, where, environment=made, secrets=known, hears=told)

    if order.replicas == 1:
        return one(command, folder)
    ports = [order.port + number for number in range(1, order.replicas + 2)]
    journal = Journal(folder / "all.log", known)
    parts = copies(command, order.replicas, ports, gpus_of(plan))
    members = [one(part, folder / f"copy-{part.replica}", journal, f"copy {part.replica}") for part in parts]
    start = _router(order, python, ports)
    front = Supervisor(start, folder / "router", secrets=known, hears=lambda line: journal.write(f"router: {line}"))
    return Fleet(members, front, journal)


def gpus_of(plan: Plan) -> int:
    """How many GPUs one copy's command takes: a plan may itself put several copies into one command (``--dp-size``)."""
    return plan.layout.tensor * plan.layout.replicas if plan.layout.gpus_per_node else 0


def _router(order: Order, python: Path, ports: list[int]) -> partial[Launch]:
    workers = [f"http://127.0.0.1:{port}" for port in ports[:-1]]
    return partial(
        router, workers, python, Path.cwd(), host=order.host, port=order.port, metrics_port=ports[-1],
        api_key=order.api_key, drain_s=order.drain_s,
    )  # fmt: skip


def _environment(order: Order, plan: Plan) -> Environment:
    """SGLang's environment. One that somebody made by hand is taken as it is. Raises EnvironmentMissing."""
    kind: Kind = "sglang-gpu" if plan.layout.gpus_per_node else "sglang-cpu"
    found = Environment(order.environment or default_folder(kind), recipe(kind, ray=order.use_ray))
    by_hand = order.environment is not None and found.python.exists() and not found.ours()
    if not (found.ready() or order.install or by_hand):
        raise EnvironmentMissing(
            f"SGLang's environment {found.folder} is not there, or not finished.",
            f"Run {typed(f'setup --kind {kind}')}, or add --install.",
        )
    return found
