"""Brings our books into line with a venue's report: fills once, states forward, stops armed, all in one write."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row

from core.instruments import Instrument
from core.money import ZERO, text_of
from core.orders import Fill, OrderState
from core.ports import MarketFacts
from execution import guardbook, lifecycle, orderbook
from execution.lifecycle import Teller
from execution.ports import OrderReport
from execution.snapshot import last_price
from memory.books import accounts, journal, ledger
from risk.shaping import is_dust


def settle(conn: Connection, report: OrderReport, instrument: Instrument, market: MarketFacts, now_ns: int) -> bool:
    """Applies a report; True when it told anything new. Telling it twice changes nothing."""
    row = lifecycle.order(conn, report.client_order_id)
    fresh = [fill for fill in report.fills if apply_fill(conn, fill, instrument, market)]
    if not fresh and report.state.live and not row.state.live:
        # An old word that comes late: what has ended does not begin again without a fill.
        return False
    return book(conn, row, report.state, report.filled_quantity, fresh, report.exchange_order_id, instrument, now_ns)


def apply_fill(conn: Connection, fill: Fill, instrument: Instrument, market: MarketFacts) -> bool:
    """Books one fill, with a fee in a third currency at what that was worth when it was paid. False if known."""
    if fill.fee_currency in (instrument.base, instrument.quote):
        return ledger.apply_fill(conn, fill, instrument)
    numeraire = accounts.account(conn, fill.account_id).numeraire
    price = last_price(market, f"{fill.fee_currency}/{numeraire}", fill.ts_event_ns)
    return ledger.apply_fill(conn, fill, instrument, price)


def book(
    conn: Connection,
    row: Row[Any],
    said: OrderState,
    claimed: Decimal,
    fresh: Sequence[Fill],
    exchange_order_id: str | None,
    instrument: Instrument,
    now_ns: int,
) -> bool:
    """Books what the venue says of an order, whose `fresh` fills the ledger has just taken. True when it is news."""
    for fill in fresh:
        journal.append(conn, row.account_id, "fill", fill, ts_ns=now_ns)
    filled = row.filled_quantity + sum((fill.quantity for fill in fresh), ZERO)
    state = lifecycle.told(row, said, claimed, filled)
    if not fresh and row.state is state and not (row.looks or row.looked_ns):
        return False
    if fresh:
        _watch_for_surprises(conn, row, filled, now_ns)
    lifecycle.move(
        conn,
        row,
        state,
        Teller.VENUE,
        now_ns,
        filled_quantity=filled,
        filled_notional=row.filled_notional + sum((fill.quantity * fill.price for fill in fresh), ZERO),
        exchange_order_id=exchange_order_id,
        looks=0,
        looked_ns=None,
        presumed_absent=False,
    )
    if fresh:
        found = None if row.proposal_id is None else orderbook.find_proposal(conn, row.proposal_id)
        proposal = None if found is None else orderbook.stored_proposal(found.body)
        guardbook.follow(conn, proposal, fresh, instrument, now_ns)
        if not state.live:
            _tell_dust(conn, fresh[-1], instrument, now_ns)
    return bool(fresh) or row.state is not state


def _watch_for_surprises(conn: Connection, row: Row[Any], filled: Decimal, now_ns: int) -> None:
    if filled > row.quantity:
        what = f"{text_of(filled)} of it filled, {text_of(row.quantity)} was ordered"
        lifecycle.alarm(conn, row, what, now_ns)
    elif not row.state.live and row.state is not OrderState.FILLED:
        lifecycle.alarm(conn, row, f"it filled after it was {row.state}", now_ns)


def _tell_dust(conn: Connection, fill: Fill, instrument: Instrument, now_ns: int) -> None:
    """What is left of a position and is less than the venue takes stays as it is: nobody tries to sell it again."""
    held = guardbook.held(conn, fill.account_id, fill.symbol)
    if is_dust(held, fill.price, instrument):
        entry = {"symbol": fill.symbol, "quantity": held, "price": fill.price}
        journal.append(conn, fill.account_id, "dust", entry, ts_ns=now_ns)
