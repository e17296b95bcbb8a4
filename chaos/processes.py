"""Processes of a life, forked from one that has loaded everything: a start, or a restart, costs milliseconds."""

import asyncio
import gc
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from chaos.plan import Plan

_CONTEXT: Final = get_context("forkserver")
_LOADED: Final = ["chaos.life", "chaos.day", "emulator.server", "ccxt.pro"]
_LIFE_S: Final = 120.0
_TIMEOUT_MS: Final = 600  # of a request: a healthy venue on this machine answers in a few


def load() -> None:
    """Before the first process is started."""
    _CONTEXT.set_forkserver_preload(_LOADED)


@dataclass
class Ended:
    """How a process ended: what it told, and its exit code (None: it had to be ended)."""

    told: list[tuple[Any, ...]] = field(default_factory=list)
    code: int | None = None

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL


@contextmanager
def venue(seed: int) -> Iterator[str]:
    """The emulated venue in a process of its own; its address."""
    told, telling = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(target=_venue, args=(seed, telling), daemon=True)
    process.start()
    telling.close()
    try:
        if not told.poll(30):
            raise RuntimeError("the venue did not start")
        yield told.recv()
    finally:
        process.terminate()
        process.join(10)
        told.close()


def _venue(seed: int, telling: Connection) -> None:
    from chaos.venue import serve

    serve(seed, telling)


def work(address: str, folder: Path, plan: Plan, generation: int, plant: str | None) -> Ended:
    """One process of a life, to its end."""
    return watched(_life, (address, str(folder), plan, generation, plant), _LIFE_S)


def watched(
    target: Callable[..., None],
    args: tuple[Any, ...],
    longest_s: float,
    heard: Callable[[tuple[Any, ...]], None] = lambda told: None,
) -> Ended:
    """A process to its end; `heard` gets what it tells, as it does. It is ended where it says nothing for so long."""
    told, telling = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(target=target, args=(*args, telling), daemon=True)
    process.start()
    telling.close()
    ended = Ended()
    try:
        while told.poll(longest_s):
            ended.told.append(told.recv())
            heard(ended.told[-1])
    except EOFError:
        pass
    process.join(2)
    ended.code = process.exitcode
    if process.exitcode is None:
        process.kill()
        process.join()
    told.close()
    return ended


def _life(address: str, folder: str, plan: Plan, generation: int, plant: str | None, telling: Connection) -> None:
    gc.freeze()

    def tell(*what: Any) -> None:
        telling.send(what)

    try:
        asyncio.run(_live(address, Path(folder), plan, generation, plant, tell))
    except Exception as broken:  # noqa: BLE001  # whatever a process dies of is a finding
        import traceback

        tell("broken", f"{broken!r}: {traceback.format_exc(limit=-4)}")
        raise SystemExit(1) from None


async def _live(
    address: str, folder: Path, plan: Plan, generation: int, plant: str | None, tell: Callable[..., None]
) -> None:
    from chaos.desk import opened
    from chaos.life import Life
    from chaos.market import PRICE

    stream = plan.streams and not generation
    async with opened(address, folder, PRICE, stream=stream, timeout_ms=_TIMEOUT_MS, surface=plan.surface) as worked:
        life = Life(worked, plan, tell, plant)
        if generation:
            await life.recovers(dies_again=generation == 1)
        else:
            await life.begins()
