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
from memory.books.writer import Writer
from tests.desk.desks import run

# The server imports the desk once; every process that dies is a fork of it.
_processes = get_context("forkserver")
_processes.set_forkserver_preload(["tests.desk.crashing"])


@contextmanager
def at_every_task(seen: Callable[[], None]) -> Iterator[None]:
    """Calls `seen` before each task that the books are given: a write, the beginning of a step, or its commit."""
    submit = Writer.submit

    def watched(self: Writer, task: Any) -> Any:
        seen()
        return submit(self, task)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Writer, "submit", watched)
        yield


def count_tasks(home: Home, command: RunCommand) -> int:
    """How many tasks a run gives its books when nobody ends it."""
    seen: list[None] = []
    with at_every_task(lambda: seen.append(None)):
        asyncio.run(run(home, command))
    return len(seen)


def die_at(home: Home, command: RunCommand, task: int) -> None:
    """Runs the command in a process that kills itself before its `task`-th task, and sees that it did."""
    process = _processes.Process(target=_die, args=(home, command, task))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL, f"the run was to be killed, it ended with {process.exitcode}"


def _die(home: Home, command: RunCommand, task: int) -> None:
    left = task

    def count_down() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    with at_every_task(count_down):
        asyncio.run(run(home, command))
