"""A seeded campaign of adversarial proposals, judged by an oracle that shares no code with the rules.

    make fuzz                                                    a million proposals, on two cores
    make fuzz ARGS="--proposals 20000 --seed 7 --workers 4"

Most proposals are judged by the rules over frozen facts; the rest, `--whole` of them, go through the whole gate over
real books, while prices move, orders fill and fail, people act and processes restart. The last line says how many
breaches the oracle found. The campaign fails on any breach, on a denial for a reason that is not there, and where it
did not cover what it must. The same numbers make the same campaign; each finding names the numbers that repeat it.
"""

import argparse
import math
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context

# Before numpy: its threads would fight over the cores that the workers share.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from fuzz.reviews import Reviews
from fuzz.sessions import LONGEST, Sessions
from fuzz.tally import Tally

REVIEWS_A_CHUNK = 2_000
LEAST_ALONE = 100  # how often each code must be the only denial


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a campaign that one worker does at once: so many reviews, or one session of the whole gate."""

    seed: int
    first: int
    count: int
    whole: bool

    def run(self) -> Tally:
        if self.whole:
            return Sessions().run(self.seed, self.first, self.count)
        return Reviews().run(self.seed, self.first, self.count)


def chunks(seed: int, proposals: int, whole: int) -> list[Chunk]:
    """Sessions first: they take longest, and a campaign should not wait for the last of them."""
    sessions = [Chunk(seed, at, min(LONGEST, whole - at * LONGEST), True) for at in range(math.ceil(whole / LONGEST))]
    firsts = range(0, proposals - whole, REVIEWS_A_CHUNK)
    reviews = [Chunk(seed, at, min(REVIEWS_A_CHUNK, proposals - whole - at), False) for at in firsts]
    return sessions + reviews


def campaign(seed: int, proposals: int, whole: int, workers: int) -> Tally:
    """Runs it, and says how far it is every ten seconds."""
    total, progress = Tally(), _Progress(whole, proposals - whole)
    work = iter(chunks(seed, proposals, whole))
    # A fresh process has loaded nothing that a fork could break.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        running = {pool.submit(chunk.run): chunk for chunk in islice(work, 2 * workers)}
        while running:
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                chunk = running.pop(future)
                tally = future.result()
                total.add(tally)
                progress.add(chunk, tally)
                _next(pool, work, running)
    return total


def _next(pool: ProcessPoolExecutor, work: Iterator[Chunk], running: "dict[Future[Tally], Chunk]") -> None:
    chunk = next(work, None)
    if chunk is not None:
        running[pool.submit(chunk.run)] = chunk


class _Progress:
    """A line every ten seconds: how much is done, how fast, and about how long it takes yet."""

    def __init__(self, whole: int, reviews: int) -> None:
        self._wanted = {True: whole, False: reviews}
        self._done = {True: 0, False: 0}
        self._busy_s = {True: 0.0, False: 0.0}
        self._started = self._said = self._last = time.monotonic()

    def add(self, chunk: Chunk, tally: Tally) -> None:
        now = time.monotonic()
        self._done[chunk.whole] += tally.proposals
        self._busy_s[chunk.whole] += now - self._last
        self._last = now
        if now - self._said >= 10:
            self._said = now
            print(self._line(now), file=sys.stderr, flush=True)

    def _line(self, now: float) -> str:
        done, wanted = sum(self._done.values()), sum(self._wanted.values())
        left_s = sum(self._left_s(whole) for whole in (True, False))
        return (
            f"{done:,} of {wanted:,} proposals, {self._done[True]:,} through the whole gate, "
            f"{done / (now - self._started):,.0f} a second, about {left_s / 60:.0f} min left"
        )

    def _left_s(self, whole: bool) -> float:
        """The two kinds go at very different speeds; one that has not begun is taken to go as it usually does."""
        left = max(0, self._wanted[whole] - self._done[whole])
        usual_s = 0.012 if whole else 0.0004
        return left * (self._busy_s[whole] / self._done[whole] if self._done[whole] else usual_s)


def main() -> int:
    asked = _arguments()
    whole = min(asked.whole, asked.proposals)
    started = time.monotonic()
    tally = campaign(asked.seed, asked.proposals, whole, asked.workers)
    print(f"seed {asked.seed}: {time.monotonic() - started:,.0f} s on {asked.workers} workers")
    print(*tally.lines(), *tally.found, *tally.shortfalls(asked.alone), sep="\n")
    print(f"denials without a reason: {tally.unfounded.total()}")
    print(f"breaches: {tally.breaches.total()}")
    return 1 if tally.breaches or tally.unfounded or tally.shortfalls(asked.alone) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--proposals", type=int, default=1_000_000)
    parser.add_argument("--whole", type=int, default=50_000, help="how many of them go through the whole gate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--alone", type=int, default=LEAST_ALONE, help="how often each code must be the only denial")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
