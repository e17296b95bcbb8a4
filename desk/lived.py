"""What a desk lived through, from its books: each decision with what it saw, what it wanted, and what became of it.

The same for a live desk, a paper run and a replay, so that one can be laid beside the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, RowMapping, select

from core.canonical import digest
from core.errors import ConfigError, DataRefused
from core.money import ZERO
from core.orders import Side
from execution.actions import PARENT
from memory.books import blobs, records, tables
from memory.books.records import Run
from memory.books.words import RecordKind

if TYPE_CHECKING:
    from core.canonical import JSON

VIEWS: Final = ("research", "sentiment", "forecast")
_SHOWN: Final = 6  # runs that are named where none was found


@dataclass(frozen=True, slots=True)
class Filled:
    """All fills of one order together. `price` is their mean, `fee` their worth, both in quote currency."""

    quantity: Decimal
    price: Decimal
    fee: Decimal
    first_ns: int

    @property
    def worth(self) -> Decimal:
        return self.quantity * self.price


@dataclass(frozen=True, slots=True)
class Wanted:
    """One order that was wanted. `asked` is the price that its fills are held against: the mid between bid and ask that
    was seen then, of a stop its trigger; None where there was neither.

    `codes` are of the rules that denied it, none where it was let through; `why` is its thesis in words.
    """

    at_ns: int
    symbol: str
    side: Side
    quantity: Decimal
    answer: str
    codes: tuple[str, ...]
    asked: Decimal | None
    why: str
    filled: Filled | None

    @property
    def denied(self) -> bool:
        return self.answer == "denied"

    @property
    def slippage(self) -> Decimal | None:
        """What its fills cost against the price that was asked for, a fraction of it; below 0 they gained."""
        if self.filled is None or not self.asked:
            return None
        return self.side.sign * (self.filled.price - self.asked) / self.asked


@dataclass(frozen=True, slots=True)
class Decided:
    """One cycle: the moment, what was seen of each symbol and of the account, what the views said, what was wanted."""

    at_ns: int
    markets: Mapping[str, JSON]
    account: JSON
    views: Mapping[str, JSON]
    reasoner: str
    wanted: tuple[Wanted, ...]


@dataclass(frozen=True, slots=True)
class Lived:
    """`decided` and `others`, orders that no cycle wanted (stops, instructions, persons), each in order of time."""

    run_id: str
    account_id: str
    policy: str
    decided: tuple[Decided, ...]
    others: tuple[Wanted, ...]

    @property
    def orders(self) -> Iterable[Wanted]:
        for cycle in self.decided:
            yield from cycle.wanted
        yield from self.others


def run_named(conn: Connection, word: str) -> Run:
    """By the id of its account, or the beginning of its own. ConfigError says which there are."""
    table = tables.runs
    found = conn.execute(select(table).order_by(table.c.created_ns.desc())).mappings().all()
    mine = [row for row in found if row["account_id"] == word] or [
        row for row in found if word and row["run_id"].startswith(word)
    ]
    if len({row["run_id"] for row in mine}) == 1 or (mine and mine[0]["account_id"] == word):
        return Run(**mine[0])
    if mine:
        raise ConfigError(f"{len(mine)} runs begin with {word}: give more of it")
    known = ", ".join(f"{row['account_id']} ({row['run_id'][:12]})" for row in found[:_SHOWN]) or "none"
    raise ConfigError(f"found no run or account {word!r} in these books, there are: {known}")


def lived(conn: Connection, run: Run) -> Lived:
    """Raises DataRefused where nothing was decided, or the body of a record is gone: half would look like a whole."""
    filled = _filled(conn, run.account_id)
    decided = []
    for record in records.listing(conn, run_id=run.run_id, kind=RecordKind.DECISION, limit=None):
        body: JSON = blobs.get_json(conn, record.body)
        if body is None:
            raise DataRefused(f"the body of record {record.record_id} is no longer stored: the run cannot be compared")
        decided.append(_decided(body, filled))
    if not decided:
        raise DataRefused(f"run {run.run_id[:12]} of {run.account_id} has decided nothing yet")
    decided.sort(key=lambda one: one.at_ns)
    others = tuple(_others(conn, run.account_id, filled))
    return Lived(run.run_id, run.account_id, _policy(run), tuple(decided), others)


def _decided(body: JSON, filled: Mapping[str, Filled]) -> Decided:
    markets = body["snapshot"]["markets"]
    # What a revision put in the place of an order is what was wanted in the end.
    last = {one["index"]: one for one in sorted(body["answers"], key=lambda one: one["revision"])}
    return Decided(
        at_ns=int(body["as_of_ns"]),
        markets=markets,
        account=body["snapshot"]["account"],
        views={name: body[name] for name in VIEWS},
        reasoner=body["reasoner"],
        wanted=tuple(_wanted(one, markets, filled) for one in last.values()),
    )


def _wanted(answer: JSON, markets: Mapping[str, JSON], filled: Mapping[str, Filled]) -> Wanted:
    proposal = answer["proposal"]
    order = proposal["order"]
    return Wanted(
        at_ns=int(proposal["decided_ns"]),
        symbol=order["symbol"],
        side=Side(order["side"]),
        quantity=Decimal(order["quantity"]),
        answer=answer["kind"],
        codes=tuple(sorted(one["code"] for one in answer["verdicts"] if one["outcome"] == "denied")),
        asked=_mid(markets.get(order["symbol"])),
        why=proposal["thesis"],
        filled=filled.get(order["proposal_id"]),
    )


def _mid(seen: JSON) -> Decimal | None:
    if not seen or seen.get("bid") is None or seen.get("ask") is None:
        return None
    return (Decimal(seen["bid"]) + Decimal(seen["ask"])) / 2


def _filled(conn: Connection, account_id: str) -> dict[str, Filled]:
    """By proposal; the slices of an algorithm are fills of the order that it works."""
    fills, orders, proposals = tables.fills, tables.orders, tables.proposals
    query = (
        select(fills, orders.c.proposal_id, proposals.c.body)
        .join(orders, orders.c.client_order_id == fills.c.client_order_id)
        .join(proposals, proposals.c.proposal_id == orders.c.proposal_id)
        .where(fills.c.account_id == account_id)
        .order_by(fills.c.ts_event_ns, fills.c.trade_id)
    )
    found: dict[str, list[RowMapping]] = {}
    for row in conn.execute(query).mappings():
        source = str((row["body"] or {}).get("source", ""))
        name = source.removeprefix(PARENT) if source.startswith(PARENT) else row["proposal_id"]
        found.setdefault(name, []).append(row)
    return {name: _together(rows) for name, rows in found.items()}


def _together(rows: Sequence[RowMapping]) -> Filled:
    quantity = sum((row["quantity"] for row in rows), ZERO)
    worth = sum((row["quantity"] * row["price"] for row in rows), ZERO)
    for row in rows:
        if row["fee_worth"] is None:
            raise DataRefused(f"the fee of fill {row['trade_id']} was paid in {row['fee_currency']}, without a price")
    fee = sum((row["fee_worth"] for row in rows), ZERO)
    return Filled(quantity, worth / quantity, fee, rows[0]["ts_event_ns"])


def _others(conn: Connection, account_id: str, filled: Mapping[str, Filled]) -> Iterable[Wanted]:
    table = tables.proposals
    query = select(table).where(table.c.account_id == account_id, table.c.cycle_id.is_(None))
    for row in conn.execute(query.order_by(table.c.created_ns, table.c.proposal_id)).mappings():
        body = row["body"] or {}
        if str(body.get("source", "")).startswith(PARENT):
            continue
        order = body["order"]
        yield Wanted(
            at_ns=row["created_ns"],
            symbol=order["symbol"],
            side=Side(order["side"]),
            quantity=Decimal(order["quantity"]),
            answer=row["kind"].value,
            codes=(),
            asked=None if order["trigger_price"] is None else Decimal(order["trigger_price"]),
            why=body.get("thesis", ""),
            filled=filled.get(row["proposal_id"]),
        )


def _policy(run: Run) -> str:
    return digest(run.command.get("settings"))
