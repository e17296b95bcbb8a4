"""How an account stands with the risk officer: its state by scope, what holds, and how near each breaker is."""

from sqlalchemy import Connection

from core.canonical import JSON, plain
from core.time import ManualClock, show_time
from desk.markets import AnyMarket
from execution import incidents, latches, restriction
from execution.kill import KillSwitch
from execution.latches import Latch
from execution.readings import Sight, readings, sight
from execution.vitals import Vitals
from memory.books import performance
from memory.books.accounts import Account
from memory.books.baselines import baselines
from risk import causes
from risk.readings import ACCOUNT, Measured, Reading, Scope
from risk.settings import RiskSettings
from risk.table import breaker_rows

# What only the process that holds the line to the venue knows.
_ELSEWHERE = frozenset({Reading.VENUE_FAILURES, Reading.VENUE_FAILURE_RATE, Reading.CLOCK_SKEW_S})
_NEEDS_PRICES = frozenset({Reading.EQUITY_UNKNOWN, Reading.DATA_QUALITY})


def risk_status(
    conn: Connection, account: Account, policy: RiskSettings, market: AnyMarket | None, kill: KillSwitch
) -> JSON:
    """State with its live causes, and every breaker beside its reading of now, from the books and the market."""
    account_id, now_ns = account.account_id, account.clock_ns
    live = latches.live(conn, account_id, now_ns)
    seen = Sight(now_ns, None, {}, frozenset()) if market is None else sight(conn, account_id, market, now_ns)
    begun = baselines(conn, account_id)
    start, streak = begun.get(Reading.START_LOSS), begun.get(Reading.LOSING_STREAK)
    whole = causes.standing(latch.cause for latch in live)
    return plain(
        {
            "account": account_id,
            "state": whole.state,
            "caps": whole.caps,
            "clock": show_time(now_ns),
            "restricted": restriction.standing(conn, account_id),
            "kill_file": kill(),
            "kill_reason": kill.reason if kill() else None,
            "equity": seen.equity,
            "start_equity": account.start_equity if start is None else start.equity,
            "peak_equity": account.peak_equity,
            "losing_streak": performance.losing_streak(conn, account_id, 0 if streak is None else streak.since_ns),
            "scopes": _scopes(live),
            "causes": [_cause(latch) for latch in live],
            "incidents": incidents.unclosed(conn, account_id),
            "breakers": _breakers(conn, account_id, policy, seen, kill, live, priced=market is not None),
        }
    )


def _scopes(live: tuple[Latch, ...]) -> list[JSON]:
    """The account first, and every venue and symbol that has a cause of its own."""
    named = [ACCOUNT, *sorted({latch.cause.scope for latch in live} - {ACCOUNT})]
    found = [(scope, causes.standing(x.cause for x in live if x.cause.scope == scope)) for scope in named]
    return [{"scope": scope, "state": standing.state, "caps": standing.caps} for scope, standing in found]


def _cause(latch: Latch) -> JSON:
    cause = latch.cause
    return {
        "latch": latch.latch_id,
        "cause": cause.name,
        "scope": cause.scope,
        "state": cause.state,
        "caps": cause.caps,
        "kind": cause.kind,
        "detail": cause.detail,
        "tripped": show_time(cause.tripped_ns),
        "until": None if cause.until_ns is None else show_time(cause.until_ns),
    }


def _breakers(
    conn: Connection,
    account_id: str,
    policy: RiskSettings,
    seen: Sight,
    kill: KillSwitch,
    live: tuple[Latch, ...],
    *,
    priced: bool,
) -> list[JSON]:
    line = Vitals(ManualClock(seen.now_ns), simulated=True)
    read = readings(conn, account_id, seen, max_age_s=policy.max_price_age_s, venue="", vitals=line, killed=kill())
    unknown = _ELSEWHERE if priced else _ELSEWHERE | _NEEDS_PRICES
    holding = {(latch.cause.name, latch.cause.scope) for latch in live}
    words = {row.breaker: plain(row) for row in breaker_rows(policy.breakers)}
    rows: list[JSON] = []
    for breaker in policy.breakers:
        scopes = [s for s in read if s.partition(":")[0] == breaker.reads.scope.value and s != Scope.VENUE.named("")]
        for scope in scopes or [breaker.reads.scope.value]:
            measured = read.get(scope, {}).get(breaker.reads, Measured(None))
            value = None if breaker.reads in unknown else measured.value
            near = None if value is None or not breaker.limit else value / breaker.limit
            held = (breaker.name, ACCOUNT if breaker.scope is Scope.ACCOUNT else scope) in holding
            rows.append({**words[breaker.name], "scope": scope, "value": value, "near": near, "live": held})
    return rows
