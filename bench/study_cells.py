"""The cells of the study: a forecaster on a market, measured out of sample, as JSON."""

from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.bars import Bars
from core.canonical import JSON
from core.ports import Trials
from core.time import timeframe_named
from market.aggregate import aggregate
from market.importing.loading import load_candles
from models.features import SETS, Frame, Inputs, frame
from models.indicators import sma
from models.labels.composite import agreement, composite_ahead, composite_score
from models.labels.directions import forward_return
from models.learners.naive import AlwaysUp, Drift, LastSign
from models.learners.neural import Architecture, Network, Training
from models.learners.port import Learner
from models.learners.presets import preset
from models.learners.trees import Boosting
from models.learners.trees_lightgbm import LightGBM
from models.learners.trees_xgboost import XGBoost
from models.reinforcement.policies import PolicyLearner
from models.reinforcement.schools import School
from models.validation.bootstrap import block_length, interval, resampled_means
from models.validation.judging import Judged, Way, judged
from models.validation.splits import walk_forward
from models.validation.trading import Costs
from models.validation.trials import TrialsOnDisk
from models.validation.walking import table_of, walked

MARKETS = ("BTC/USDT", "ETH/USDT")
TIMEFRAMES = ("1h", "4h", "1d")
NAIVE = ("always_up", "last_sign", "drift")
POLICIES = ("ppo", "dqn")
FORECASTERS = (*NAIVE, "xgboost", "forest", "lightgbm", "xgb-4h", "lstm", "gru", "transformer", *POLICIES)
SENTIMENT = "sentiment"
# The published design with as many epochs as one waits for, and as published.
COMPOSITES = {"lstm-score": 10, "lstm-score-100": 100}
_PRESET = "lstm-score"
LEDGER = "trials.jsonl"
# Share of the rows before a test that is held to say when to stop, and again to calibrate: of days there are few.
HELD = {"1h": 0.1, "4h": 0.1, "1d": 0.22}


@dataclass(frozen=True)
class Cell:
    name: str
    market: str
    timeframe: str

    @property
    def file(self) -> str:
        return f"{self.name}.{self.market.replace('/', '')}.{self.timeframe}.json"

    @property
    def title(self) -> str:
        return " ".join(part for part in (self.name, self.market, self.timeframe) if part)

    def told(self) -> JSON:
        return asdict(self)


@dataclass(frozen=True)
class Budget:
    """What was spent and what was chosen, the same for every cell.

    `folds` test parts follow each other over all years; `horizon` bars ahead is forecast; the composite score is
    forecast `composite_horizon` bars ahead, by models of `window_days` each. A policy
    trades `policy_steps` bars while it learns.
    """

    folds: int = 5
    horizon: int = 1
    epochs: int = 15
    patience: int = 4
    forest_trees: int = 100
    seed: int = 42
    window_days: int = 360
    composite_horizon: int = 12
    composite_folds: int = 4
    policy_steps: int = 20_000
    level: float = 0.9
    draws: int = 1000

    def told(self, name: str) -> JSON:
        """What the cells of this name depend on."""
        if name == SENTIMENT:
            return {}
        others = _FORECASTS if name in COMPOSITES else _OF_COMPOSITES
        others = others if name in POLICIES else {*others, "policy_steps"}
        epochs = {"composite_epochs": COMPOSITES[name]} if name in COMPOSITES else {}
        return {key: value for key, value in asdict(self).items() if key not in others} | epochs


_FORECASTS = ("folds", "horizon", "epochs", "patience", "forest_trees")
_OF_COMPOSITES = ("window_days", "composite_horizon", "composite_folds")


def measure(cell: Cell, data: Path, folder: Path, budget: Budget) -> JSON:
    """All that is told of a cell."""
    if cell.name == SENTIMENT:
        from bench.sentiment_scores import HEADER, score_rows, stance_rows

        return {"scores": [HEADER, "|---|---|---|---|---|---|---|", *score_rows(data / "sentiment")]} | {
            "stance": stance_rows(data / "macro")
        }
    bars = bars_of(data, cell.market, cell.timeframe)
    if cell.name in COMPOSITES:
        return composite(bars, cell.name, budget)
    return forecast(cell, bars, TrialsOnDisk(folder / LEDGER), budget)


@cache
def bars_of(data: Path, market: str, timeframe: str) -> Bars:
    """The hourly file of a market, made into coarser bars; both coins have the same years."""
    file = data / "ohlcv" / f"binance_spot_{market.replace('/', '')}_1h_2017_2022.parquet"
    bars, _ = load_candles(file, market)
    wanted = timeframe_named(timeframe)
    if wanted is bars.timeframe:
        return bars
    return aggregate(bars, wanted, as_of_ns=int(bars.open_ns[-1]) + bars.timeframe.ns, n=len(bars))


def features_of(bars: Bars, name: str) -> Frame:
    """The features that a forecaster reads. The time of day does not vary on daily bars."""
    if name in NAIVE:
        return frame(Inputs(bars), ("return_1",))
    names = SETS[name] if name in SETS else SETS["bars"]
    daily = bars.timeframe.value == "1d"
    return frame(Inputs(bars), [one for one in names if not (daily and one.startswith("day_"))])


def rows_in_common(bars: Bars, y: NDArray[np.float64]) -> NDArray[np.int64]:
    """The bars on which every forecaster can speak: all of their features are whole, and what came is known."""
    whole = np.isfinite(y)
    for name in (*NAIVE[:1], "bars", "xgb-4h"):
        whole &= features_of(bars, name).complete()
    return np.flatnonzero(whole)


def learner_of(name: str, budget: Budget) -> Learner:
    trees = Boosting(jobs=1)
    how = Training(epochs=budget.epochs, patience=budget.patience, device="cpu")
    small = Architecture(layers=2, hidden=32, window=24, dropout=0.2)
    found: dict[str, Learner] = {
        "always_up": AlwaysUp(),
        "last_sign": LastSign(0),
        "drift": Drift(),
        "xgboost": XGBoost(boosting=trees),
        "forest": XGBoost("forest", replace(trees, trees=budget.forest_trees, depth=8), forest=True),
        "lightgbm": LightGBM(boosting=trees),
        "lstm": Network("lstm", small, how),
        "gru": Network("gru", replace(small, cell="gru"), how),
        "transformer": Network("transformer", replace(small, cell="transformer"), how),
    }
    if name in POLICIES:
        school = School("dqn" if name == "dqn" else "ppo", steps=budget.policy_steps)
        return PolicyLearner(name, school, horizon=budget.horizon)
    if name in found:
        return found[name]
    published = preset(name)
    assert isinstance(published.learner, XGBoost)
    return replace(published.learner, boosting=replace(published.learner.boosting, jobs=1))


def judge(name: str, bars: Bars, trials: Trials, study: str, budget: Budget) -> tuple[Judged, NDArray[np.int64]]:
    """A forecaster on the rows that all have in common, each fold fitted on what came before it; and the bars of these.

    Every forecaster is judged on the same test parts. A preset is fitted as it was published, on all that came before;
    of ours two parts before a test are held: one says when to stop, the newer is calibrated on.
    """
    y = forward_return(bars, horizon=budget.horizon)
    ends = np.arange(len(bars)) + budget.horizon
    rows = rows_in_common(bars, y)
    table = table_of(features_of(bars, name), y, ends, rows=rows)
    held = 0.0 if name in NAIVE or name == "xgb-4h" else HELD[bars.timeframe.value]
    # A policy that seldom opens has too few opinions for a calibration.
    calibration = 0.0 if name in POLICIES else held
    folds = walk_forward(table.spans, folds=budget.folds, valid=held, calibration=calibration)
    naive = table_of(features_of(bars, NAIVE[0]), y, ends, rows=rows)
    baselines = {
        one: walked(learner_of(one, budget), naive, folds, seed=budget.seed, scaler="none").predicted.p_up
        for one in NAIVE
    }
    way = Way(budget.seed, horizon=budget.horizon, scaler="none" if name in NAIVE else "robust")
    if name == "xgb-4h":
        way = replace(way, buy_above=preset(name).buy_above, sell_below=preset(name).sell_below)
    found = judged(
        learner_of(name, budget),
        table,
        folds,
        bars,
        way,
        trials=trials,
        study=study,
        baselines=baselines,
        level=budget.level,
        draws=budget.draws,
    )
    return found, table.spans.start[found.walked.rows]


def forecast(cell: Cell, bars: Bars, trials: Trials, budget: Budget) -> JSON:
    found, places = judge(cell.name, bars, trials, f"{cell.market} {cell.timeframe}", budget)
    sharpe = None if found.sharpe is None else asdict(found.sharpe)
    earned = ("trades", "turnover", "gross", "cost", "total", "drawdown")
    return {
        "from_ns": int(bars.open_ns[places[0]]),
        "until_ns": int(bars.open_ns[places[-1]]),
        "scores": asdict(found.scores),
        "spread": {name: asdict(one) for name, one in found.spread.items()},
        "intervals": {name: asdict(one) for name, one in found.intervals.items()},
        "result": {**{name: getattr(found.result, name) for name in earned}, "sharpe": sharpe},
        "costs": asdict(Costs()),
        "returns": [float(f"{one:.6e}") for one in found.result.returns],
        "alarms": [one.message for one in found.alarms],
    }


def composite(bars: Bars, name: str, budget: Budget) -> JSON:
    """The published set-up: a network of the composite score, taught on windows of 360 days, beside what knows less."""
    chosen = preset(_PRESET)
    assert isinstance(chosen.learner, Network)
    learner = replace(
        chosen.learner,
        training=replace(chosen.learner.training, epochs=COMPOSITES[name], device="cpu"),
    )
    ahead = budget.composite_horizon
    table = table_of(
        frame(Inputs(bars), SETS[_PRESET]), composite_ahead(bars, horizon=ahead), np.arange(len(bars)) + ahead
    )
    window = budget.window_days * bars.timeframe.bars_per_year // 365
    folds = walk_forward(
        table.spans, folds=budget.composite_folds, window=window, least=window, valid=0.0, calibration=0.0
    )
    found = walked(learner, table, folds, seed=chosen.seed)
    places = table.spans.start[found.rows]
    leaning = found.predicted.p_up - 0.5
    now = composite_score(bars)[places]
    above = np.sign(bars.close - sma(bars.close, 100))[places]
    moved = forward_return(bars, horizon=ahead)[places]
    right = (np.sign(leaning) * np.sign(found.y) + 1) / 2
    outside = found.y != 0
    columns = right[outside & np.isfinite(leaning)][:, None]
    drawn = resampled_means(columns, length=block_length(columns[:, 0]), draws=budget.draws, seed=budget.seed)
    contenders = {name: leaning, "score now": now, "close against its mean of 100 bars": above}
    told = np.isfinite(moved) & (moved != 0)
    return {
        "from_ns": int(bars.open_ns[places[0]]),
        "until_ns": int(bars.open_ns[places[-1]]),
        "window_rows": window,
        "agreement": {name: asdict(agreement(said, found.y)) for name, said in contenders.items()},
        "right_outside": asdict(interval(float(columns.mean()), drawn[:, 0], level=budget.level)),
        "price": {
            name: float(np.mean((np.sign(said[told]) * np.sign(moved[told]) + 1) / 2))
            for name, said in contenders.items()
        },
    }
