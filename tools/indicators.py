"""Indicators for agents: the desk's features on log prices, and the classics that a model has read about."""

from core.errors import ToolInputError
from models import indicators
from tools.context import ToolContext
from tools.market import history
from tools.spec import Answer, Number, SymbolInput, ToolSpec, Unavailable, check_symbol, number


class TrendView(Answer):
    """Features of the last bar on log prices: the same market upside down has the first four with the other sign.

    `trend` and `momentum` are in units of a random walk's usual distance; `log_rsi` and `channel_position` lie in
    [-1, 1]; `log_atr` and `volatility` are fractions of price per bar; `adx` is 0 to 100, without direction.
    """

    symbol: str
    timeframe: str
    bars: int
    missing_bars: int
    trend: Number
    momentum: Number
    log_rsi: Number
    channel_position: Number
    log_atr: Number
    volatility: Number
    adx: Number


class ClassicIndicators(Answer):
    """Textbook values at the last bar: `rsi` and `adx` 0 to 100, `atr` and `macd_difference` in quote currency."""

    symbol: str
    timeframe: str
    bars: int
    missing_bars: int
    rsi: Number
    atr: Number
    adx: Number
    bollinger_width: Number
    macd_difference: Number


def trend_view(context: ToolContext, given: SymbolInput) -> Answer:
    """Trend, momentum, range and volatility features of one symbol."""
    check_symbol(context, given.symbol)
    bars = history(context, given.symbol)
    high, low, close = bars.high, bars.low, bars.close
    try:
        return TrendView(
            symbol=given.symbol,
            timeframe=context.timeframe.value,
            bars=len(bars),
            missing_bars=bars.missing,
            trend=number(indicators.trend(close)),
            momentum=number(indicators.momentum(close)),
            log_rsi=number(indicators.log_rsi(close)),
            channel_position=number(indicators.channel_position(high, low, close)),
            log_atr=number(indicators.log_atr(high, low, close)),
            volatility=number(indicators.volatility(close)),
            adx=number(indicators.log_adx(high, low, close)),
        )
    except ToolInputError as refusal:
        return _too_little(given.symbol, refusal)


def classic_indicators(context: ToolContext, given: SymbolInput) -> Answer:
    """RSI, ATR, ADX (14 bars each), Bollinger width (20) and MACD difference (12, 26, 9) of one symbol."""
    check_symbol(context, given.symbol)
    bars = history(context, given.symbol)
    high, low, close = bars.high, bars.low, bars.close
    try:
        return ClassicIndicators(
            symbol=given.symbol,
            timeframe=context.timeframe.value,
            bars=len(bars),
            missing_bars=bars.missing,
            rsi=number(indicators.rsi(close)[-1]),
            atr=number(indicators.atr(high, low, close)[-1]),
            adx=number(indicators.adx(high, low, close)[-1]),
            bollinger_width=number(indicators.bollinger_width(close)[-1]),
            macd_difference=number(indicators.macd_difference(close)[-1]),
        )
    except ToolInputError as refusal:
        return _too_little(given.symbol, refusal)


def _too_little(symbol: str, refusal: ToolInputError) -> Unavailable:
    """The bars are the market's, not the caller's: what they cannot carry is unavailable, and no wrong argument."""
    return Unavailable(unavailable=f"the bars of {symbol} do not carry it: {refusal}")


TOOLS = (
    ToolSpec(
        "trend_view",
        "Direction and calm of one symbol: trend, momentum, RSI and channel position on log prices, range, volatility.",
        SymbolInput,
        TrendView,
        trend_view,
        cost=2,
    ),
    ToolSpec(
        "classic_indicators",
        "Textbook indicators of one symbol: RSI 14, ATR 14, ADX 14, Bollinger width 20, MACD minus signal.",
        SymbolInput,
        ClassicIndicators,
        classic_indicators,
        cost=2,
    ),
)
