"""What the account holds, at the last prices that the cycle may know."""

from decimal import Decimal

from core.fills import realised
from core.money import ZERO
from core.orders import Position, Side
from tools.context import ToolContext
from tools.spec import Answer, Number, ToolInput, ToolSpec, number


class HeldPosition(Answer):
    """`exposure` is notional over equity, a fraction; what a missing price would decide is null."""

    symbol: str
    side: Side
    quantity: Number
    average_price: Number
    last: Number | None
    unrealised: Number | None
    exposure: Number | None


class PortfolioView(Answer):
    """Money in `numeraire`; `gross_exposure` is null when a held symbol has no price or equity is gone."""

    numeraire: str
    equity: Number
    start_equity: Number
    cash: Number
    positions: tuple[HeldPosition, ...]
    gross_exposure: Number | None
    limits: dict[str, Number]


def portfolio_view(context: ToolContext, given: ToolInput) -> Answer:
    """Equity, cash and positions with their unrealised result and exposure."""
    account = context.account
    held = [_held(context, position) for position in account.positions]
    exposures = [position.exposure for position in held]
    known = [exposure for exposure in exposures if exposure is not None]
    complete = account.equity > 0 and len(known) == len(exposures)
    return PortfolioView(
        numeraire=account.numeraire,
        equity=account.equity,
        start_equity=account.start_equity,
        cash=account.cash,
        positions=tuple(held),
        gross_exposure=number(sum(known, ZERO)) if complete else None,
        limits={str(code): limit for code, limit in sorted(account.limits.items())},
    )


def _held(context: ToolContext, position: Position) -> HeldPosition:
    quote = context.market.quote(position.symbol, as_of_ns=context.as_of_ns)
    last = None if quote is None else quote.last
    return HeldPosition(
        symbol=position.symbol,
        side=position.side,
        quantity=position.quantity,
        average_price=number(position.average_price),
        last=last,
        unrealised=None if last is None else _unrealised(position, last),
        exposure=None if last is None else _exposure(position, last, context.account.equity),
    )


def _unrealised(position: Position, last: Decimal) -> Decimal:
    return number(realised(position.side.sign, position.average_price, last, position.quantity))


def _exposure(position: Position, last: Decimal, equity: Decimal) -> Decimal | None:
    return number(position.quantity * last / equity) if equity > 0 else None


TOOLS = (
    ToolSpec(
        "portfolio_view",
        "Equity, cash, open positions with unrealised result and exposure, and the account's limits.",
        ToolInput,
        PortfolioView,
        portfolio_view,
    ),
)
