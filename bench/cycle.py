"""One decision cycle: milliseconds by stage for 1 and 10 symbols, and what graph, records and journal add.

`stages` is the pipeline with effects kept in memory and no books: the stages' own work (tools, forecasters, rules).
`whole` is the same cycle through the graph with checkpoints, stored effects, records and journal, once with every
write durable before it is used (live) and once with one commit a cycle (runs on the past). Both are measured in one
process, alternating, on the simulated market. Medians of `ROUNDS` cycles after `WARMUP`.
"""

import asyncio
import inspect
import tempfile
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from time import perf_counter_ns

from agents import pipeline
from agents.cycle import Cycle
from agents.ports import Ports
from bench.timing import milliseconds, row
from core.canonical import JSON, canonical_text, digest
from core.orders import Proposal
from core.ports import Effect
from core.time import HOUR_NS, parse_time
from core.verdicts import AnswerKind, Receipt, Review
from desk.cycles import account_state, ports_for, run_cycle
from desk.home import Home
from desk.markets import MarketSpec
from desk.runs import DeskRun, RunCommand, open_run
from desk.settings import Settings
from memory.books.effects import StoredEffects

ROUNDS, WARMUP = 60, 5
START = parse_time("2026-02-01T00:00Z")
SYMBOLS = tuple(f"{base}/USDT" for base in ("BTC", "ETH", "BNB", "SOL", "XRP", "ADA", "DOGE", "AVAX", "LINK", "LTC"))
STAGES = (pipeline.observe, pipeline.research, pipeline.sentiment, pipeline.forecast, pipeline.plan, pipeline.propose)


class MemoryEffects:
    """Effects without books: digests and nothing else."""

    def __init__(self) -> None:
        self._entries: list[Effect] = []
        self._numbers: dict[tuple[str, str], int] = defaultdict(int)

    async def perform(self, node: str, lane: str, request: JSON, run: Callable[[], JSON | Awaitable[JSON]]) -> JSON:
        self._numbers[node, lane] += 1
        answer = run()
        if inspect.isawaitable(answer):
            answer = await answer
        text = canonical_text(answer)
        self._entries.append(Effect(node, lane, self._numbers[node, lane], digest(request), digest(text)))
        return answer

    def entries(self) -> tuple[Effect, ...]:
        return tuple(self._entries)


class NoGate:
    """Denies everything: the stages are measured, not the gate."""

    async def propose(self, proposal: Proposal) -> Receipt:
        return Receipt(
            proposal.proposal_id, AnswerKind.DENIED, Review(proposal.order.order_hash, False, "active", ()), {}
        )

    async def receipt(self, proposal_id: str) -> Receipt | None:
        return None


async def measure(symbols: tuple[str, ...]) -> dict[str, float]:
    home = Home(Path(tempfile.mkdtemp(prefix="bench-")))
    command = RunCommand.single(MarketSpec("simulated", symbols, 7), START)
    async with open_run(home, Settings(), command) as run:
        run.desk.books.write(run._begin)
        samples: dict[str, list[int]] = defaultdict(list)
        for at in range(WARMUP + ROUNDS):
            as_of_ns = START + at * HOUR_NS
            run.desk.clock.advance_to(as_of_ns)
            taken = await one_round(run, symbols, as_of_ns, at)
            if at >= WARMUP:
                for name, ns in taken.items():
                    samples[name].append(ns)
        return {name: milliseconds(ns) for name, ns in samples.items()}


async def one_round(run: DeskRun, symbols: tuple[str, ...], as_of_ns: int, at: int) -> dict[str, int]:
    taken = await stages_alone(run, symbols, as_of_ns)
    started = perf_counter_ns()
    await run_cycle(run.desk, run.run_id, 2 * at, symbols, as_of_ns)
    taken["whole, each write durable"] = perf_counter_ns() - started
    started = perf_counter_ns()
    with run.desk.books.step():
        await run_cycle(run.desk, run.run_id, 2 * at + 1, symbols, as_of_ns)
    taken["whole, one commit a cycle"] = perf_counter_ns() - started
    return taken


async def stages_alone(run: DeskRun, symbols: tuple[str, ...], as_of_ns: int) -> dict[str, int]:
    desk, effects = run.desk, MemoryEffects()
    account = desk.books.read(lambda conn: account_state(conn, desk))
    ports: Ports = replace(
        ports_for(desk, StoredEffects(desk.books, "none"), as_of_ns),
        effects=effects,
        account=lambda: account,
        orders=NoGate(),
    )
    cycle = Cycle("cycle", desk.account_id, run.run_id, symbols, as_of_ns, 0, desk.settings.policy_hash)
    taken: dict[str, int] = {}
    for stage in STAGES:
        started = perf_counter_ns()
        cycle = await stage(cycle, ports)
        taken[stage.__name__] = perf_counter_ns() - started
    taken["stages"] = sum(taken.values())
    return taken


def main() -> None:
    one, ten = (asyncio.run(measure(SYMBOLS[:n])) for n in (1, 10))
    row("milliseconds a cycle, p50", "1 symbol", "10 symbols", "growth")
    for name in one:
        row(name, f"{one[name]:.2f}", f"{ten[name]:.2f}", f"{ten[name] / one[name]:.1f}x")
    for name in ("whole, each write durable", "whole, one commit a cycle"):
        added, added_ten = one[name] - one["stages"], ten[name] - ten["stages"]
        goal, goal_ten = 15 + 3 * 1, 15 + 3 * 10
        row(f"graph, records, journal: {name[7:]}", f"{added:.2f}", f"{added_ten:.2f}", f"{added_ten / added:.1f}x")
        row("  of the aim (15 ms + 3 ms a symbol)", f"{added / goal:.2f}", f"{added_ten / goal_ten:.2f}")


if __name__ == "__main__":
    main()
