"""What a desk needs before its first decision at a venue: an account in the books, and a past to look back on.

Coins that were there before are outside the desk: they are counted beside the account when it is compared with the
venue, and nobody may sell them. What is `given_in` belongs to the account, at its price of now.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from decimal import Decimal

from sqlalchemy import Connection

from core.errors import ConfigError, ExchangeUnavailable
from core.money import ZERO
from core.ports import Clock
from core.time import DAY_NS, SECOND_NS
from desk.build import Desk
from desk.settings import Settings
from execution.ports import VenueReads
from market.fetching.backfill import Backfill
from market.live import LiveMarket
from market.store.store import MarketStore
from market.venues import reader
from memory.books import accounts, journal

_TURNS = 10
_SPARE_BARS = 50  # beyond what a cycle looks back on: a day may pass between two starts


async def open_account(
    desk: Desk, venue: VenueReads, given_in: Iterable[str], pause: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Opens the account with what the venue holds, where the books have none yet: at the turn of a second.

    Raises ConfigError where the venue holds none of the numeraire, or the price of a coin given in is not known,
    ExchangeUnavailable where what it holds does not stand still.
    """
    if desk.books.read(lambda conn: accounts.find_account(conn, desk.account_id)) is not None:
        return
    held, now_ns = await _at_a_turn(desk, venue, pause)
    numeraire = desk.settings.account.numeraire
    ours = {c: held[c] for c in (numeraire, *given_in) if held.get(c, ZERO) > 0}
    if numeraire not in ours:
        raise ConfigError(f"{venue.name} holds no {numeraire}: an account of the desk begins with some of it")
    prices = {c: _price(desk, c, numeraire) for c in ours if c != numeraire}
    outside = {c: amount for c, amount in held.items() if c not in ours and amount}

    def write(conn: Connection) -> None:
        account_id = desk.account_id
        accounts.open_account(conn, account_id, numeraire, ours, ts_ns=now_ns, clock_ns=now_ns, prices=prices)
        accounts.set_outside(conn, account_id, outside)
        entry = {"venue": venue.name, "opened_with": ours, "outside": outside}
        journal.append(conn, account_id, "opened", entry, ts_ns=now_ns)

    desk.books.write(write)


async def _at_a_turn(
    desk: Desk, venue: VenueReads, pause: Callable[[float], Awaitable[None]]
) -> tuple[Mapping[str, Decimal], int]:
    """What the venue holds as a second begins, and that second.

    Venues tell of money that moves in whole seconds: what moved within the one in which an account begins could not be
    told from what was there before.
    """
    held = await venue.balances()
    for _ in range(_TURNS):
        turn_ns = (desk.clock.now_ns() // SECOND_NS + 1) * SECOND_NS
        await pause((turn_ns - desk.clock.now_ns()) / SECOND_NS)
        before, held = held, await venue.balances()
        if held == before:
            return held, turn_ns
    raise ExchangeUnavailable(f"{venue.name}'s balances changed {_TURNS} times in a row: an account begins in peace")


def _price(desk: Desk, currency: str, numeraire: str) -> Decimal:
    quote = desk.market.quote(f"{currency}/{numeraire}", as_of_ns=desk.clock.now_ns())
    if quote is None:
        raise ConfigError(
            f"{currency} is given in, and {currency}/{numeraire} has no price here: "
            f"trade that symbol as well, or leave {currency} outside"
        )
    return quote.last


async def fetch_history(
    settings: Settings, store: MarketStore, venue: str, symbols: Sequence[str], market: LiveMarket, clock: Clock
) -> None:
    """The candles that analysts look back on, and the minutes of a day for the gate and its stops, into the store.

    Raises ExchangeUnavailable where the venue does not answer.
    """
    looked_at, base = market.decision_timeframe, market.base_timeframe
    wanted = {looked_at: (settings.models.history_bars + _SPARE_BARS) * looked_at.ns, base: DAY_NS}
    perpetuals = any(":" in symbol for symbol in symbols)
    client = reader(venue, endpoints=settings.venue.endpoints.get(venue), perpetuals=perpetuals)
    try:
        backfill = Backfill(client, store.candles, clock)
        for symbol in symbols:
            for timeframe, span_ns in wanted.items():
                await backfill.fetch(symbol, timeframe, since_ns=clock.now_ns() - span_ns)
    finally:
        await client.close()
