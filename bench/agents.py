"""What a decision by a language model takes: calls, their chain, tokens and wall time, against one fixed latency.

A server of chat completions on this machine answers after `LATENCY_S`, as a model that follows its prompts: two tools
at once and an opinion for each symbol, then one plan. It is a process of its own. Ratios are of one run: whole cycles
(graph, records, journal) over the simulated market, with research, sentiment and planning on. `overhead` is the wall
time beyond the chain of calls, in latencies.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

from agents import pipeline
from agents.cycle import Cycle
from bench.chat_server import JSON
from bench.timing import row
from core.canonical import digest
from core.time import HOUR_NS, parse_time
from desk.cycles import ports_for, run_cycle
from desk.home import Home
from desk.markets import MarketSpec
from desk.runs import RunCommand, open_run
from desk.settings import parse
from memory.books.effects import ReplayedEffects, StoredEffects

LATENCY_S = 0.3
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "7"))
START = parse_time("2026-02-01T00:00Z")
SYMBOLS = tuple(f"{base}/USDT" for base in ("BTC", "ETH", "BNB", "SOL", "XRP", "ADA", "DOGE", "AVAX", "LINK", "LTC"))
LETTERS_A_TOKEN = 4


class Server:
    """The server in a process of its own, so that its work is not counted as ours."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "bench.chat_server", str(LATENCY_S)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = self._line()

    def asked(self) -> list[tuple[float, JSON]]:
        """Every request since the last time, with when it came."""
        assert self._process.stdin
        self._process.stdin.write("asked\n")
        self._process.stdin.flush()
        return [(at, asked) for at, asked in json.loads(self._line())]

    def close(self) -> None:
        self._process.communicate()

    def _line(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()


def chain(asked: Sequence[tuple[float, JSON]]) -> int:
    """The longest sequence of calls: each begins after the one before it has ended."""
    at, count = float("-inf"), 0
    for began in sorted(began for began, _ in asked):
        if began >= at:
            at, count = began + LATENCY_S, count + 1
    return count


def letters(asked: JSON) -> str:
    return json.dumps(asked["messages"])


def begins_alike(one: str, other: str) -> int:
    """How many letters both begin with."""
    pairs = zip(one, other, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def shared(prompts: Sequence[str], before: Sequence[str]) -> float:
    """Which part of the prompts' letters repeats the beginning of an earlier one."""
    seen, common = list(before), 0
    for prompt in prompts:
        common += max((begins_alike(prompt, other) for other in seen), default=0)
        seen.append(prompt)
    return common / sum(map(len, prompts))


async def measure(symbols: tuple[str, ...]) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    server = Server()
    llm = {"provider": "vllm", "base_url": server.url, "model": "fake", "concurrency": 64}
    home = Home(Path(tempfile.mkdtemp(prefix="bench-")))
    command = RunCommand.single(MarketSpec("simulated", symbols, 7), START)
    async with open_run(home, parse({"llm": llm}, "the bench"), command) as run:
        run.desk.books.write(run._begin)
        earlier: list[str] = []
        for at in range(ROUNDS + 1):
            as_of_ns = START + at * HOUR_NS
            run.desk.clock.advance_to(as_of_ns)
            began, used = perf_counter(), process_time()
            cycle = await run_cycle(run.desk, run.run_id, at, symbols, as_of_ns)
            wall, busy = perf_counter() - began, process_time() - used
            asked = server.asked()
            prompts = [letters(question) for _, question in asked]
            part, earlier = shared(prompts, earlier), prompts
            began = perf_counter()
            again = await replayed(run.desk, cycle)
            replay_ms = (perf_counter() - began) * 1000
            assert again == cycle.record_hash, "the replay came out otherwise"
            if at == 0:
                continue  # imports and caches of the process
            values = {
                "calls": float(len(prompts)),
                "chain": float(chain(asked)),
                "prompt tokens": sum(map(len, prompts)) / LETTERS_A_TOKEN,
                "shared prefix": part,
                "wall s": wall,
                "latencies": wall / LATENCY_S,
                "overhead": wall / LATENCY_S - chain(asked),
                "processor s": busy,
                "replay ms": replay_ms,
            }
            for name, value in values.items():
                found.setdefault(name, []).append(value)
    server.close()
    return {name: median(values) for name, values in found.items()}


async def replayed(desk, cycle: Cycle) -> str | None:  # type: ignore[no-untyped-def]
    """The same cycle again from its stored effects, by the pipeline alone. Nothing is asked."""
    effects = ReplayedEffects(desk.books, cycle.cycle_id)
    ports = replace(ports_for(desk, StoredEffects(desk.books, cycle.cycle_id), cycle.as_of_ns), effects=effects)
    named = cycle.cycle_id, cycle.account_id, cycle.run_id, cycle.symbols
    fresh = Cycle(*named, cycle.as_of_ns, cycle.ordinal, cycle.policy_hash)
    ports = replace(ports, records=Hashed(), orders=type(ports.orders)(effects, desk.rulebook, None))
    return (await pipeline.run(fresh, ports)).record_hash


class Hashed:
    """Closes a cycle with its hash alone."""

    def close(self, cycle: Cycle, body: JSON) -> str:
        return digest(body)


def main() -> None:
    one, ten = (asyncio.run(measure(SYMBOLS[:n])) for n in (1, 10))
    row(f"{ROUNDS} rounds, {LATENCY_S} s a call", "1 symbol", "10 symbols")
    for name in one:
        row(name, f"{one[name]:.2f}", f"{ten[name]:.2f}")
    row("wall of 10 over wall of 1", "", f"{ten['wall s'] / one['wall s']:.2f}")


if __name__ == "__main__":
    main()
