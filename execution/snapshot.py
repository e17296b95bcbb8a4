"""Freezes the gate's facts: the account from the books and the market as it is now, in one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from sqlalchemy import Connection

from core.instruments import ContractKind, Instrument
from core.money import ZERO, Price
from core.orders import Position, Proposal
from core.ports import MarketFacts
from core.quotes import Quote
from core.time import SECOND_NS
from execution import orderbook, owning, parents, restriction
from execution.activity import activity
from execution.conditions import Surveyor
from execution.ports import VenueHealth
from execution.provenance import intent_of
from memory.books import accounts, ledger, performance
from memory.books.accounts import Account
from risk.facts import Facts
from risk.rules.base import positive
from risk.settings import RiskSettings


def freeze(
    conn: Connection,
    market: MarketFacts,
    surveyor: Surveyor,
    health: VenueHealth,
    proposal: Proposal,
    policy: RiskSettings,
    now_ns: int,
    *,
    reused_id: bool = False,
    vouched: bool = False,
) -> Facts:
    """Everything one review reads, taken at `now_ns`."""
    order = proposal.order
    account = accounts.account(conn, order.account_id)
    positions = ledger.positions(conn, order.account_id)
    live, reserved = orderbook.open_orders(conn, order.account_id)
    # What a perpetual's margin holds is in the balance, and buys nothing else.
    posted = sum((p.margin for p in positions), ZERO)
    if posted:
        reserved[account.numeraire] = reserved.get(account.numeraire, ZERO) + posted
    unsent, promised = parents.unsent(conn, proposal)
    live, reserved = (
        (*live, *unsent),
        {c: reserved.get(c, ZERO) + promised.get(c, ZERO) for c in {**reserved, **promised}},
    )
    own = owning.own(conn, proposal, positions)
    live = live if own is None else owning.told_apart(proposal, live)
    balances = accounts.balances(conn, order.account_id)
    worked = {order.symbol, *(p.symbol for p in positions), *(o.symbol for o in live)}
    quotes, instruments = market_now(market, worked | coins(balances, account.numeraire), now_ns)
    bases = {symbol: instrument.base for symbol, instrument in instruments.items()}
    since_ns = now_ns - policy.duplicate_window_s * SECOND_NS
    conditions = surveyor.conditions(order, quotes.get(order.symbol), bases, now_ns)
    facts = Facts(
        account_id=order.account_id,
        numeraire=account.numeraire,
        now_ns=now_ns,
        equity=_equity(conn, account, balances, positions, quotes, instruments),
        balances=balances,
        reserved=reserved,
        positions=positions,
        orders=live,
        recent=(
            *orderbook.recent_orders(conn, order.account_id, since_ns, but=order.proposal_id),
            *parents.recent(conn, proposal, since_ns),
        ),
        quotes=quotes,
        instruments=instruments,
        intent=intent_of(conn, proposal, vouched=vouched),
        conditions={order.symbol: conditions},
        activity=activity(conn, order, policy.quick_cancel_s, now_ns),
        pegs={currency: _last(market, symbol, now_ns) for currency, symbol in policy.pegs.items()},
        venue_status=health.status(),
        restricted=restriction.holds(conn, order.account_id, health),
        loop_lag_s=health.loop_lag_s(),
        reused_id=reused_id,
        own=own,
    )
    return replace(facts, portfolio_shortfall=_portfolio_shortfall(facts, surveyor, policy))


def market_now(
    market: MarketFacts, symbols: Iterable[str], now_ns: int
) -> tuple[dict[str, Quote], dict[str, Instrument]]:
    quotes = {s: quote for s in sorted(symbols) if (quote := usable_quote(market, s, now_ns)) is not None}
    known = {s: instrument for s in sorted(symbols) if (instrument := market.instrument(s)) is not None}
    return quotes, known


def coins(balances: Mapping[str, Decimal], numeraire: str) -> set[str]:
    """The symbols that price what an account holds beside its numeraire, whether or not a position is made of it."""
    return {f"{currency}/{numeraire}" for currency, total in balances.items() if total and currency != numeraire}


def usable_quote(market: MarketFacts, symbol: str, now_ns: int) -> Quote | None:
    """The quote, or None for one that holds no prices: a broken number must not reach any sum."""
    quote = market.quote(symbol, as_of_ns=now_ns)
    if quote is None or not all(price.is_finite() and price > 0 for price in (quote.last, quote.bid, quote.ask)):
        return None
    return quote


def last_price(market: MarketFacts, symbol: str, now_ns: int) -> Price | None:
    """What it traded at last, whatever became of its book: all that a stop asks for."""
    quote = market.quote(symbol, as_of_ns=now_ns)
    return None if quote is None or positive(quote.last) is None else quote.last


def equity_now(
    conn: Connection, account_id: str, quotes: Mapping[str, Quote], instruments: Mapping[str, Instrument]
) -> Decimal | None:
    """Marked to the last trade; None when a held symbol has no price."""
    account, positions = accounts.account(conn, account_id), ledger.positions(conn, account_id)
    return _equity(conn, account, accounts.balances(conn, account_id), positions, quotes, instruments)


def _equity(
    conn: Connection,
    account: Account,
    balances: Mapping[str, Decimal],
    positions: Sequence[Position],
    quotes: Mapping[str, Quote],
    instruments: Mapping[str, Instrument],
) -> Decimal | None:
    if any(p.symbol not in quotes or p.symbol not in instruments for p in positions):
        return None
    spot = all(p.kind is ContractKind.SPOT for p in positions)
    contracts = [] if spot else performance.perpetuals(conn, account.account_id)
    marks = {symbol: quote.last for symbol, quote in quotes.items()}
    return performance.worth_of(account.numeraire, balances, contracts, marks, instruments)


def _portfolio_shortfall(facts: Facts, surveyor: Surveyor, policy: RiskSettings) -> Decimal | None:
    if facts.worth is None:
        return None
    symbols = {instrument.base: symbol for symbol, instrument in facts.instruments.items()}
    return surveyor.portfolio_shortfall(facts.worth, symbols, policy.assumed_shortfall, facts.now_ns)


def _last(market: MarketFacts, symbol: str, now_ns: int) -> Decimal | None:
    quote = usable_quote(market, symbol, now_ns)
    return None if quote is None else quote.last
