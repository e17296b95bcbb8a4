"""How large an entry may be: the smallest of what `risk.sizing` answers, rounded down to the instrument's lots.

How sure anybody is never raises or sets a size. What counts is what the stop loses, how far the market moves, how much
may be exposed, what is in cash, and what the scorecard's past trades won.
"""

from collections.abc import Mapping
from decimal import Decimal

from pydantic import Field

from core.errors import ToolInputError
from core.instruments import ContractKind, Instrument
from core.money import NOTHING, ONE, ZERO, Quantity, round_quantity, text_of
from core.orders import Position, Side
from core.time import DAY_NS
from models import indicators
from risk.codes import DenialCode
from risk.sizing import (
    RISK_PER_DAY,
    RISK_PER_TRADE,
    Constraint,
    fixed_fraction,
    fractional_kelly,
    smallest,
    volatility_target,
)
from tools.context import AccountView, ToolContext
from tools.market import history
from tools.spec import Answer, Number, SymbolInput, ToolSpec, Unavailable, check_symbol, number

# Between sizing and the gate the price moves; a size at the very limit would be denied half of the time.
HEADROOM = Decimal("0.95")
LEAST_BARS = 30


class PositionSizeInput(SymbolInput):
    side: Side
    stop_price: Number = Field(gt=0, max_digits=30, description="where the trade is wrong, in quote currency")


class PositionSize(Answer):
    """`price` is the reference: ask for a buy, bid for a sell. `quantity` is in base units; 0 has its `reason`.

    `binding` names the constraint that decided; `largest` what each would have allowed, before rounding. Kelly is
    absent as long as the scorecard holds too few trades to have an opinion.
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
    day_range = _day_range(context, given.symbol)
    if isinstance(day_range, Unavailable):
        return day_range
    cap = context.account.limits.get(DenialCode.ASSET_EXPOSURE)
    if cap is None:
        return Unavailable(unavailable=f"the account states no {DenialCode.ASSET_EXPOSURE} limit to size by")
    if instrument.quote != context.account.numeraire:
        found = f"{given.symbol} is priced in {instrument.quote}"
        return Unavailable(unavailable=f"{found}, the account is kept in {context.account.numeraire}")
    allowed = allowed_quantities(
        context.account,
        price=price,
        stop_price=given.stop_price,
        day_range=day_range,
        exposure_cap=cap,
        held=ZERO if held is None else held.quantity,
        fee_rate=instrument.taker_fee,
    )
    binding, most = smallest(allowed)
    quantity = round_quantity(most, instrument.lot_size)
    reason = _below_minimum(instrument, quantity, price)
    return _sized(given, price, NOTHING if reason else quantity, binding, reason, allowed)


def allowed_quantities(
    account: AccountView,
    *,
    price: Decimal,
    stop_price: Decimal,
    day_range: Decimal,
    exposure_cap: Decimal,
    held: Decimal,
    fee_rate: Decimal,
) -> dict[Constraint, Quantity | None]:
    """The largest quantity that each constraint allows, in base units, never below 0; None has no opinion.

    `day_range` is the average true range of a day in quote currency, `exposure_cap` a fraction of equity, `held` the
    base units held on this side, `fee_rate` a fraction of notional.
    """
    equity, stop_distance = account.equity, abs(price - stop_price)
    exposed = HEADROOM * exposure_cap * equity / price - held
    affordable = HEADROOM * account.cash / (price * (ONE + fee_rate))
    return {
        Constraint.KELLY: fractional_kelly(account.track_record, equity=equity, stop_distance=stop_distance),
        Constraint.VOLATILITY_TARGET: volatility_target(equity=equity, risk=RISK_PER_DAY, average_range=day_range),
        Constraint.RISK_PER_TRADE: fixed_fraction(equity=equity, risk=RISK_PER_TRADE, stop_distance=stop_distance),
        Constraint.EXPOSURE_CAP: Quantity(max(exposed, ZERO)),
        Constraint.CASH: Quantity(max(affordable, ZERO)),
    }


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


def _day_range(context: ToolContext, symbol: str) -> Decimal | Unavailable:
    """Average true range of a day, in quote currency, whatever bars the desk decides on.

    A random walk's range grows with the square root of time. Held against the range of one bar, the same risk would
    be a larger position on shorter bars.
    """
    bars = history(context, symbol)
    if len(bars) < LEAST_BARS:
        return Unavailable(unavailable=f"the average range of {symbol} needs {LEAST_BARS} bars, found {len(bars)}")
    try:
        bar_range = number(indicators.atr(bars.high, bars.low, bars.close)[-1])
    except ToolInputError as refusal:
        # The bars are the market's, not the caller's.
        return Unavailable(unavailable=f"the average range of {symbol} cannot be measured: {refusal}")
    # A price that does not move is a broken feed or a halted market, not a safe asset.
    if not bar_range:
        return Unavailable(unavailable=f"the price of {symbol} has not moved in {len(bars)} bars")
    return bar_range * (Decimal(DAY_NS) / context.timeframe.ns).sqrt()


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
    allowed: Mapping[Constraint, Quantity | None],
) -> PositionSize:
    return PositionSize(
        symbol=given.symbol,
        side=given.side,
        price=price,
        quantity=quantity,
        notional=quantity * price,
        binding=binding,
        reason=reason,
        largest={constraint.value: number(most) for constraint, most in allowed.items() if most is not None},
    )


TOOLS = (
    ToolSpec(
        "position_size",
        "Quantity of a new entry: the smallest of Kelly, volatility target, risk to the stop, exposure cap and cash.",
        PositionSizeInput,
        PositionSize,
        position_size,
        cost=2,
    ),
)
