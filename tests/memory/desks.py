"""Orders and instruments for the tests of the ledger, in the trade's words."""

from decimal import Decimal
from itertools import count

from core.instruments import ContractKind, Instrument
from core.money import Price, Quantity
from core.orders import Fill, Side

_TRADES = count(1)


def instrument(symbol: str = "BTC/USDT", kind: ContractKind = ContractKind.SPOT) -> Instrument:
    base, quote = symbol.split("/")
    step = Decimal("0.00000001")
    return Instrument(symbol, base, quote, Decimal("0.01"), step, step, Decimal(5), kind)


BTC = instrument()
PERPETUAL = instrument("BTC/USDT", ContractKind.PERPETUAL)


def fill(
    side: Side,
    quantity: str | Decimal,
    at: str | Decimal,
    *,
    fee: str | Decimal = "0",
    paid_in: str = "USDT",
    trade_id: str | None = None,
    ts_ns: int = 1,
    symbol: str = "BTC/USDT",
) -> Fill:
    return Fill(
        venue="paper",
        trade_id=trade_id or f"t{next(_TRADES)}",
        client_order_id="order",
        account_id="paper",
        symbol=symbol,
        side=side,
        quantity=Quantity(Decimal(quantity)),
        price=Price(Decimal(at)),
        fee=Decimal(fee),
        fee_currency=paid_in,
        maker=False,
        ts_event_ns=ts_ns,
        known_at_ns=ts_ns,
    )


def bought(quantity: str | Decimal, at: str | Decimal, **more: object) -> Fill:
    return fill(Side.BUY, quantity, at, **more)  # type: ignore[arg-type]  # the keywords of fill


def sold(quantity: str | Decimal, at: str | Decimal, **more: object) -> Fill:
    return fill(Side.SELL, quantity, at, **more)  # type: ignore[arg-type]  # the keywords of fill
