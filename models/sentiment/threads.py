"""How many batches are read at once: as many as there are cores that nobody else is busy on.

Each batch has one thread of its own. Two threads that share a batch meet after every operation, and where one of them
waits for a core both do. The count follows the load, from batch to batch. It changes the speed and never a score.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

T = TypeVar("T")
U = TypeVar("U")

_STAT: Final = Path("/proc/stat")
_LEAST_S: Final = 0.2  # between two looks: processor times are counted in hundredths of a second
_TICK_S: Final = 0.01  # USER_HZ is 100 on every Linux


@dataclass(frozen=True, slots=True)
class Reading:
    """Seconds since some start: `wall` of the clock, `busy` of all cores that we may use, `own` of this process."""

    wall: float
    busy: float
    own: float


class Spare:
    """Says from reading to reading how many cores are left for us; one until the load is known.

    `read` gives a `Reading`, or None where the system tells no processor times; then the load average does.
    """

    def __init__(self, cores: int, read: Callable[[], Reading | None]) -> None:
        self.most, self._read = cores, read
        self._last = read()
        self._threads = 1

    def threads(self) -> int:
        """From 1 to the number of cores."""
        now = self._read()
        if now is None or self._last is None:
            self._last = now
            return self._by_average()
        elapsed = now.wall - self._last.wall
        if elapsed >= _LEAST_S:
            others = ((now.busy - self._last.busy) - (now.own - self._last.own)) / elapsed
            # A core that others use for less than half of the time is worth having.
            self._threads = max(1, min(self.most, round(self.most - others)))
            self._last = now
        return self._threads

    def _by_average(self) -> int:
        if not hasattr(os, "getloadavg"):
            return 1
        return max(1, min(self.most, round(self.most - os.getloadavg()[0])))


def spare() -> Spare:
    """Of the cores that this process may run on."""
    usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
    return Spare(len(usable), lambda: _reading(set(usable)))


def _reading(usable: set[int]) -> Reading | None:
    try:
        lines = _STAT.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    busy = 0
    for line in lines:
        name, *counts = line.split()
        if name.startswith("cpu") and name[3:].isdigit() and int(name[3:]) in usable:
            user, nice, system, _idle, _waiting, *more = map(int, counts)
            # Interrupts and what other guests took; a guest of our own is in `user` already.
            busy += user + nice + system + sum(more[:3])
    return Reading(time.monotonic(), busy * _TICK_S, time.process_time())


def side_by_side(work: Callable[[T], U], pieces: Iterable[T], cores: Spare) -> Iterator[U]:
    """What the work answers for each piece, as it is done: as many pieces at once as cores are spare.

    Torch has one thread for each piece, and what it had before once all are done. An error of a piece is raised when
    those under way have ended, and no further one is begun.
    """
    import torch

    with _torch_alone(), ThreadPoolExecutor(cores.most, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        running: set[Future[U]] = set()
        for piece in pieces:
            while len(running) >= cores.threads():
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (one.result() for one in done)
            running.add(pool.submit(work, piece))
        yield from (one.result() for one in running)


@contextmanager
def _torch_alone() -> Iterator[None]:
    """Torch's count is one for all threads that are yet to come too: it is put back."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
