"""What the breakers read: the account from the books, prices from the market, and the line to the venue."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection

from core.money import ONE, ZERO
from core.ports import MarketFacts
from core.quotes import Quote
from core.time import DAY_NS, SECOND_NS
from execution import incidents, orderbook
from execution.snapshot import coins, equity_now, market_now
from execution.vitals import Vitals
from memory.books import accounts, ledger, performance
from memory.books.accounts import Account
from memory.books.baselines import Baseline, baselines
from memory.books.words import IncidentKind
from risk.facts import Facts
from risk.readings import ACCOUNT, Measured, Reading, Readings, Scope


@dataclass(frozen=True, slots=True)
class Sight:
    """The account and its prices at one moment. `equity` is None where a held asset has no price.

    `watched` are the symbols that are held or worked in; `quotes` may cover more.
    """

    now_ns: int
    equity: Decimal | None
    quotes: Mapping[str, Quote]
    watched: frozenset[str]

    @classmethod
    def of(cls, facts: Facts) -> "Sight":
        """What a review has frozen already."""
        watched = {p.symbol for p in facts.positions} | {o.symbol for o in facts.orders}
        return cls(facts.now_ns, facts.equity, facts.quotes, frozenset(watched))


def sight(conn: Connection, account_id: str, market: MarketFacts, now_ns: int) -> Sight:
    live, _ = orderbook.open_orders(conn, account_id)
    watched = {p.symbol for p in ledger.positions(conn, account_id)} | {o.symbol for o in live}
    held = coins(accounts.balances(conn, account_id), accounts.account(conn, account_id).numeraire)
    quotes, instruments = market_now(market, watched | held, now_ns)
    return Sight(now_ns, equity_now(conn, account_id, quotes, instruments), quotes, frozenset(watched))


def readings(
    conn: Connection, account_id: str, seen: Sight, *, max_age_s: int, venue: str, vitals: Vitals, killed: bool
) -> Readings:
    """Every reading of this moment, by scope. `max_age_s` is how overdue a price may be."""
    counted = incidents.open_count(conn, account_id)
    begun = baselines(conn, account_id)
    account = accounts.account(conn, account_id)
    streak_since = begun[Reading.LOSING_STREAK].since_ns if Reading.LOSING_STREAK in begun else 0
    whole = {
        **_losses(conn, account, begun, seen),
        Reading.LOSING_STREAK: _count(performance.losing_streak(conn, account_id, streak_since)),
        Reading.KILL: _count(killed),
        Reading.EQUITY_UNKNOWN: _count(seen.equity is None),
        Reading.MISMATCHES: _count(counted[IncidentKind.MISMATCH]),
        Reading.IRREGULARITIES: _count(counted[IncidentKind.IRREGULARITY]),
        Reading.MODEL_DRIFT: _count(counted[IncidentKind.MODEL_DRIFT]),
        Reading.CLOCK_SKEW_S: Measured(_skew_s(vitals, account, seen.now_ns)),
    }
    return {
        ACCOUNT: whole,
        Scope.VENUE.named(venue): vitals.readings(),
        **{
            Scope.SYMBOL.named(symbol): {
                Reading.DATA_QUALITY: _count(faults(seen.quotes.get(symbol), seen.now_ns, max_age_s))
            }
            for symbol in sorted(seen.watched)
        },
    }


def net_equity(conn: Connection, account_id: str, equity: Decimal) -> Decimal:
    """Without later transfers: a withdrawal is no loss, and a deposit hides none."""
    return equity - accounts.transferred(conn, account_id)


def faults(quote: Quote | None, now_ns: int, max_age_s: int) -> int:
    """What is wrong with a quote: it is missing, or it is crossed or one-sided, or overdue."""
    if quote is None:
        return 1
    overdue_ns = now_ns - quote.ts_event_ns - quote.cadence_ns
    return (quote.spread_bps is None) + (overdue_ns > max_age_s * SECOND_NS)


def _losses(
    conn: Connection, account: Account, begun: Mapping[Reading, Baseline], seen: Sight
) -> dict[Reading, Measured]:
    """Equity against what it was: when the day began, 24 hours ago, at the start and at its peak."""
    if seen.equity is None:
        return dict.fromkeys((Reading.DAY_LOSS, Reading.LOSS_24H, Reading.START_LOSS, Reading.DRAWDOWN), Measured(None))
    net = seen.equity - account.transferred
    start = begun.get(Reading.START_LOSS)

    def since(reads: Reading, at_ns: int) -> Decimal:
        known = begun.get(reads)
        if known is not None and known.equity is not None and known.since_ns >= at_ns:
            return known.equity
        before = performance.equity_by(conn, account.account_id, at_ns)
        return account.start_equity if before is None else before

    base = {
        Reading.DAY_LOSS: since(Reading.DAY_LOSS, seen.now_ns // DAY_NS * DAY_NS),
        Reading.LOSS_24H: since(Reading.LOSS_24H, seen.now_ns - DAY_NS),
        Reading.START_LOSS: account.start_equity if start is None or start.equity is None else start.equity,
        Reading.DRAWDOWN: max(account.peak_equity, net),
    }
    taken_out = max(ZERO, -account.transferred)
    return {reads: Measured(_lost(before, net, taken_out)) for reads, before in base.items()}


def _lost(before: Decimal, now: Decimal, taken_out: Decimal) -> Decimal:
    """The lost part of an equity; all of it where there was none to lose. Both are net of transfers.

    A loss is a part of what was left to lose: what was taken out can be lost no more, and must not hide what is.
    """
    lost = before - now
    if lost <= 0:
        return ZERO
    at_stake = before - taken_out
    return ONE if at_stake <= 0 else min(ONE, lost / at_stake)


def _skew_s(vitals: Vitals, account: Account, now_ns: int) -> Decimal | None:
    """Our clock against the venue's, or against its own last step where it was turned back."""
    if now_ns < account.clock_ns:
        return Decimal(account.clock_ns - now_ns) / SECOND_NS
    return vitals.skew_s


def _count(number: int) -> Measured:
    return Measured(Decimal(number))
