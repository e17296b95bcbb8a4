"""Heavy work in processes of this machine or on a Ray cluster, behind the port `Compute`."""

from __future__ import annotations

import logging
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from importlib import import_module
from multiprocessing import get_context
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from core.errors import ConfigError, DeskError
from core.ports import Compute

T = TypeVar("T")
R = TypeVar("R")
_ASKS_S: Final = 5.0  # for a cluster that may not be there: its own client would try for minutes
_WAITING: Final = 64  # items that a cluster has been given and not answered


class ComputeSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    address: str = Field("", description="of a Ray cluster, HOST:PORT; empty: processes of this machine")


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


class RayCluster:
    """On the nodes of a Ray cluster, each of which has this very program and the files that an item names.

    Ray is an optional extra. ConfigError where it is not installed, or nothing answers at the address.
    """

    def __init__(self, address: str) -> None:
        host, colon, port = address.rpartition(":")
        if not (colon and host and port.isdigit()):
            raise ConfigError(f"compute.address is HOST:PORT of a Ray cluster, found {address!r}")
        try:
            ray: Any = import_module("ray")
        except ImportError:
            raise ConfigError("compute.address needs Ray: pip install 'tradewarden[ray]'") from None
        try:
            with socket.create_connection((host, int(port)), _ASKS_S):
                pass
            if not ray.is_initialized():
                ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        except (OSError, OverflowError, RuntimeError, ValueError) as absent:
            raise ConfigError(f"no Ray cluster at compute.address {address}: {str(absent)[:200]}") from None
        self._ray = ray

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        remote = self._ray.remote(_called)
        waiting: deque[Any] = deque()
        try:
            for item in items:
                waiting.append(remote.remote(function, item))
                if len(waiting) >= _WAITING:
                    yield self._answer(waiting.popleft())
            while waiting:
                yield self._answer(waiting.popleft())
        finally:
            for one in waiting:
                self._ray.cancel(one, force=True)

    def _answer(self, one: Any) -> Any:
        try:
            return self._ray.get(one)
        except self._ray.exceptions.RayTaskError as failed:
            raise failed.cause from None
        except self._ray.exceptions.RayError as broken:
            raise DeskError(f"the cluster lost a part of the work: {broken}; nothing of it is whole") from broken


def _called(function: Callable[[T], R], item: T) -> R:
    """What a node is asked: it takes functions of Python alone."""
    return function(item)


def compute_of(workers: int, settings: ComputeSettings | None = None) -> Compute:
    """The cluster of the settings where they name one, else so many processes."""
    if settings is not None and settings.address:
        return RayCluster(settings.address)
    return Here() if workers == 1 else LocalProcesses(workers)
