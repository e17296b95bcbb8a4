"""A desk that dies: a process of its own, ended by SIGKILL in the middle of the work on its books."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

import pytest

from desk.home import Home
from desk.runs import RunCommand
from memory.books import records
from memory.books.writer import Writer
from tests.desk.desks import run

# The server imports the desk once; every process that dies is a fork of it.
processes = get_context("forkserver")
processes.set_forkserver_preload(["tests.desk.crashing"])


@contextmanager
def at_every_task(seen: Callable[[], None]) -> Iterator[None]:
    """Calls `seen` before each task that the books are given: a write, the beginning of a step, or its commit."""
    submit = Writer.submit

    def watched(self: Writer, task: Any, **how: bool) -> Any:
        seen()
        return submit(self, task, **how)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Writer, "submit", watched)
        yield


@contextmanager
def at_every_closing(seen: Callable[[], None]) -> Iterator[None]:
    """Calls `seen` whenever a cycle is closed."""
    close = records.close_cycle

    def watched(*args: Any) -> None:
        seen()
        close(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "close_cycle", watched)
        yield


def count_tasks(home: Home, command: RunCommand) -> tuple[int, int]:
    """How many tasks a run gives its books when nobody ends it, and how many of them after its last cycle was closed.

    The first number may be another one the next time: effects that are ready together share a commit. After the last
    cycle there are none.
    """
    seen, last = list[None](), list[None]()

    def task() -> None:
        seen.append(None)
        last.append(None)

    with at_every_task(task), at_every_closing(last.clear):
        asyncio.run(run(home, command))
    return len(seen), len(last)


def die_at(home: Home, command: RunCommand, task: int, *, closed: int = 0) -> None:
    """Runs the command in a process that kills itself before its `task`-th task, and sees that it did.

    Tasks are counted from the moment at which `closed` cycles were closed.
    """
    process = processes.Process(target=_die, args=(home, command, task, closed))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL, f"the run was to be killed, it ended with {process.exitcode}"


def _die(home: Home, command: RunCommand, task: int, closed: int) -> None:
    left, to_close = task, closed

    def count_down() -> None:
        nonlocal left
        left -= to_close <= 0
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def one_less() -> None:
        nonlocal to_close
        to_close -= 1

    with at_every_task(count_down), at_every_closing(one_less):
        asyncio.run(run(home, command))
