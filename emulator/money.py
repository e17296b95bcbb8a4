"""What an order does to the money of an account: held while it rests, moved when it fills. Spot and perpetual."""

from decimal import ROUND_DOWN, Decimal
from typing import NamedTuple, Protocol

from core.instruments import ContractKind, Instrument
from core.money import ZERO
from core.orders import Side
from emulator.accounts import Account, Position
from emulator.market import Market, PublicTrade
from emulator.orders import Cause, Refusal, VenueOrder

PLACES = Decimal("0.00000001")  # amounts are booked to eight decimals, so that what is told is what is held


class Settled(NamedTuple):
    fee: Decimal
    fee_currency: str
    realized: Decimal


class Money(Protocol):
    def afford(self, account: Account, market: Market, order: VenueOrder, cost: Decimal) -> None:
        """Raises `Refusal` where the account cannot pay; `cost` is what the quantity would cost in quote now."""

    def hold(self, account: Account, market: Market, order: VenueOrder, quantity: Decimal) -> None:
        """Set money for `quantity` of an order aside; a negative quantity gives it back."""

    def settle(
        self, account: Account, market: Market, order: VenueOrder, trade: PublicTrade, price: Decimal, *, maker: bool
    ) -> Settled:
        """Move the money of one fill of `trade.lots`; `trade` has its number and its time."""


def down(amount: Decimal) -> Decimal:
    return amount.quantize(PLACES, rounding=ROUND_DOWN)


def _rate(instrument: Instrument, *, maker: bool) -> Decimal:
    return instrument.maker_fee if maker else instrument.taker_fee


class SpotMoney:
    """Coins against coins. The fee is taken of what is received, or in quote currency where the order says so."""

    def afford(self, account: Account, market: Market, order: VenueOrder, cost: Decimal) -> None:
        instrument = market.listing.instrument
        if order.side is Side.SELL:
            need, currency = order.quantity, instrument.base
        else:
            price = order.reserve_price
            need = self._with_fee(order, instrument, cost if price is None else order.quantity * price)
            currency = instrument.quote
        if account.holding(currency).free < need:
            raise Refusal(Cause.FUNDS, f"{need} {currency}")

    def hold(self, account: Account, market: Market, order: VenueOrder, quantity: Decimal) -> None:
        instrument, price = market.listing.instrument, order.reserve_price
        if price is None:
            return
        if order.side is Side.BUY:
            holding, amount = account.holding(instrument.quote), self._with_fee(order, instrument, quantity * price)
        else:
            holding, amount = account.holding(instrument.base), quantity
        holding.free -= amount
        holding.locked += amount

    def settle(
        self, account: Account, market: Market, order: VenueOrder, trade: PublicTrade, price: Decimal, *, maker: bool
    ) -> Settled:
        instrument = market.listing.instrument
        base, quote = account.holding(instrument.base), account.holding(instrument.quote)
        quantity = market.quantity(trade.lots)
        rate, cost = _rate(instrument, maker=maker), quantity * price
        in_quote = order.fee_in_quote or order.side is Side.SELL
        fee = down((cost if in_quote else quantity) * rate)
        base.free += order.side.sign * quantity
        quote.free -= order.side.sign * cost
        (quote if in_quote else base).free -= fee
        return Settled(fee, instrument.quote if in_quote else instrument.base, ZERO)

    @staticmethod
    def _with_fee(order: VenueOrder, instrument: Instrument, cost: Decimal) -> Decimal:
        return cost * (1 + instrument.taker_fee) if order.fee_in_quote else cost


class MarginMoney:
    """Linear perpetuals in one-way mode: margin of the quote currency, isolated for each position or shared."""

    def afford(self, account: Account, market: Market, order: VenueOrder, cost: Decimal) -> None:
        position = account.futures.position(order.symbol)
        reduces = position.quantity * order.side.sign < 0
        if order.reduce_only:
            if not reduces:
                raise Refusal(Cause.REDUCE_ONLY)
            return
        opening = max(ZERO, order.quantity - (abs(position.quantity) if reduces else ZERO))
        price = order.reserve_price or market.mid
        need = opening * price / position.leverage + opening * price * market.listing.instrument.taker_fee
        if available(account) < need:
            raise Refusal(Cause.MARGIN, f"{need} {account.futures.currency}")

    def hold(self, account: Account, market: Market, order: VenueOrder, quantity: Decimal) -> None:
        """Nothing to move: `available` counts the margin of open orders."""

    def settle(
        self, account: Account, market: Market, order: VenueOrder, trade: PublicTrade, price: Decimal, *, maker: bool
    ) -> Settled:
        futures, position = account.futures, account.futures.position(order.symbol)
        quantity = market.quantity(trade.lots)
        fee = down(quantity * price * _rate(market.listing.instrument, maker=maker))
        closing = min(quantity, abs(position.quantity)) if position.quantity * order.side.sign < 0 else ZERO
        realized = _close(position, closing, price)
        opening = quantity - closing
        if opening:
            position.cost += opening * price
            position.margin += opening * price / position.leverage
            position.quantity += order.side.sign * opening
        position.updated_ms = trade.ts_ms
        futures.earn("COMMISSION", order.symbol, -fee, trade.ts_ms, trade.trade_id)
        if closing:
            futures.earn("REALIZED_PNL", order.symbol, realized, trade.ts_ms, trade.trade_id)
        return Settled(fee, futures.currency, realized)


def _close(position: Position, closing: Decimal, price: Decimal) -> Decimal:
    """Take `closing` out of a position at a price: the realised profit."""
    if not closing:
        return ZERO
    sign = 1 if position.quantity > 0 else -1
    share = closing / abs(position.quantity)
    cost = position.cost * share
    realized = ((closing * price - cost) * sign).quantize(PLACES)
    position.quantity -= sign * closing
    position.cost = position.cost - cost if position.quantity else ZERO
    position.margin = position.margin * (1 - share) if position.quantity else ZERO
    return realized


def order_margin(account: Account, symbol: str | None = None) -> Decimal:
    """What open orders that would open something keep from being used again."""
    total = ZERO
    for order in account.open_orders(symbol, contracts=True):
        if order.reduce_only or order.reserve_price is None:
            continue
        position = account.futures.position(order.symbol)
        closes = abs(position.quantity) if position.quantity * order.side.sign < 0 else ZERO
        total += max(ZERO, order.remaining - closes) * order.reserve_price / position.leverage
    return total


def available(account: Account) -> Decimal:
    """What can be used for new orders of perpetuals."""
    futures = account.futures
    return futures.wallet - sum((p.margin for p in futures.positions.values()), ZERO) - order_margin(account)


def money_of(market: Market, spot: SpotMoney, margin: MarginMoney) -> Money:
    return margin if market.listing.instrument.kind is ContractKind.PERPETUAL else spot
