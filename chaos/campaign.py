"""Runs lives, each with a venue, books and processes of its own, and counts what the judge finds."""

import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from chaos import processes
from chaos.desk import CAP
from chaos.judge import KINDS, STUCK, judged
from chaos.plan import Plan, Stage, cells, plan
from chaos.surfaces import BINANCE
from chaos.venue import Control
from memory.books.database import Books

MEMORY: Final = (
    Path("/dev/shm") if Path("/dev/shm").is_dir() else None
)  # a killed process loses nothing there either, and no disk is waited for
_MOST: Final = 4  # processes of one life
_SHOWN: Final = 20
LEAST: Final = 5  # strikes of each fault in each state, in a whole campaign


@dataclass
class Tally:
    where: str = BINANCE
    lives: int = 0
    attempts: int = 0  # orders that reached the venue
    kills: Counter[str] = field(default_factory=Counter)
    cells: Counter[tuple[str, str]] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    odd: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    words: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        self.lives += other.lives
        self.attempts += other.attempts
        for mine, theirs in zip(self._counters(), other._counters(), strict=True):
            mine.update(theirs)
        self.words += other.words[: max(0, _SHOWN - len(self.words))]

    def lines(self) -> list[str]:
        head = f"{'fault':<14}" + "".join(f"{stage.value:>16}" for stage in Stage)
        faults = dict.fromkeys(fault for fault, _ in cells(self.where))
        rows = [
            f"{fault:<14}" + "".join(f"{self.cells[fault, stage.value]:>16}" for stage in Stage) for fault in faults
        ]
        return [
            head,
            *rows,
            "killed: " + ", ".join(f"{name} {n}" for name, n in sorted(self.kills.items())),
            "answers: " + ", ".join(f"{name} {n}" for name, n in self.answers.most_common()),
            *(f"irregular: {name} {n}" for name, n in self.odd.most_common()),
            f"{self.where}: {self.lives} lives, {self.attempts} attempts reached the venue, {self.kills.total()} kills",
        ]

    def thin(self) -> list[str]:
        """Cells that were struck less often than a whole campaign must."""
        wanted = cells(self.where)
        short = [(fault, stage) for fault, stage in wanted if self.cells[fault, stage.value] < LEAST]
        return [f"{fault} struck {self.cells[fault, stage.value]} times while {stage}" for fault, stage in short]

    def last_line(self) -> str:
        return f"attempts: {self.attempts}, " + ", ".join(f"{kind}: {self.found[kind]}" for kind in KINDS)

    def _counters(self) -> tuple[Counter[Any], ...]:
        return self.kills, self.cells, self.answers, self.odd, self.found


def campaign(
    seed: int,
    numbers: Iterable[int],
    workers: int,
    plant: str | None = None,
    *,
    where: str = BINANCE,
    quiet: bool = True,
) -> Tally:
    processes.load()
    total, began, said = Tally(where), time.monotonic(), time.monotonic()
    with TemporaryDirectory(dir=MEMORY, prefix="chaos-") as folder:
        empty = Path(folder) / "empty.db"
        with Books.open(f"sqlite:///{empty}"):
            pass
        with ThreadPoolExecutor(workers) as pool:
            lives = pool.map(lambda number: life(plan(seed, number, where), Path(folder), empty, plant), numbers)
            for tally in lives:
                total.add(tally)
                if not quiet and time.monotonic() - said > 10:
                    said = time.monotonic()
                    print(f"{total.lives:,} lives in {said - began:,.0f} s", file=sys.stderr, flush=True)
    return total


def life(wanted: Plan, folder: Path, empty: Path, plant: str | None) -> Tally:
    """One life, alone in its world."""
    home = folder / f"life-{wanted.number}"
    home.mkdir()
    shutil.copy(empty, home / "desk.db")
    tally = Tally(wanted.where, lives=1)
    try:
        with processes.venue(wanted.draw("venue").randrange(2**31)) as address:
            ended = _through(wanted, address, home, plant, tally)
            control = Control(address)
            books = control.books()
            control.hang_up()
        settled = next((told[1:] for told in reversed(ended.told) if told[0] == "settled"), None)
        found = judged(books, home / "desk.db", settled, CAP, wanted.surface)
        found += [(STUCK, told[1]) for told in ended.told if told[0] == "broken"]
    except (OSError, RuntimeError, EOFError) as broken:
        found, books = [(STUCK, f"the harness failed: {broken!r}")], None
    tally.attempts = sum(len(account["orders"]) for account in books["accounts"].values()) if books else 0
    for kind in {kind for kind, _ in found}:
        tally.found[kind] += 1
    tally.words = [f"{kind}: {what}\n  again: {wanted.again}" for kind, what in found]
    shutil.rmtree(home)
    return tally


def _through(wanted: Plan, address: str, home: Path, plant: str | None, tally: Tally) -> processes.Ended:
    for generation in range(_MOST):
        ended = processes.work(address, home, wanted, generation, plant)
        _count(tally, ended)
        if not ended.killed:
            return ended
        tally.kills[str((wanted.knife, wanted.second_knife)[min(generation, 1)])] += 1
    return ended


def _count(tally: Tally, ended: processes.Ended) -> None:
    for told in ended.told:
        match told:
            case ("cell", fault, stage):
                tally.cells[fault, stage] += 1
            case ("answer", kind, denied):
                tally.answers[f"{kind} ({denied})" if denied else kind] += 1
            case ("settled", _, _, _, _, _, odd, _):
                tally.odd.update(subject.partition(" ")[0] for subject in odd)
