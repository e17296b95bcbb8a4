"""What the emulated exchange lists: increments and listing days as the real venues state them."""

from dataclasses import dataclass
from decimal import Decimal

from core.instruments import ContractKind, Instrument
from core.time import parse_time

MAX_QUANTITY = Decimal("9000000")


@dataclass(frozen=True, slots=True)
class Listing:
    """One pair: its instrument, the price around which it wanders, and when trading began."""

    instrument: Instrument
    price: Decimal
    listed_ms: int

    @property
    def market_id(self) -> str:
        return self.instrument.base + self.instrument.quote


def listing(symbol: str, price: str, tick: str, lot: str, listed: str = "2020-01-01", notional: str = "5") -> Listing:
    """A pair such as BTC/USDT with its increments, all numbers as the venue would write them."""
    base, _, quote = symbol.partition("/")
    return Listing(
        instrument=Instrument(
            symbol=symbol,
            base=base,
            quote=quote,
            tick_size=Decimal(tick),
            lot_size=Decimal(lot),
            min_quantity=Decimal(lot),
            min_notional=Decimal(notional),
            max_quantity=MAX_QUANTITY,
            venue="emulator",
        ),
        price=Decimal(price),
        listed_ms=parse_time(listed) // 1_000_000,
    )


def perpetual(symbol: str, price: str, tick: str, lot: str, listed: str, notional: str) -> Listing:
    """A linear perpetual such as BTC/USDT:USDT, margined in its quote currency."""
    base, _, rest = symbol.partition("/")
    quote = rest.partition(":")[0]
    return Listing(
        instrument=Instrument(
            symbol=symbol,
            base=base,
            quote=quote,
            tick_size=Decimal(tick),
            lot_size=Decimal(lot),
            min_quantity=Decimal(lot),
            min_notional=Decimal(notional),
            kind=ContractKind.PERPETUAL,
            maker_fee=Decimal("0.0002"),
            taker_fee=Decimal("0.0005"),
            max_quantity=Decimal(1000),
            venue="emulator",
            maintenance_margin=Decimal("0.004"),
        ),
        price=Decimal(price),
        listed_ms=parse_time(listed) // 1_000_000,
    )


# Binance spot, GET /api/v3/exchangeInfo: PRICE_FILTER.tickSize and LOT_SIZE.stepSize; days are of the first candle.
STANDARD = (
    listing("BTC/USDT", "60000", "0.01", "0.00001", "2017-08-17T04:00"),
    listing("ETH/USDT", "3000", "0.01", "0.0001", "2017-08-17T04:00"),
    listing("BNB/USDT", "500", "0.01", "0.001", "2017-11-06T03:00"),
    listing("SOL/USDT", "150", "0.01", "0.001", "2020-08-11T06:00"),
    listing("XRP/USDT", "0.6", "0.0001", "1", "2018-05-04T08:00"),
    listing("ADA/USDT", "0.5", "0.0001", "0.1", "2018-04-17T04:00"),
    listing("DOGE/USDT", "0.12", "0.00001", "1", "2019-07-05T12:00"),
    listing("AVAX/USDT", "35", "0.01", "0.01", "2020-09-22T06:30"),
    listing("LINK/USDT", "15", "0.01", "0.01", "2019-01-16T10:00"),
    listing("LTC/USDT", "80", "0.01", "0.001", "2017-12-13T03:00"),
    listing("ETH/BTC", "0.05", "0.00001", "0.0001", "2017-07-14T04:00", "0.0001"),
)

# Binance USD-M futures, GET /fapi/v1/exchangeInfo.
PERPETUALS = (
    perpetual("BTC/USDT:USDT", "60000", "0.1", "0.001", "2019-09-08T17:00", "100"),
    perpetual("ETH/USDT:USDT", "3000", "0.01", "0.001", "2019-11-27T07:00", "20"),
    perpetual("SOL/USDT:USDT", "150", "0.01", "0.01", "2020-09-14T07:00", "5"),
)


def made_up(count: int) -> tuple[Listing, ...]:
    """`count` further pairs with invented names, for runs with many symbols."""
    return tuple(listing(f"C{n:03d}/USDT", f"{1 + n % 97}", "0.0001", "0.01") for n in range(count))
