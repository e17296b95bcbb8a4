"""Freezes the gate's facts: the account from the books and the market as it is now, in one transaction."""

from collections.abc import Mapping
from decimal import Decimal

from sqlalchemy import Connection

from core.instruments import Instrument
from core.orders import Proposal
from core.ports import MarketFacts
from core.quotes import Quote
from core.time import SECOND_NS
from execution import orderbook
from memory.books import accounts, ledger, performance
from risk.facts import Facts, Intent
from risk.settings import RiskSettings


def freeze(
    conn: Connection, market: MarketFacts, proposal: Proposal, policy: RiskSettings, now_ns: int, *, reused_id: bool
) -> Facts:
    """Everything one review reads, taken at `now_ns`."""
    order = proposal.order
    account = accounts.account(conn, order.account_id)
    positions = ledger.positions(conn, order.account_id)
    live, reserved = orderbook.open_orders(conn, order.account_id)
    held = {order.symbol, *(p.symbol for p in positions), *(o.symbol for o in live)}
    quotes, instruments = market_now(market, held, now_ns)
    since_ns = now_ns - policy.duplicate_window_s * SECOND_NS
    return Facts(
        account_id=order.account_id,
        numeraire=account.numeraire,
        now_ns=now_ns,
        equity=equity_now(conn, order.account_id, quotes, instruments),
        balances=accounts.balances(conn, order.account_id),
        reserved=reserved,
        positions=positions,
        orders=live,
        recent=orderbook.recent_orders(conn, order.account_id, since_ns, but=order.proposal_id),
        quotes=quotes,
        instruments=instruments,
        intent=Intent(proposal.taint, proposal.stop_price),
        reused_id=reused_id,
    )


def market_now(market: MarketFacts, symbols: set[str], now_ns: int) -> tuple[dict[str, Quote], dict[str, Instrument]]:
    quotes = {s: quote for s in sorted(symbols) if (quote := usable_quote(market, s, now_ns)) is not None}
    known = {s: instrument for s in sorted(symbols) if (instrument := market.instrument(s)) is not None}
    return quotes, known


def usable_quote(market: MarketFacts, symbol: str, now_ns: int) -> Quote | None:
    """The quote, or None for one that holds no prices: a broken number must not reach any sum."""
    quote = market.quote(symbol, as_of_ns=now_ns)
    if quote is None or not all(price.is_finite() and price > 0 for price in (quote.last, quote.bid, quote.ask)):
        return None
    return quote


def equity_now(
    conn: Connection, account_id: str, quotes: Mapping[str, Quote], instruments: Mapping[str, Instrument]
) -> Decimal | None:
    """Marked to the last trade; None when a held symbol has no price."""
    if any(p.symbol not in quotes or p.symbol not in instruments for p in ledger.positions(conn, account_id)):
        return None
    return performance.equity(conn, account_id, {s: q.last for s, q in quotes.items()}, instruments)
