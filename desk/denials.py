"""Entries that the gate denied for good, from the records of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from core.orders import Side
from memory.books import blobs, records
from memory.books.records import Run
from memory.books.words import RecordKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.canonical import JSON


@dataclass(frozen=True, slots=True)
class Denial:
    """An entry as it was proposed last, and the codes of the rules that denied it.

    `quantity` in base units, `stop` and `target` in quote currency; `time_limit_s` is how long it might have stayed
    without profit.
    """

    symbol: str
    side: Side
    quantity: float
    decided_ns: int
    codes: tuple[str, ...]
    stop: float | None = None
    target: float | None = None
    time_limit_s: int | None = None


def denials(conn: Connection, run: Run) -> list[Denial]:
    """Oldest first. An entry that a revision brought through was not lost, and an exit is never one."""
    found: list[Denial] = []
    for record in records.listing(conn, run_id=run.run_id, kind=RecordKind.DECISION, limit=None):
        body: JSON = blobs.get_json(conn, record.body)
        if body is not None:
            found += denied_in(body)
    return sorted(found, key=lambda one: (one.decided_ns, one.symbol))


def denied_in(body: JSON) -> Iterator[Denial]:
    """Those of one decision record."""
    last = {answer["index"]: answer for answer in sorted(body["answers"], key=lambda answer: answer["revision"])}
    orders = {(plan["revision"], order["index"]): order for plan in body["plans"] for order in plan["orders"]}
    for answer in last.values():
        order = orders.get((answer["revision"], answer["index"]))
        if answer["kind"] != "denied" or order is None or order["reduce_only"]:
            continue
        yield Denial(
            symbol=order["symbol"],
            side=Side(order["side"]),
            quantity=float(order["quantity"]),
            decided_ns=int(body["as_of_ns"]),
            codes=tuple(_code(verdict) for verdict in answer["verdicts"] if verdict["outcome"] == "denied"),
            stop=_number(order["stop_price"]),
            target=_number(order["target_price"]),
            time_limit_s=order["exits"]["time_limit_s"],
        )


def _code(verdict: JSON) -> str:
    """A rule that had nothing to measure says nothing of the market: it stands apart."""
    return f"{verdict['code']}, not measurable" if verdict["measured"] is None else str(verdict["code"])


def _number(text: str | None) -> float | None:
    return None if text is None else float(text)
