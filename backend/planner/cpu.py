"""The plan for a machine without a GPU: the CPU engine, if the model is one that it serves and RAM holds it."""

from __future__ import annotations

from backend.checkpoint.config import DEEPSEEK, KIMI
from backend.errors import PlanRefused
from backend.planner.candidates import LEAST_CONTEXT, STEP
from backend.planner.gpu import GIB
from backend.planner.hardware import Hardware
from backend.planner.memory import Cut, cache_per_token
from backend.planner.plan import Layout, Memory, NodeCommand, Plan, Row
from backend.planner.rows import gib
from backend.planner.shape import Model
from backend.planner.wish import Wish

WORKSPACE = 2 * GIB
"""For the interpreter, torch and activations."""
USABLE = 0.9
"""Of the machine's RAM; the rest is the operating system's."""
USUAL_CACHE = 2**18
"""Tokens that the cache is given where no more are asked for: what is not used for it helps to keep weights in RAM."""


def plan_cpu(model: Model, hardware: Hardware, wish: Wish) -> Plan:
    """The plan for this machine's CPU. Raises PlanRefused."""
    wish.check(model)
    none = "" if hardware.groups() else "No GPU was found here, and "
    if model.shape.architecture not in (DEEPSEEK, KIMI):
        raise PlanRefused(
            f"{none}the CPU engine serves {DEEPSEEK} and {KIMI}, not {model.shape.architecture}.",
            "Name a GPU server with --hardware, such as --hardware 1xL40S.",
        )
    ram = hardware.nodes[0].ram
    if ram is None:
        raise PlanRefused(
            f"{none or 'For the CPU engine '}how much RAM this machine has is not known.",
            "Name hardware with --hardware.",
        )
    per_token = cache_per_token(model.shape, Cut(1), "bf16")
    weights = model.shape.weights.loaded + model.shape.absorbed
    left = int(ram * USABLE) - weights - WORKSPACE
    context = _context(model, left // per_token, wish)
    if context is None:
        need = weights + WORKSPACE + wish.requests * (wish.context or LEAST_CONTEXT) * per_token
        raise PlanRefused(
            f"{none}{model.name} does not fit in RAM for the CPU engine: it wants {gib(need)} "
            f"({gib(weights)} of weights), and {gib(int(ram * USABLE))} of {gib(ram)} can be used.",
            "Name a GPU server with --hardware, such as --hardware 8xH200, or take a smaller model.",
        )
    tokens = max(context * wish.requests, min(left // per_token, USUAL_CACHE))
    return _plan(model, hardware, wish, ram, weights, tokens, context, per_token)


def _plan(
    model: Model, hardware: Hardware, wish: Wish, ram: int, weights: int, tokens: int, context: int, per_token: int
) -> Plan:
    return Plan(
        model=model.name,
        model_path=model.path,
        architecture=model.shape.architecture,
        engine="cpu",
        hardware="no GPU",
        weight_bytes=model.shape.weights.loaded,
        context=context,
        concurrency=tokens // context,
        cache_tokens=tokens,
        layout=Layout(tensor=1, gpus_per_node=0),
        memory=Memory(
            total=ram,
            weights=weights,
            cache=tokens * per_token,
            reserve=ram - int(ram * USABLE) + WORKSPACE,
            cache_per_token=per_token,
        ),
        commands=[NodeCommand(rank=0, argv=_words(model, context, wish, tokens))],
        rows=_rows(model, ram, tokens, context, per_token),
        warnings=_warnings(model, hardware, context),
        assumptions=[*_none(hardware), "A tenth of RAM is the system's, 2 GiB are for computing.", *model.notes],
    )


def _none(hardware: Hardware) -> list[str]:
    """Why this engine: nothing to be warned of."""
    return [] if hardware.groups() else ["No GPU was found here: the CPU engine serves the model."]


def _warnings(model: Model, hardware: Hardware, context: int) -> list[str]:
    found = list(hardware.notes)
    if context < model.shape.context:
        found.append(f"The context is {context:,} tokens and not the model's {model.shape.context:,}.")
    return found


def _words(model: Model, context: int, wish: Wish, tokens: int) -> list[str]:
    words = ["python", "-m", "backend", "engine", model.path, "--port", str(wish.port), "--context", str(context)]
    return [*words, "--memory-tokens", str(tokens)]


def _context(model: Model, tokens: int, wish: Wish) -> int | None:
    own = wish.context or model.shape.context
    if tokens // own >= wish.requests:
        return own
    shorter = tokens // wish.requests // STEP * STEP
    return shorter if wish.context is None and shorter >= LEAST_CONTEXT else None


def _rows(model: Model, ram: int, tokens: int, context: int, per_token: int) -> list[Row]:
    shape = model.shape
    return [
        Row(label="model", value=model.name, note=f"{shape.architecture}, {shape.scheme.name}"),
        Row(label="weights", value=gib(shape.weights.loaded)),
        Row(label="hardware", value="no GPU", note=f"{gib(ram)} of RAM"),
        Row(label="cache a token", value=f"{per_token:,} bytes", note="bf16 (MLA latent)"),
        Row(label="context", value=f"{context:,} tokens", note=f"the model's own: {shape.context:,}"),
        Row(label="at a time", value=f"{tokens // context} requests of that length", note=f"{tokens:,} tokens in all"),
    ]
