"""The watchdog: a child of the desk that outlives it, and then takes what could still add risk off the venue.

It hears a beat over a pipe, which is also how it is given its keys. When the beats stop, or their pipe ends, it cancels
every open order of ours that protects nothing, writes what it did into the home, and ends. Stops stay where they are.
"""

import asyncio
import json
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine

from core.canonical import JSON
from core.errors import DeskError
from core.instruments import ContractKind
from desk.clock import SystemClock
from execution import orderbook
from execution.venues.exchange.adapter import ExchangeVenue
from execution.venues.exchange.budget import RateBudget
from execution.venues.exchange.client import Access, Keys, stated_rate
from execution.venues.exchange.reading import same_id
from memory.books.engines import parse_url, reader_engine

BEAT: Final = b"beat\n"
STOP: Final = b"stop\n"
READY: Final = b"ready\n"
# A machine that slept watched no orders: its time counts.
_STEADY: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_LOOK_S: Final = 0.2
_ROUND_S: Final = 2.0
_CLEAN_ROUNDS: Final = 2  # a request that was on its way when the desk died may arrive after the first look
_LONGEST_S: Final = 300.0
_CANCELLED: Final = "cancelled"
_STILL_OPEN: Final = "still open"


@dataclass(frozen=True, slots=True)
class Charge:
    """What it watches over, and what it needs when the desk is gone."""

    account_id: str
    database_url: str
    report: str  # the file that is written
    patience_s: float
    venue: str
    kind: ContractKind
    endpoints: Mapping[str, str] | None
    testnet: bool

    @classmethod
    def told(cls, said: Mapping[str, Any]) -> "Charge":
        return cls(**{**said, "kind": ContractKind(said["kind"])})


async def watch(beats: asyncio.StreamReader, charge: Charge, keys: Keys) -> None:
    """Until it is told to stop, or has done what it is for."""
    why = await _silence(beats, charge.patience_s)
    if why is None:
        return
    done = await _take_off(charge, keys)
    written = {"account": charge.account_id, "why": why, "at_ns": SystemClock().now_ns(), **done}
    file = Path(charge.report)
    beside = file.with_suffix(".writing")
    beside.write_text(json.dumps(written), encoding="utf-8")
    beside.replace(file)


async def _silence(beats: asyncio.StreamReader, patience_s: float) -> str | None:
    """Why the desk is taken for dead; None where it said that it stops."""
    heard = time.clock_gettime(_STEADY)
    waiting = asyncio.ensure_future(beats.readline())
    try:
        while True:
            await asyncio.wait({waiting}, timeout=_LOOK_S)
            if waiting.done():
                line = waiting.result()
                if line == STOP:
                    return None
                if line != BEAT:
                    return "the desk ended without a word"
                heard = time.clock_gettime(_STEADY)
                waiting = asyncio.ensure_future(beats.readline())
            elif time.clock_gettime(_STEADY) - heard > patience_s:
                return f"the desk gave no sign for {patience_s:g} s"
    finally:
        waiting.cancel()


async def _take_off(charge: Charge, keys: Keys) -> dict[str, JSON]:
    """Cancels in rounds, until the venue shows none of them any more."""
    access = Access(charge.endpoints, testnet=charge.testnet, stream=False)
    budget = RateBudget(stated_rate(charge.venue))
    venue = ExchangeVenue.at(charge.venue, charge.kind, charge.account_id, keys, budget, SystemClock(), access)
    books = reader_engine(parse_url(charge.database_url))
    asked: dict[str, str] = {}
    clean, ready, trouble = 0, False, None
    until = time.clock_gettime(_STEADY) + _LONGEST_S
    try:
        while clean < _CLEAN_ROUNDS and time.clock_gettime(_STEADY) < until:
            try:
                if not ready:
                    await venue.open(())
                    ready = True
                clean = clean + 1 if await _round(venue, _risky(books, charge.account_id), asked) else 0
                trouble = None
            except Exception as failure:  # noqa: BLE001  # nobody else is left to try again
                clean, trouble = 0, _said(failure)
            await asyncio.sleep(_ROUND_S)
    finally:
        books.dispose()
        await venue.close()
    return {"cancelled": asked, "all_gone": clean >= _CLEAN_ROUNDS, "trouble": trouble}


async def _round(venue: ExchangeVenue, risky: Mapping[str, str], asked: dict[str, str]) -> bool:
    """True where the venue shows none of them. It is asked what it shows only after the cancels: they need no list."""
    for name, symbol in risky.items():
        if asked.get(name) == _CANCELLED:
            continue
        try:
            await venue.cancel(name, symbol)
        except Exception as failure:  # noqa: BLE001  # the others must not wait for this one
            asked[name] = _said(failure)
        else:
            asked[name] = _CANCELLED
    open_now = [order.client_order_id or "" for order in await venue.open_orders()]
    left = [name for name in risky if any(same_id(shown, name) for shown in open_now)]
    # A word that changed nothing is no cancel: the next round asks again.
    asked.update(dict.fromkeys(left, _STILL_OPEN))
    return not left


def _said(failure: Exception) -> str:
    return str(failure) if isinstance(failure, DeskError) else type(failure).__name__


def _risky(books: Engine, account_id: str) -> dict[str, str]:
    """What may still fill, is ours and protects nothing: our id to its symbol."""
    with books.connect() as conn:
        live = orderbook.live_attempts(conn, account_id)
    return {a.client_order_id: a.symbol for a in live if not (a.protective or a.external)}


async def main() -> None:
    """The process. What ends a desk from outside is sent to its children too, and is not meant for this one."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    beats = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(beats), sys.stdin)
    said = json.loads(await beats.readline())
    keys = Keys(*said.pop("keys"))
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()
    await watch(beats, Charge.told(said), keys)


if __name__ == "__main__":
    asyncio.run(main())
