"""How large an entry may be: the smallest of four sober answers, rounded down to the instrument's lots.

Fixed fractional risk: Vince, *Portfolio Management Formulas* (1990). Volatility target: Harvey and others, *The Impact
of Volatility Targeting* (2018). Conviction scales the cap as a fraction of Kelly's bet does: Kelly, *A New
Interpretation of Information Rate* (1956); Thorp, *The Kelly Criterion in Blackjack, Sports Betting, and the Stock
Market* (2006).
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

from pydantic import Field

from core.errors import ToolInputError
from core.instruments import ContractKind, Instrument
from core.money import NOTHING, ONE, ZERO, Quantity, round_quantity, text_of
from core.orders import Position, Side
from models.indicators import realized_volatility
from risk.codes import DenialCode
from tools.context import AccountView, ToolContext
from tools.market import history
from tools.spec import Answer, Number, SymbolInput, ToolSpec, Unavailable, check_symbol, number

RISK_PER_TRADE = Decimal("0.01")  # of equity, lost if the stop fills at its price
TARGET_VOLATILITY = Decimal("0.20")  # of equity a year, that one position may cause
# Between sizing and the gate the price moves; a size at the very limit would be denied half of the time.
HEADROOM = Decimal("0.95")
LEAST_BARS = 30


class Constraint(StrEnum):
    RISK_PER_TRADE = "risk_per_trade"
    VOLATILITY_TARGET = "volatility_target"
    CONVICTION_CAP = "conviction_cap"
    CASH = "cash"
    NOT_TRADABLE = "not_tradable"
    SPOT_CANNOT_SHORT = "spot_cannot_short"
    OPPOSITE_POSITION = "opposite_position"


class PositionSizeInput(SymbolInput):
    side: Side
    stop_price: Number = Field(gt=0, max_digits=30, description="where the trade is wrong, in quote currency")
    conviction: Number = Field(ge=0, le=1, max_digits=30, description="from 0 to 1")


class PositionSize(Answer):
    """`price` is the reference: ask for a buy, bid for a sell. `quantity` is in base units; 0 has its `reason`.

    `binding` names the constraint that decided; `largest` what each would have allowed, before rounding.
    """

    symbol: str
    side: Side
    price: Number
    quantity: Number
    notional: Number
    binding: Constraint
    reason: str | None
    largest: dict[str, Number]


def position_size(context: ToolContext, given: PositionSizeInput) -> Answer:
    """Quantity of a new entry, and what bound it. An exit sells what is held and needs no sizing."""
    check_symbol(context, given.symbol)
    instrument = context.market.instrument(given.symbol)
    if instrument is None:
        return Unavailable(unavailable=f"the market lists no instrument for {given.symbol}")
    price = _reference_price(context, given)
    if isinstance(price, Unavailable):
        return price
    _stop_on_losing_side(given, price)
    held = next((p for p in context.account.positions if p.symbol == given.symbol), None)
    barred = _barred(instrument, given.side, held)
    if barred is not None:
        return _sized(given, price, NOTHING, *barred, {})
    volatility = _volatility(context, given.symbol)
    if isinstance(volatility, Unavailable):
        return volatility
    cap = context.account.limits.get(DenialCode.ASSET_EXPOSURE)
    if cap is None:
        return Unavailable(unavailable=f"the account states no {DenialCode.ASSET_EXPOSURE} limit to size by")
    if instrument.quote != context.account.numeraire:
        found = f"{given.symbol} is priced in {instrument.quote}"
        return Unavailable(unavailable=f"{found}, the account is kept in {context.account.numeraire}")
    quantity_held = ZERO if held is None else held.quantity
    largest = largest_quantities(
        context.account,
        price=price,
        stop_price=given.stop_price,
        volatility=volatility,
        exposure_cap=given.conviction * cap,
        held=quantity_held,
        fee_rate=instrument.taker_fee,
    )
    binding = min(largest, key=lambda constraint: largest[constraint])
    quantity = round_quantity(largest[binding], instrument.lot_size)
    reason = _below_minimum(instrument, quantity, price)
    return _sized(given, price, NOTHING if reason else quantity, binding, reason, largest)


def largest_quantities(
    account: AccountView,
    *,
    price: Decimal,
    stop_price: Decimal,
    volatility: Decimal,
    exposure_cap: Decimal,
    held: Decimal,
    fee_rate: Decimal,
) -> dict[Constraint, Decimal]:
    """The largest quantity that each constraint allows, in base units, never below 0.

    `volatility` is annualized and > 0, `exposure_cap` a fraction of equity, `held` the base units held on this side,
    `fee_rate` a fraction of notional; `stop_price` differs from `price`.
    """
    allowed = {
        Constraint.RISK_PER_TRADE: RISK_PER_TRADE * account.equity / abs(price - stop_price),
        Constraint.VOLATILITY_TARGET: TARGET_VOLATILITY / volatility * account.equity / price,
        Constraint.CONVICTION_CAP: HEADROOM * exposure_cap * account.equity / price - held,
        Constraint.CASH: HEADROOM * account.cash / (price * (ONE + fee_rate)),
    }
    return {constraint: max(quantity, ZERO) for constraint, quantity in allowed.items()}


def _reference_price(context: ToolContext, given: PositionSizeInput) -> Decimal | Unavailable:
    quote = context.market.quote(given.symbol, as_of_ns=context.as_of_ns)
    if quote is None:
        return Unavailable(unavailable=f"no quote of {given.symbol} is known at this time")
    if quote.spread_bps is None:
        return Unavailable(unavailable=f"the quote of {given.symbol} is crossed or one-sided")
    return quote.ask if given.side is Side.BUY else quote.bid


def _stop_on_losing_side(given: PositionSizeInput, price: Decimal) -> None:
    if (price - given.stop_price) * given.side.sign <= 0:
        where = "below" if given.side is Side.BUY else "above"
        raise ToolInputError(
            f"stop_price: a {given.side.value} needs it {where} {text_of(price)}, found {text_of(given.stop_price)}"
        )


def _barred(instrument: Instrument, side: Side, held: Position | None) -> tuple[Constraint, str] | None:
    """Why no entry on this side can be sized at all, or None."""
    if not instrument.tradable:
        return Constraint.NOT_TRADABLE, f"{instrument.symbol} is not open for trading"
    if held is not None and held.side is not side:
        amount = f"{text_of(held.quantity)} {instrument.base}"
        return Constraint.OPPOSITE_POSITION, f"{amount} are held the other way: close them first, which needs no sizing"
    if side is Side.SELL and instrument.kind is ContractKind.SPOT:
        return Constraint.SPOT_CANNOT_SHORT, f"{instrument.symbol} is spot: what is not held cannot be sold"
    return None


def _volatility(context: ToolContext, symbol: str) -> Decimal | Unavailable:
    bars = history(context, symbol)
    if len(bars) < LEAST_BARS:
        return Unavailable(unavailable=f"volatility of {symbol} needs {LEAST_BARS} bars, found {len(bars)}")
    volatility = number(realized_volatility(bars.close, bars_per_year=context.timeframe.bars_per_year))
    # A price that does not move is a broken feed or a halted market, not a safe asset.
    return volatility or Unavailable(unavailable=f"the price of {symbol} has not moved in {len(bars)} bars")


def _below_minimum(instrument: Instrument, quantity: Quantity, price: Decimal) -> str | None:
    if quantity < instrument.min_quantity or not quantity:
        found = f"{text_of(quantity)} {instrument.base}"
        return f"{found} is below the least quantity, {text_of(instrument.min_quantity)}"
    if quantity * price < instrument.min_notional:
        found = f"{text_of(quantity * price)} {instrument.quote}"
        return f"{found} is below the least notional, {text_of(instrument.min_notional)}"
    return None


def _sized(
    given: PositionSizeInput,
    price: Decimal,
    quantity: Quantity,
    binding: Constraint,
    reason: str | None,
    largest: Mapping[Constraint, Decimal],
) -> PositionSize:
    return PositionSize(
        symbol=given.symbol,
        side=given.side,
        price=price,
        quantity=quantity,
        notional=quantity * price,
        binding=binding,
        reason=reason,
        largest={constraint.value: number(allowed) for constraint, allowed in largest.items()},
    )


TOOLS = (
    ToolSpec(
        "position_size",
        "Quantity of a new entry: the smallest of risk to the stop, volatility target, conviction-scaled cap and cash.",
        PositionSizeInput,
        PositionSize,
        position_size,
        cost=2,
    ),
)
