"""The LangGraph graph over the stages: branches side by side, one revision, parking while a person answers.

State holds ids and digests, never data or tickets: the cycle itself lives beside the graph, and is run again from its
start, with stored effects, if the process dies. Checkpoints are a convenience; deleting them loses no order and no
approval.
"""

import operator
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Annotated, Any, TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command, interrupt

from agents import pipeline
from agents.cycle import Cycle
from agents.pipeline import Stage
from agents.ports import Ports
from core.canonical import digest

BRANCHES = ("research", "sentiment", "forecast")


class State(TypedDict):
    """`done` lists 'stage:digest of what it added', so that a checkpoint says how far a cycle came."""

    cycle_id: str
    done: Annotated[list[str], operator.add]
    waiting: list[str]


class CycleGraph:
    """Runs cycles through one compiled graph. `threads` of different cycles never meet."""

    def __init__(self, saver: BaseCheckpointSaver[Any] | None) -> None:
        self._saver = saver
        self._at_work: dict[str, tuple[Cycle, Ports]] = {}
        self._graph = self._build()

    async def run(self, cycle: Cycle, ports: Ports) -> Cycle:
        """One cycle from its start to its record. It may stay parked for a person; the record does not wait."""
        self._at_work[cycle.cycle_id] = (cycle, ports)
        if self._saver is not None:
            # What an interrupted attempt left would resume in the middle; stored effects make a fresh start cheap.
            await self._saver.adelete_thread(cycle.cycle_id)
        try:
            state: State = {"cycle_id": cycle.cycle_id, "done": [], "waiting": []}
            await self._graph.ainvoke(state, _thread(cycle.cycle_id), durability="exit")
            finished, _ = self._at_work[cycle.cycle_id]
        finally:
            del self._at_work[cycle.cycle_id]
        if self._saver is not None and not finished.waiting:
            await self._saver.adelete_thread(cycle.cycle_id)
        return finished

    async def parked(self, cycle_id: str) -> tuple[str, ...]:
        """Proposals that this cycle's graph is parked for; empty when it is not, or its checkpoint is gone."""
        if self._saver is None:
            return ()
        snapshot = await self._graph.aget_state(_thread(cycle_id))
        return tuple(stop.value["proposal"] for stop in snapshot.interrupts)

    async def resume(self, cycle_id: str) -> None:
        """Lets a parked graph end once its proposals are answered; one that is gone needs nothing."""
        if self._saver is None:
            return
        while await self.parked(cycle_id):
            await self._graph.ainvoke(Command(resume=True), _thread(cycle_id), durability="exit")
        await self._saver.adelete_thread(cycle_id)

    def _build(self) -> CompiledStateGraph[State, None, State, State]:
        graph: StateGraph[State, None, State, State] = StateGraph(State)
        stages: Mapping[str, Stage] = {
            "observe": pipeline.observe,
            "research": pipeline.research,
            "sentiment": pipeline.sentiment,
            "forecast": pipeline.forecast,
            "plan": pipeline.plan,
            "propose": pipeline.propose,
            "record": pipeline.record,
        }
        for name, stage in stages.items():
            graph.add_node(name, self._node(name, stage))
        graph.add_node("park", self._park)
        graph.add_edge(START, "observe")
        for branch in BRANCHES:
            graph.add_edge("observe", branch)
        graph.add_edge(list(BRANCHES), "plan")  # one list edge joins them; three single ones would plan three times
        graph.add_edge("plan", "propose")
        graph.add_conditional_edges("propose", self._after_propose, ["plan", "record"])
        graph.add_edge("record", "park")
        graph.add_edge("park", END)
        return graph.compile(checkpointer=self._saver)

    def _node(self, name: str, stage: Stage) -> Any:
        async def node(state: State) -> dict[str, Any]:
            before, ports = self._at_work[state["cycle_id"]]
            after = await stage(before, ports)
            # Branches run on the same cycle: each hands in only what it added.
            latest, _ = self._at_work[state["cycle_id"]]
            merged = _merged(latest, before, after)
            self._at_work[state["cycle_id"]] = (merged, ports)
            said = {"done": [f"{name}:{_mark(name, after)}"]}
            return {**said, "waiting": [a.proposal.proposal_id for a in merged.waiting]} if name == "record" else said

        return node

    def _after_propose(self, state: State) -> str:
        cycle, _ = self._at_work[state["cycle_id"]]
        return "plan" if cycle.needs_revision else "record"

    def _park(self, state: State) -> dict[str, Any]:
        """Parks to report, once a proposal. The answer lies in the approvals table; the resume value is ignored."""
        for proposal_id in state["waiting"]:
            interrupt({"proposal": proposal_id})
        return {"done": ["park"]}


def _thread(cycle_id: str) -> RunnableConfig:
    return {"configurable": {"thread_id": cycle_id}}


def _merged(latest: Cycle, before: Cycle, after: Cycle) -> Cycle:
    """`latest` with every field that the stage changed."""
    names = [f.name for f in fields(Cycle)]
    changed = {n: getattr(after, n) for n in names if getattr(after, n) is not getattr(before, n)}
    return replace(latest, **changed)


def _mark(name: str, cycle: Cycle) -> str:
    added: dict[str, object] = {
        "observe": cycle.snapshot,
        "research": cycle.research,
        "sentiment": cycle.sentiment,
        "forecast": cycle.forecast,
        "plan": cycle.plans[-1:],
        "propose": [a.receipt.review.order_hash for a in cycle.answers],
        "record": cycle.record_hash,
    }
    return digest(added[name])[:16]
