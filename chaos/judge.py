"""Holds the ledger against the venue's own books, and nothing else. It shares no code with the engine.

`lost`: the venue did something that the ledger has not, `doubled`: something happened, or was counted, twice,
`stuck`: it is not known, or not agreed on, although the venue is well.
"""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from chaos.surfaces import BINANCE, SURFACES, Surface
from chaos.venue import KEY

LOST, DOUBLED, STUCK = "lost", "doubled", "stuck"
KINDS: Final = (LOST, DOUBLED, STUCK)
_OPEN: Final = ("new", "partial")
_LIVE: Final = ("open", "partial", "sending", "unknown", "pending_cancel", "cancel_unknown")
_FLAGGED: Final = ("unknown", "cancel_unknown", "sending", "pending_cancel")
_TO_THE_DIGIT: Final = Decimal("0.00000001")
_ROOM: Final = Decimal("1.01")  # equity moves a little between approval and the end


@dataclass
class Ledger:
    """The rows that matter, as they are in the file."""

    orders: dict[str, sqlite3.Row] = field(default_factory=dict)
    fills: list[sqlite3.Row] = field(default_factory=list)
    held: dict[str, Decimal] = field(default_factory=dict)
    positions: dict[str, Decimal] = field(default_factory=dict)  # of contracts, short ones negative

    @classmethod
    def read(cls, file: Path) -> "Ledger":
        with closing(sqlite3.connect(file)) as conn:
            conn.row_factory = sqlite3.Row
            held: dict[str, Decimal] = defaultdict(Decimal)
            for table, amount in (("balances", "total"), ("outside", "amount")):
                for row in conn.execute(f"SELECT currency, {amount} AS amount FROM {table}"):
                    held[row["currency"]] += Decimal(row["amount"])
            orders = {row["client_order_id"]: row for row in conn.execute("SELECT * FROM orders")}
            positions = {
                row["symbol"]: Decimal(row["quantity"]) * (1 if row["side"] == "buy" else -1)
                for row in conn.execute("SELECT symbol, side, quantity FROM positions WHERE kind = 'perpetual'")
            }
            return cls(orders, conn.execute("SELECT * FROM fills").fetchall(), dict(held), positions)


def judged(
    books: dict[str, Any],
    file: Path,
    told: tuple[Any, ...] | None,
    cap: Decimal,
    surface: Surface = SURFACES[BINANCE],
) -> list[tuple[str, str]]:
    """What is wrong, each with its kind. `told` is what the last process said of its end: rounds, whether it agreed,
    what is unsettled, profit, contradictions, irregularities; None where it said nothing."""
    account, ledger = books["accounts"][KEY], Ledger.read(file)
    venue = account["orders"]
    found = [*_orders(venue, ledger), *_attempts(venue, ledger), *_fills(venue, ledger, surface)]
    flagged = [name for name, row in ledger.orders.items() if row["state"] in _FLAGGED]
    if not flagged:
        found += _money(account, ledger, surface)
    found += [(STUCK, f"order {name} is {ledger.orders[name]['state']} at the end") for name in flagged]
    found += _limits(venue, cap, surface)
    found += _end(account, told, surface)
    return found


def _orders(venue: list[dict[str, Any]], ledger: Ledger) -> list[tuple[str, str]]:
    found = []
    for order in venue:
        row, name = ledger.orders.get(order["client_id"]), order["client_id"]
        if row is None or row["owner"] == "external":
            found.append((LOST, f"the venue has order {name} ({order['status']}), the ledger never sent it"))
        elif (order["status"] in _OPEN) is not (row["state"] in _LIVE) and not _again(venue, name):
            kind = LOST if order["status"] in _OPEN else STUCK
            found.append((kind, f"order {name} is {order['status']} at the venue, {row['state']} in the ledger"))
        elif Decimal(order["quantity"]) > Decimal(row["quantity"]):
            found.append((DOUBLED, f"order {name} is larger at the venue than in the ledger"))
    names = {order["client_id"] for order in venue}
    for name, row in ledger.orders.items():
        if row["state"] in _LIVE and row["state"] not in _FLAGGED and name not in names:
            found.append((STUCK, f"order {name} is {row['state']} in the ledger, the venue never had it"))
    return found


def _again(venue: list[dict[str, Any]], name: str) -> bool:
    return [order["client_id"] for order in venue].count(name) > 1


def _attempts(venue: list[dict[str, Any]], ledger: Ledger) -> list[tuple[str, str]]:
    """For one proposal at most one order is live or has filled anything."""
    counted: Counter[str] = Counter()
    for order in venue:
        row = ledger.orders.get(order["client_id"])
        if order["status"] in _OPEN or Decimal(order["filled"]):
            counted[order["client_id"] if row is None or row["proposal_id"] is None else row["proposal_id"]] += 1
    return [(DOUBLED, f"{n} live or filled orders for proposal {name}") for name, n in counted.items() if n > 1]


def _fills(venue: list[dict[str, Any]], ledger: Ledger, surface: Surface) -> list[tuple[str, str]]:
    theirs = Counter(
        (o["client_id"], o["side"], f"{o['order_id']}/{f['trade_id']}", *_exact(f)) for o in venue for f in o["fills"]
    )
    ours = Counter((f["client_order_id"], f["side"], surface.numbers(f["trade_id"]), *_exact(f)) for f in ledger.fills)
    found = [(LOST, f"fill {fill} is not in the ledger") for fill in (theirs - ours).elements()]
    return found + [(DOUBLED, f"the ledger has fill {fill}, the venue not") for fill in (ours - theirs).elements()]


def _exact(fill: Any) -> tuple[Fraction, Fraction, Fraction, str]:
    return Fraction(fill["quantity"]), Fraction(fill["price"]), Fraction(fill["fee"]), fill["fee_currency"]


def _money(account: dict[str, Any], ledger: Ledger, surface: Surface) -> list[tuple[str, str]]:
    held = _held(account, surface)
    found = [*_differs(ledger.held, held)]
    if surface.contracts:
        rows = account["futures"]["positions"].items()
        found += _differs(ledger.positions, {symbol: Decimal(row["quantity"]) for symbol, row in rows})
    return found


def _differs(ours: Mapping[str, Decimal], theirs: Mapping[str, Decimal]) -> Iterator[tuple[str, str]]:
    for name in sorted({*ours, *theirs}):
        here, there = ours.get(name, Decimal(0)), theirs.get(name, Decimal(0))
        if here != there:
            yield LOST if abs(here) < abs(there) else DOUBLED, f"the ledger holds {here} {name}, the venue {there}"


def _held(account: dict[str, Any], surface: Surface) -> dict[str, Decimal]:
    if surface.contracts:
        return {account["futures"]["currency"]: Decimal(account["futures"]["wallet"])}
    return {name: Decimal(row["free"]) + Decimal(row["locked"]) for name, row in account["holdings"].items()}


def _limits(venue: list[dict[str, Any]], cap: Decimal, surface: Surface) -> list[tuple[str, str]]:
    """What was bought, and what may yet be, at what it cost: never over the cap on one asset."""
    worth = Decimal(0)
    for order in venue:
        sign = 1 if order["side"] == "buy" else -1
        worth += sign * Decimal(order["cost"])
        if sign > 0 and order["status"] in _OPEN and order["limit_price"] is not None:
            worth += (Decimal(order["quantity"]) - Decimal(order["filled"])) * Decimal(order["limit_price"])
    most = cap * surface.money * _ROOM
    return [(DOUBLED, f"{worth} in {surface.symbol} at the venue, {most} allowed")] if worth > most else []


def _end(account: dict[str, Any], told: tuple[Any, ...] | None, surface: Surface) -> list[tuple[str, str]]:
    if told is None:
        return [(STUCK, "the last process did not come to an end")]
    rounds, agreed, unsettled, profit, wrong, _, price = told
    found = [] if agreed else [(STUCK, f"no agreement after {rounds} rounds")]
    found += [(STUCK, f"unsettled: {each}") for each in unsettled]
    found += [(STUCK, f"called a contradiction: {each}") for each in wrong]
    earned = _earned(account, Decimal(price), surface)
    if agreed and (profit == "unknown" or Decimal(profit).quantize(_TO_THE_DIGIT) != earned.quantize(_TO_THE_DIGIT)):
        found.append((LOST, f"the ledger earned {profit}, the venue says {earned}"))
    return found


def _earned(account: dict[str, Any], price: Decimal, surface: Surface) -> Decimal:
    """By the venue's own books: money and what is held at `price`, over the start and what was transferred since."""
    held = _held(account, surface)
    if surface.contracts:
        futures = account["futures"]
        moved = sum((Decimal(row["amount"]) for row in futures["incomes"] if row["kind"] == "TRANSFER"), Decimal(0))
        gained = sum((_gained(row, price) for row in futures["positions"].values()), Decimal(0))
        return held["USDT"] - surface.money - moved + gained
    moved = sum((Decimal(row["amount"]) for row in account["transfers"]), Decimal(0))
    return held["USDT"] - surface.money - moved + (held["BTC"] - surface.start["BTC"]) * price


def _gained(position: dict[str, Any], price: Decimal) -> Decimal:
    quantity, cost = Decimal(position["quantity"]), Decimal(position["cost"])
    return quantity * price - (cost if quantity > 0 else -cost)
