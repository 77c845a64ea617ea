"""LangGraph's arm of the dispatch benchmark: PATH AGENTS STEPS WORDS; prints its steps a second.

The peer's package is loaded by name: it is there only after ``make setup-bench``.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import time
from typing import Any, TypedDict

from benchmarks.gate import Gate


class State(TypedDict):
    """What is checkpointed. LangGraph reads this class at run time."""

    body: str
    step: int


async def main(path: str, agents: int, steps: int, words: str) -> float:
    """One graph a sub-agent; a step is two nodes, the turn and its tool, each checkpointed with ``sync``."""
    saver: Any = importlib.import_module("langgraph.checkpoint.sqlite.aio").AsyncSqliteSaver
    gate = Gate(agents)
    async with saver.from_conn_string(path) as checkpointer:
        compiled = _graph(gate, steps, words).compile(checkpointer=checkpointer)

        async def work(agent: int) -> None:
            config = {"configurable": {"thread_id": str(agent)}, "recursion_limit": 2 * steps + 5}
            await compiled.ainvoke({"body": "", "step": 0}, config, durability="sync")

        await asyncio.gather(*(work(agent) for agent in range(agents)))
        return agents * steps / (time.perf_counter() - gate.opened)


def _graph(gate: Gate, steps: int, words: str) -> Any:
    module: Any = importlib.import_module("langgraph.graph")

    async def turn(state: State) -> State:
        if state["step"] == 0:
            await gate.come()
        return {"body": words, "step": state["step"]}

    async def tool(state: State) -> State:
        return {"body": "noted", "step": state["step"] + 1}

    def more(state: State) -> str:
        return "turn" if state["step"] < steps else str(module.END)

    graph = module.StateGraph(State)
    graph.add_node("turn", turn)
    graph.add_node("tool", tool)
    graph.add_edge(module.START, "turn")
    graph.add_edge("turn", "tool")
    graph.add_conditional_edges("tool", more)
    return graph


if __name__ == "__main__":
    rate = asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
    sys.stdout.write(json.dumps({"steps_per_s": rate}) + "\n")
