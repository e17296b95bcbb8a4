"""The reference for the gate: 17 checks as one function, the way a careful programmer writes them for one bot.

Plain attributes, Decimals of the default 28 digits, a list of what is wrong. Nothing is configurable, a missing price
is the only missing input, and what passed leaves nothing to show.
"""

from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal

ONE, ZERO = Decimal(1), Decimal(0)


@dataclass(slots=True)
class Wanted:
    """A limit order. Prices in quote currency, quantity in base units."""

    symbol: str
    buys: bool
    quantity: Decimal
    price: Decimal
    stop: Decimal | None


@dataclass(slots=True)
class Account:
    """What the bot keeps of its account, every sum ready; times in seconds."""

    halted: bool
    cooling_until: float
    equity: Decimal
    cash: Decimal
    gross: Decimal
    day_profit: Decimal
    peak: Decimal
    open_orders: int
    held: dict[str, Decimal]
    prices: dict[str, Decimal]
    priced_at: float
    sent_at: deque[float] = field(default_factory=deque)


@dataclass(slots=True)
class Limits:
    """Fractions are of equity unless they say otherwise."""

    symbols: frozenset[str]
    most_notional: Decimal
    least_notional: Decimal
    most_held: Decimal
    most_gross: Decimal
    leverage: Decimal
    day_loss: Decimal
    drawdown: Decimal  # of the peak
    band: Decimal  # of the last price
    risk: Decimal
    cost: Decimal  # one and the fee
    stale_s: float
    open_orders: int
    a_minute: int


def wrong_with(order: Wanted, account: Account, limits: Limits, now: float) -> list[str]:
    """Why the order may not be sent; empty where it may."""
    wrong: list[str] = []
    quantity, price, equity = order.quantity, order.price, account.equity
    if account.halted or now < account.cooling_until:
        wrong.append("halted")
    if order.symbol not in limits.symbols:
        wrong.append("symbol")
    if quantity <= ZERO or price <= ZERO:
        wrong.append("sign")
        return wrong
    notional = quantity * price
    if notional > limits.most_notional:
        wrong.append("large")
    if notional < limits.least_notional:
        wrong.append("small")
    held = account.held.get(order.symbol, ZERO)
    after = held + quantity if order.buys else held - quantity
    if abs(after) * price > limits.most_held:
        wrong.append("position")
    if after < ZERO:
        wrong.append("short")
    gross = account.gross + notional
    if gross > limits.most_gross:
        wrong.append("gross")
    if gross / equity > limits.leverage:
        wrong.append("leverage")
    if -account.day_profit / equity > limits.day_loss:
        wrong.append("day loss")
    if (account.peak - equity) / account.peak > limits.drawdown:
        wrong.append("drawdown")
    last = account.prices.get(order.symbol)
    if last is None or now - account.priced_at > limits.stale_s:
        wrong.append("stale")
    elif abs(price / last - ONE) > limits.band:
        wrong.append("band")
    if account.open_orders >= limits.open_orders:
        wrong.append("open orders")
    if order.buys and notional * limits.cost > account.cash:
        wrong.append("cash")
    if order.stop is None or abs(price - order.stop) * quantity / equity > limits.risk:
        wrong.append("risk")
    sent = account.sent_at
    while sent and now - sent[0] > 60.0:
        sent.popleft()
    if len(sent) >= limits.a_minute:
        wrong.append("rate")
    return wrong
