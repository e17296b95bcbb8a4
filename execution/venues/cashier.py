"""The paper venue's cashier: fills what the account can pay for, and keeps the margin of its perpetuals.

One pass over the venue's books in one transaction, with the purse and the positions as they stand after each step, so
that money is spent once.
"""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row

from core.canonical import digest
from core.fills import fee, funding_payment, within_limit
from core.instruments import ContractKind, Instrument
from core.money import ZERO, Price, Quantity, round_price, round_quantity
from core.orders import OrderState, OrderType, Side, TimeInForce
from core.ports import MarketFacts
from core.quotes import Funding
from execution.ports import PlainOrder
from execution.settings import PaperSettings
from execution.venues import isolated, paperbooks
from execution.venues.isolated import Isolated
from execution.venues.matching import Match
from memory.books.positions import Trade


class Cashier:
    def __init__(self, conn: Connection, account_id: str, market: MarketFacts, settings: PaperSettings) -> None:
        self._conn = conn
        self._account_id = account_id
        self._settings = settings
        self.held = {p.instrument.symbol: p for p in paperbooks.positions(conn, account_id, market)}
        self._purse = paperbooks.wallet(conn, account_id, market)
        for position in self.held.values():
            self._move(position.instrument.quote, -position.margin)

    def fill(self, row: Row[Any], match: Match, instrument: Instrument, *, ts_ns: int, since_ns: int) -> Row[Any]:
        """Books one fill of what the account can still pay; the rest of an unpayable order is cancelled.

        `since_ns` says from which bars on a perpetual that it opens is held against their whole range.
        """
        price = match.price if match.maker else _against_us(match, row, instrument)
        rate = instrument.maker_fee if match.maker else instrument.taker_fee
        payable = self._payable(row, instrument, price, rate)
        whole_or_nothing = row.time_in_force is TimeInForce.FOK and payable < match.quantity
        quantity = ZERO if whole_or_nothing else round_quantity(min(match.quantity, payable), instrument.lot_size)
        filled = row.filled_quantity + quantity
        if quantity > 0:
            cost = fee(quantity * price, rate)
            self._trade(row, instrument, quantity, price, cost, maker=match.maker, ts_ns=ts_ns, since_ns=since_ns)
        if filled == row.quantity:
            state = OrderState.FILLED
        elif payable < match.quantity:
            state = OrderState.CANCELLED
        else:
            state = OrderState.PARTIAL if filled else row.state
        paperbooks.change(self._conn, row.client_order_id, state=state, filled_quantity=filled)
        return paperbooks.order(self._conn, row.client_order_id)

    def fund(self, due: Funding) -> None:
        """Pays or receives once what is due to whoever held the position then."""
        held = self.held.get(due.symbol)
        if held is None or due.ts_event_ns <= held.since_ns:
            return
        payment = funding_payment(held.side.sign, held.quantity, due.mark, due.rate)
        if paperbooks.add_funding(self._conn, self._account_id, due.symbol, due.ts_event_ns, payment):
            self._keep(due.symbol, held.paid(payment))

    def liquidate(self, symbol: str, low: Decimal, high: Decimal, *, ts_ns: int) -> None:
        """Closes a position whose margin a price in this range used up, and cancels its open orders.

        All of the margin is lost. It is an order of the venue's own: whoever reads the account finds it as external.
        """
        held = self.held.get(symbol)
        if held is None or not held.liquidated(low, high):
            return
        for row in paperbooks.live_orders(self._conn, self._account_id):
            if row.symbol == symbol:
                paperbooks.change(self._conn, row.client_order_id, state=OrderState.CANCELLED)
        side, rate, tick = held.side.opposite, self._settings.liquidation_fee, held.instrument.tick_size
        price = max(round_price(held.bankrupt(rate), tick, side.opposite), Price(tick))
        order = PlainOrder(
            client_order_id=f"{paperbooks.LIQUIDATION}{digest([self._account_id, symbol, ts_ns])[:16]}",
            symbol=symbol,
            side=side,
            type=OrderType.MARKET,
            quantity=Quantity(held.quantity),
            limit_price=None,
            trigger_price=None,
            time_in_force=TimeInForce.IOC,
            reduce_only=True,
            decided_ns=ts_ns,
        )
        done = {"state": OrderState.FILLED, "filled_quantity": held.quantity}
        paperbooks.add_order(self._conn, self._account_id, order, ts_ns, **done)
        row = paperbooks.order(self._conn, order.client_order_id)
        cost = fee(held.quantity * price, rate)
        self._trade(row, held.instrument, held.quantity, price, cost, maker=False, ts_ns=ts_ns, since_ns=ts_ns)

    def seen(self, symbol: str, until_ns: int) -> None:
        """A bar was held against a position."""
        held = self.held.get(symbol)
        if held is not None and held.seen_ns < until_ns:
            self._keep(symbol, replace(held, seen_ns=until_ns))

    def _trade(
        self,
        row: Row[Any],
        instrument: Instrument,
        quantity: Decimal,
        price: Price,
        cost: Decimal,
        *,
        maker: bool,
        ts_ns: int,
        since_ns: int,
    ) -> None:
        earned = ZERO
        if instrument.kind is ContractKind.PERPETUAL:
            before = self.held.get(row.symbol)
            trade = Trade(row.side, quantity, price, ZERO, ts_ns)
            now, earned = isolated.traded(before, instrument, trade, self._settings.leverage, since_ns)
            self._move(instrument.quote, _margin(before) - _margin(now))
            self._keep(row.symbol, now)
        else:
            self._move(instrument.base, row.side.sign * quantity)
            self._move(instrument.quote, -row.side.sign * quantity * price)
        self._move(instrument.quote, earned - cost)
        paperbooks.add_fill(
            self._conn, row, quantity, price, cost, instrument.quote, realised=earned, maker=maker, ts_ns=ts_ns
        )

    def _payable(self, row: Row[Any], instrument: Instrument, price: Price, rate: Decimal) -> Decimal:
        """The largest quantity that the purse covers: with its fee for a buy, of the coins held for a sale."""
        if instrument.kind is ContractKind.PERPETUAL:
            held, leverage = self.held.get(row.symbol), self._settings.leverage
            only = row.reduce_only
            return isolated.payable(held, row.side, instrument, price, rate, leverage, self._purse, reduce_only=only)
        if row.side is Side.SELL:
            return self._purse.get(instrument.base, ZERO)
        return max(ZERO, self._purse.get(instrument.quote, ZERO) / (price * (1 + rate)))

    def _keep(self, symbol: str, held: Isolated | None) -> None:
        paperbooks.keep_position(self._conn, self._account_id, symbol, held)
        if held is None:
            self.held.pop(symbol, None)
        else:
            self.held[symbol] = held

    def _move(self, currency: str, amount: Decimal) -> None:
        self._purse[currency] = self._purse.get(currency, ZERO) + amount


def _margin(held: Isolated | None) -> Decimal:
    return ZERO if held is None else held.margin


def _against_us(match: Match, row: Row[Any], instrument: Instrument) -> Price:
    """A taker's price rounds to the tick on the dear side, and still not beyond its limit."""
    price = round_price(match.price, instrument.tick_size, row.side.opposite)
    return price if row.limit_price is None else Price(within_limit(price, row.limit_price, row.side.sign))
