"""Orders that somebody else placed on the same account: they count like ours, and only a person cancels them."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection, insert

from core.instruments import Instrument
from core.money import ONE, ZERO
from core.orders import Order, Side
from core.ports import MarketFacts
from execution.orderbook import EXTERNAL
from execution.ports import VenueOrder
from execution.snapshot import usable_quote
from memory.books import journal, tables
from risk.arithmetic import cost_with_fee
from risk.candidate import unit_cost


@dataclass(frozen=True, slots=True)
class Adoption:
    """Writes rows for orders of others, each at its worst case. `slippage` is what a market order is taken to cost."""

    account_id: str
    venue: str
    market: MarketFacts
    slippage: Decimal

    def adopt(self, conn: Connection, listed: Mapping[str, VenueOrder], now_ns: int) -> None:
        """Orders of symbols that the market knows, by our name for each. What they filled comes with the fills."""
        if not listed:
            return
        conn.execute(insert(tables.orders), [self._row(name, order, now_ns) for name, order in listed.items()])
        for name, order in listed.items():
            entry: dict[str, object] = {"client_order_id": name, "exchange_order_id": order.exchange_order_id}
            entry |= {"symbol": order.symbol, "side": order.side, "quantity": order.quantity}
            journal.append(conn, self.account_id, "adopted", entry, ts_ns=now_ns)

    def _row(self, name: str, order: VenueOrder, now_ns: int) -> dict[str, object]:
        currency, amount = self._reserved(order, now_ns)
        return {
            "client_order_id": name,
            "proposal_id": None,
            "attempt": 1,
            "account_id": self.account_id,
            "venue": self.venue,
            "owner": EXTERNAL,
            "symbol": order.symbol,
            "side": order.side,
            "type": order.type,
            "quantity": order.quantity,
            "limit_price": order.limit_price,
            "trigger_price": order.trigger_price,
            "time_in_force": order.time_in_force,
            "reduce_only": order.reduce_only,
            "state": order.state,
            "filled_quantity": ZERO,
            "filled_notional": ZERO,
            "reserved_currency": currency,
            "reserved_amount": amount,
            "protective": False,
            "plan": EXTERNAL,
            "vouched": False,
            "created_ns": order.ts_created_ns,
            "updated_ns": now_ns,
            "exchange_order_id": order.exchange_order_id,
            "looks": 0,
            "presumed_absent": False,
        }

    def _reserved(self, order: VenueOrder, now_ns: int) -> tuple[str, Decimal]:
        instrument, quote = self.market.instrument(order.symbol), usable_quote(self.market, order.symbol, now_ns)
        assert instrument is not None  # whoever adopts has asked
        cost = unit_cost(self._as_ours(order), instrument, quote, self.slippage) or _own_cost(order, instrument)
        currency, price, fee_rate = cost
        return currency, cost_with_fee(order.quantity, price, fee_rate)

    def _as_ours(self, order: VenueOrder) -> Order:
        return Order(
            proposal_id=EXTERNAL,
            account_id=self.account_id,
            owner=EXTERNAL,
            symbol=order.symbol,
            side=order.side,
            type=order.type,
            quantity=order.quantity,
            limit_price=order.limit_price,
            trigger_price=order.trigger_price,
            time_in_force=order.time_in_force,
            reduce_only=order.reduce_only,
        )


def _own_cost(order: VenueOrder, instrument: Instrument) -> tuple[str, Decimal, Decimal]:
    """By its own price, where the market shows none."""
    price = order.limit_price or order.trigger_price or ZERO
    if order.side is Side.SELL:
        return instrument.base, ONE, ZERO
    return instrument.quote, price, instrument.taker_fee
