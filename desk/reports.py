"""What the surfaces show, as canonical JSON: read from the books, never from a running desk."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, RowMapping, and_, func, select

from agents.contamination import label_of
from core.canonical import JSON, plain
from core.errors import ConfigError
from core.money import ZERO
from core.orders import Position
from core.time import show_time
from desk import instructed
from desk.markets import AnyMarket, Market
from desk.runs import RunResult
from execution import latches, orderbook
from execution.snapshot import equity_now, market_now
from execution.venues.paperbooks import LIQUIDATION
from market.recorded import RecordedMarket
from memory.books import accounts, blobs, ledger, performance, records, tables
from memory.books.accounts import Account
from memory.books.records import Record
from memory.books.verify import Verification, verify
from memory.books.words import RecordKind, StopState


def current_account(conn: Connection, named: str | None) -> Account:
    """The named account, or the one that was opened by the newest run."""
    newest = newest_account(conn) if named is None else named
    if newest is None:
        raise ConfigError("these books hold no account yet: `warden demo` or `warden run` opens one")
    return accounts.account(conn, newest)


def newest_account(conn: Connection) -> str | None:
    """The account of the newest run; None in books without one."""
    return conn.scalar(select(tables.runs.c.account_id).order_by(tables.runs.c.created_ns.desc()).limit(1))


def run_report(conn: Connection, result: RunResult) -> JSON:
    """A run as a whole: its records, what was denied and by which code, fills, and the account at the end."""
    decisions = records.listing(conn, run_id=result.run_id, kind=RecordKind.DECISION, limit=None)
    bodies = [body for r in reversed(decisions) if (body := blobs.get_json(conn, r.body)) is not None]
    answers = [a for body in bodies for a in body["answers"]]
    denied = Counter(v["code"] for a in answers for v in a["verdicts"] if v["outcome"] == "denied")
    fills = fills_of(conn, result.account_id)
    return {
        "run": result.run_id,
        "account": result.account_id,
        "digest": result.digest,
        "state": result.state.value,
        "reported": result.reported,
        "resumed": result.resumed,
        "halted": result.halted,
        "cycles": result.cycles,
        "planned": result.planned,
        "masked": any(body.get("masked", False) for body in bodies),
        "contamination": dict(Counter(label_of(body).value for body in bodies)),
        "proposals": len(answers),
        "answers": dict(Counter(a["kind"] for a in answers)),
        "denied_by": dict(denied.most_common()),
        "stops_fired": _stops_fired(conn, result.account_id),
        "fills": fills,
        "equity": equity_curve(conn, result.account_id),
        "journal": verified(conn, result.account_id),
    }


def candle_quality(market: Market) -> list[JSON]:
    """What each candle file holds and lacks; empty for a market without files."""
    if not isinstance(market, RecordedMarket):
        return []
    return [
        {
            "symbol": symbol,
            "bars": quality.rows,
            "timeframe": quality.timeframe.value,
            "first": show_time(quality.first_ns),
            "last": show_time(quality.last_ns),
            "gaps": len(quality.gaps),
            "missing_bars": quality.missing_bars,
            "longest_gap": quality.longest_gap,
            "zero_volume_bars": quality.zero_volume_bars,
            "corrected": dict(quality.corrected),
            "sha256": quality.file_sha256,
        }
        for symbol, quality in market.reports.items()
    ]


def record_report(conn: Connection, record: Record) -> JSON:
    """One record: its hash, its body, and the fills that came of it."""
    body = blobs.get_json(conn, record.body)
    proposals = [a["proposal"]["order"]["proposal_id"] for a in (body or {}).get("answers", [])]
    return {
        "record_id": record.record_id,
        "record": record.kind.value,
        "record_hash": record.record_hash,
        "journal_entry": f"{record.stream}#{record.sequence}",
        "body": body,
        "annex": blobs.get_json(conn, record.annex),
        "fills": fills_of(conn, record.account_id, proposals or [record.proposal_id or ""]),
    }


def record_line(record: Record) -> JSON:
    return {
        "record_id": record.record_id,
        "record": record.kind.value,
        "account": record.account_id,
        "as_of_ns": record.as_of_ns,
        "record_hash": record.record_hash,
    }


def decisions_of(conn: Connection, run_id: str) -> tuple[Record, ...]:
    """A run's decisions and releases, oldest first."""
    listed = records.listing(conn, run_id=run_id, limit=None)
    return tuple(reversed(listed))


def portfolio(conn: Connection, account: Account, market: AnyMarket | None) -> JSON:
    """Cash, positions at the market's last prices as of the account's clock, stops, and what was earned.

    `instructed` is what of the positions standing instructions hold.
    """
    held = ledger.positions(conn, account.account_id)
    quotes = {} if market is None else {p.symbol: market.quote(p.symbol, as_of_ns=account.clock_ns) for p in held}
    marks = {symbol: quote.last for symbol, quote in quotes.items() if quote is not None}
    earned = performance.profit(conn, account.account_id, marks)
    worth = None if market is None else _worth(conn, account, market)
    return {
        "account": account.account_id,
        "numeraire": account.numeraire,
        "clock": show_time(account.clock_ns),
        "start_equity": plain(account.start_equity),
        "equity": plain(worth),
        "balances": plain(accounts.balances(conn, account.account_id)),
        "positions": [_position(p, marks.get(p.symbol)) for p in held],
        "instructed": instructed.holdings(conn, account.account_id),
        "stops": _stops(conn, account.account_id),
        "working_orders": plain(orderbook.open_orders(conn, account.account_id)[0]),
        "state": latches.standing(conn, account.account_id, account.clock_ns).state.value,
        "realised": plain(earned.realised),
        "unrealised": plain(earned.unrealised),
        "fees": plain(earned.fees),
        "round_trips": trips(conn, account.account_id),
    }


def approvals(conn: Connection, account: Account) -> list[JSON]:
    return [approval_line(row) for row in orderbook.approvals(conn, account.account_id)]


def approval(conn: Connection, prefix: str) -> JSON:
    """One approval with the proposal and the verdicts that the person is to judge."""
    row = orderbook.find_approval(conn, prefix)
    proposal = orderbook.find_proposal(conn, row.proposal_id)
    shown = approval_line(row)
    return shown if proposal is None else {**shown, "proposal": proposal.body, "review": proposal.review}


def equity_curve(conn: Connection, account_id: str) -> dict[str, JSON]:
    """Start, last, lowest and highest mark."""
    account = accounts.account(conn, account_id)
    table = tables.marks
    query = select(table.c.equity).where(table.c.account_id == account_id).order_by(table.c.ts_ns)
    marks = [account.start_equity, *conn.execute(query).scalars()]
    ends = {"start": marks[0], "last": marks[-1], "lowest": min(marks), "highest": max(marks)}
    return {name: plain(equity) for name, equity in ends.items()}


def _worth(conn: Connection, account: Account, market: AnyMarket) -> Decimal | None:
    held = {p.symbol for p in ledger.positions(conn, account.account_id)}
    return equity_now(conn, account.account_id, *market_now(market, held, account.clock_ns))


def verified(conn: Connection, account_id: str) -> JSON:
    """Whether the account's chain holds."""
    return _verified(verify(conn, account_id))


def _verified(found: Verification) -> JSON:
    return {"ok": found.ok, "entries": found.entries, "broken": found.broken, "problem": found.problem}


def fills_of(conn: Connection, account_id: str, proposals: Sequence[str] | None = None) -> list[JSON]:
    """Oldest first. `origin` is order, stop, or for what no order of ours explains liquidation or outside."""
    fills, orders = tables.fills, tables.orders
    query = select(fills, orders.c.proposal_id, orders.c.protective).outerjoin(
        orders, orders.c.client_order_id == fills.c.client_order_id
    )
    query = query.where(fills.c.account_id == account_id).order_by(fills.c.ts_event_ns, fills.c.trade_id)
    if proposals is not None:
        query = query.where(orders.c.proposal_id.in_(proposals))
    return [
        plain({**row, "protective": bool(row["protective"]), "origin": _origin(row)})
        for row in conn.execute(query).mappings()
    ]


def _origin(row: RowMapping) -> str:
    if row["client_order_id"].startswith(LIQUIDATION):
        return "liquidation"
    if row["proposal_id"] is None:
        return "outside"
    return "stop" if row["protective"] else "order"


def _stops_fired(conn: Connection, account_id: str) -> int:
    """Orders of the watch that closed something: a stop that only rested at the venue did not fire."""
    table = tables.orders
    fired = and_(table.c.account_id == account_id, table.c.protective, table.c.filled_quantity != ZERO)
    return int(conn.execute(select(func.count()).select_from(table).where(fired)).scalar_one())


def _position(position: Position, mark: Decimal | None) -> JSON:
    gained = None if mark is None else position.side.sign * (mark - position.average_price) * position.quantity
    return plain({**plain(position), "mark": mark, "unrealised": gained})


def _stops(conn: Connection, account_id: str) -> list[JSON]:
    table = tables.stops
    query = select(table).where(and_(table.c.account_id == account_id, table.c.state == StopState.ARMED))
    return [plain(dict(row)) for row in conn.execute(query.order_by(table.c.created_ns)).mappings()]


def trips(conn: Connection, account_id: str) -> JSON:
    table = tables.round_trips
    gains = list(conn.execute(select(table.c.pnl).where(table.c.account_id == account_id)).scalars())
    net = None if None in gains else sum(gains, ZERO)
    return plain({"count": len(gains), "won": sum(g is not None and g > 0 for g in gains), "net": net})


def approval_line(row: Row[Any]) -> JSON:
    shown = plain(dict(row._mapping))
    return {**shown, "created": show_time(shown["created_ns"]), "expires": show_time(shown["expires_ns"])}
