"""How good forecasters and outside signals were out of sample: what their votes follow."""

from collections.abc import Awaitable, Callable

from core.canonical import JSON
from core.taint import Taint
from tools.context import ToolContext
from tools.spec import Answer, Number, SymbolInput, ToolSpec, Unavailable, check_symbol

# Asks every forecaster and signal about one symbol: an outlook as JSON, or a `reason` for none.
Judge = Callable[[str], Awaitable[JSON]]


class Scored(Answer):
    """The record of one over `n` outcomes. It votes with its `weight`; 0 is muted, and so is one in the `shadow`.

    `brier` is better when smaller, `baseline_brier` what the best naive answer had; returns are mean log returns over
    the horizon, in the direction that it said and in that of the better naive one.
    """

    name: str
    n: int
    brier: Number
    baseline_brier: Number
    skill: Number
    hit_rate: Number
    weight: Number
    mean_return: Number
    naive_return: Number
    shadow: bool


class Scorecards(Answer):
    """`silent` says who has no record or opinion, and why; `outside` that numbers typed elsewhere have a vote."""

    symbol: str
    timeframe: str
    horizon_bars: int
    scored: tuple[Scored, ...]
    silent: tuple[str, ...]
    outside: bool

    @property
    def tainted(self) -> Taint:
        return Taint.DERIVED if self.outside else Taint.TRUSTED


def tools(judge: Judge | None = None) -> tuple[ToolSpec, ...]:
    """The tools over one cycle's forecasters; without them they answer that there are none."""

    async def scorecards(context: ToolContext, given: SymbolInput) -> Answer:
        check_symbol(context, given.symbol)
        if judge is None:
            return Unavailable(unavailable="nobody forecasts here")
        outlook = await judge(given.symbol)
        if "reason" in outlook:
            return Unavailable(unavailable=outlook["reason"])
        return Scorecards(
            symbol=given.symbol,
            timeframe=context.timeframe.value,
            horizon_bars=outlook["horizon_bars"],
            scored=tuple(Scored(**{key: line[key] for key in _CARD}) for line in outlook["lines"]),
            silent=tuple(one["reason"] for one in outlook["silent"]),
            outside=outlook["taint"] > Taint.TRUSTED,
        )

    return (
        ToolSpec(
            "scorecards",
            "Out-of-sample records of every forecaster and outside signal on one symbol: Brier score, skill, hit rate, "
            "returns, and the weight of its vote.",
            SymbolInput,
            Scorecards,
            scorecards,
            cost=10,
        ),
    )


_CARD = tuple(name for name in Scored.model_fields if name != "evidence")
