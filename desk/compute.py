"""Heavy work in processes of this machine, behind the port `Compute`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TypeVar

from core.errors import ConfigError, DeskError
from core.ports import Compute

T = TypeVar("T")
R = TypeVar("R")


class Here:
    """In this process, one item after another."""

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        return map(function, items)


class LocalProcesses:
    """In so many processes of their own, each begun afresh: what is forked would inherit threads and locks."""

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise ConfigError(f"workers are 1 or more, found {workers}")
        self._workers = workers

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        with ProcessPoolExecutor(self._workers, mp_context=get_context("spawn")) as pool:
            try:
                yield from pool.map(function, items)
            except BrokenProcessPool as broken:
                pool.shutdown(cancel_futures=True)
                raise DeskError(f"a process of the work ended: {broken}; nothing of it is whole") from broken
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise


def compute_of(workers: int) -> Compute:
    return Here() if workers == 1 else LocalProcesses(workers)
