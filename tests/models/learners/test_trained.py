"""What the desk sees: a forecast of bars, or an abstention that says why; the same from disk, or a refusal."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from core.bars import Bars
from core.errors import ConfigError, DataRefused
from core.ports import Abstain, Forecast, Forecaster
from core.time import Timeframe
from models.artefacts import load, save
from models.features.frames import Frame, frame
from models.features.inputs import Inputs
from models.features.preparing import fit_preparation
from models.labels import forward_return
from models.learners.calibration import fit_isotonic, fit_platt
from models.learners.dissimilarity import Dissimilarity
from models.learners.naive import Drift
from models.learners.port import Parts, Predicted, Sample
from models.learners.trained import Card, Trained
from tests.models.builders import bars_of, walk
from tests.models.learners.builders import LEARNERS

FEATURES = ("rsi_7", "return_1", "return_4", "bollinger_width_20")
HORIZON = 4
EVERY = pytest.mark.parametrize("number", range(len(LEARNERS) + 1), ids=[*(one.name for one in LEARNERS), "drift"])


@cache
def trained(number: int = 0) -> Trained:
    """On 900 hours of a walk, calibrated on the 300 after them."""
    bars = walk(1200)
    features = frame(Inputs(bars), FEATURES)
    y = forward_return(bars, horizon=HORIZON)
    rows = np.flatnonzero(features.complete() & np.isfinite(y))
    learnt, later = rows[rows < 900 - HORIZON], rows[rows >= 900]
    preparation = fit_preparation(features, learnt)
    x = preparation.apply(features)
    fitted = [*LEARNERS, Drift()][number].fit(Sample(x[learnt], y[learnt], names=FEATURES), None, seed=1)
    said = fitted.predict(x[later]).p_up
    until = int(bars.open_ns[-1]) + Timeframe.H1.ns
    card = Card("walker", FEATURES, "1h", HORIZON, "direction", len(learnt), 1, int(bars.open_ns[0]), until, until)
    fit = fit_platt if number % 2 else fit_isotonic
    return Trained(card, preparation, fitted, fit(said, y[later]), Dissimilarity.of(x[learnt]))


def later(n: int = 200) -> Bars:
    """Bars after all that the model has seen."""
    bars = walk(n, seed=8)
    return replace(bars, open_ns=bars.open_ns + 1200 * Timeframe.H1.ns)


class _Says:
    """Answers one thing whatever it is asked."""

    context = 0

    def __init__(self, said: Predicted) -> None:
        self._said = said

    def predict(self, x: object) -> Predicted:
        return self._said

    def parts(self) -> Parts:
        raise NotImplementedError


def reason(bars: Bars, model: Trained | None = None, *, horizon: int = HORIZON) -> str:
    found = (model or trained()).predict(bars, horizon=horizon)
    assert isinstance(found, Abstain)
    return found.reason


@EVERY
def test_bars_in_a_forecast_out(number: int) -> None:
    model = replace(trained(number), most_dissimilar=10.0)
    assert isinstance(model, Forecaster)
    found = model.predict(later(), horizon=HORIZON)
    assert isinstance(found, Forecast), found
    assert 0 < found.p_up < 1
    assert [float(level) for level, _ in found.quantiles] == [0.1, 0.5, 0.9]
    assert found.quantiles[0][1] <= found.quantiles[1][1] <= found.quantiles[2][1]


@EVERY
def test_bars_before_those_that_it_reads_change_nothing(number: int) -> None:
    model, bars = replace(trained(number), most_dissimilar=10.0), later(400)
    least = model.least_bars
    cut = Bars(bars.symbol, bars.timeframe, *(getattr(bars, c)[-least:] for c in Bars.__slots__[2:]))
    assert len(cut) == least
    assert model.predict(cut, horizon=HORIZON) == model.predict(bars, horizon=HORIZON)


@EVERY
def test_a_whole_frame_says_what_bar_after_bar_says(number: int) -> None:
    model, bars = trained(number), later()
    whole = model.predicted(frame(Inputs(bars), FEATURES))
    for n in (model.least_bars, 150, 200):
        one = model.predict(
            Bars(bars.symbol, bars.timeframe, *(getattr(bars, c)[:n] for c in Bars.__slots__[2:])), horizon=4
        )
        if isinstance(one, Abstain):
            assert np.isnan(whole.p_up[n - 1])
        else:
            assert float(one.p_up) == pytest.approx(whole.p_up[n - 1], rel=1e-3)
    assert np.isnan(whole.p_up[: model.least_bars - 1]).all()


def test_a_hole_in_the_features_silences_the_rows_that_read_it() -> None:
    model = replace(trained(3), most_dissimilar=10.0)
    whole = frame(Inputs(later(400)), FEATURES)
    values = whole.values.copy()
    values[300, 1] = np.nan
    found = model.predicted(Frame(whole.names, values, whole.warmup))
    silent = np.flatnonzero(np.isnan(found.p_up[200:])) + 200
    assert silent.tolist() == list(range(300, 300 + model.fitted.context + 1))


# Abstentions


def test_who_would_rather_stay_flat_says_that() -> None:
    """Of one model in two states of mind: what is no fault is not told as one."""
    model = replace(trained(), most_dissimilar=10.0, calibration=None)
    said = model.fitted.predict(np.zeros((1, len(FEATURES)), np.float32))
    silent = replace(said, p_up=np.array([np.nan]), silent="a flat account would rather stay flat here")
    fitted = _Says(silent)
    assert reason(later(), replace(model, fitted=fitted)) == "walker: a flat account would rather stay flat here"
    broken = _Says(replace(said, p_up=np.array([np.nan])))
    assert reason(later(), replace(model, fitted=broken)) == "walker: the model's answer is not a number"


def test_another_horizon_or_timeframe_is_no_question_for_it() -> None:
    assert reason(later(), horizon=12) == "walker: trained for a horizon of 4 bars, asked about 12"
    assert reason(replace(later(), timeframe=Timeframe.H4)) == "walker: trained on bars of 1h, asked about 4h"


def test_too_few_bars_are_named_and_one_more_is_enough() -> None:
    model = replace(trained(), most_dissimilar=10.0)
    bars = later()
    short = Bars(bars.symbol, bars.timeframe, *(getattr(bars, c)[: model.least_bars - 1] for c in Bars.__slots__[2:]))
    assert f"needs {model.least_bars} bars, found {model.least_bars - 1}" in reason(short, model)
    enough = Bars(bars.symbol, bars.timeframe, *(getattr(bars, c)[: model.least_bars] for c in Bars.__slots__[2:]))
    assert isinstance(model.predict(enough, horizon=HORIZON), Forecast)


def test_a_model_that_learnt_from_later_bars_would_know_the_future() -> None:
    model, bars = trained(), walk(1200)
    assert "would know the future" in reason(
        Bars(bars.symbol, bars.timeframe, *(getattr(bars, c)[:1199] for c in Bars.__slots__[2:])), model
    )
    assert "would know the future" not in str(model.predict(bars, horizon=HORIZON))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda bars: replace(bars, open_ns=bars.open_ns[::-1] + 10**16), "forward|back|increas|order"),
        (lambda bars: replace(bars, close=np.where(np.arange(200) == 190, np.nan, bars.close)), "close"),
        (lambda bars: replace(bars, volume=np.where(np.arange(200) == 190, np.inf, bars.volume)), "volume"),
        (lambda bars: bars_of([100.0] * 200), "walker: "),
    ],
)
def test_bars_that_are_none_are_a_reason(spoil: Callable[[Bars], Bars], said: str) -> None:
    import re

    assert re.search(said, reason(spoil(later())))


def test_a_market_unlike_training_is_a_reason() -> None:
    model = replace(trained(), most_dissimilar=1e-6)
    assert "the market is unlike training: dissimilarity" in reason(later(), model)


def test_a_card_that_knows_the_future_is_refused() -> None:
    card = trained().card
    with pytest.raises(DataRefused, match="would know the future"):
        replace(card, as_of_ns=card.trained_until_ns - 1)
    with pytest.raises(DataRefused, match="ends before it begins"):
        replace(card, trained_from_ns=card.trained_until_ns + 1)
    with pytest.raises(DataRefused, match="its card lists return_1"):
        replace(trained(), card=replace(card, features=("return_1",)))


# Artefacts


@EVERY
def test_what_was_saved_comes_back_and_says_the_same(number: int, tmp_path: Path) -> None:
    model = trained(number)
    digest = save(model, tmp_path / "model")
    back = load(tmp_path / "model", digest=digest, features=FEATURES, as_of_ns=model.card.as_of_ns)
    assert back.card == model.card
    features = frame(Inputs(later()), FEATURES)
    one, other = model.predicted(features), back.predicted(features)
    assert np.array_equal(one.p_up, other.p_up, equal_nan=True)
    assert np.array_equal(one.quantiles, other.quantiles, equal_nan=True)
    assert np.isfinite(one.p_up).any()
    # What was read can be written again, byte by byte the same.
    assert save(back, tmp_path / "again") == digest


def test_nothing_that_is_written_is_a_pickle(tmp_path: Path) -> None:
    for number in range(len(LEARNERS) + 1):
        save(trained(number), tmp_path / str(number))
    found = {file.suffix for file in tmp_path.rglob("*") if file.is_file()}
    assert found == {".json", ".safetensors", ".ubj", ".txt"}


@EVERY
def test_one_changed_byte_of_any_file_is_refused(number: int, tmp_path: Path) -> None:
    save(trained(number), tmp_path)
    for file in sorted(tmp_path.iterdir()):
        if file.name == "card.json":
            continue
        whole = file.read_bytes()
        for spoilt in (whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1]), b""):
            file.write_bytes(spoilt)
            with pytest.raises(DataRefused, match=r"has the hash .*, its card says"):
                load(tmp_path)
        file.write_bytes(whole)
    load(tmp_path)


def test_a_card_that_was_changed_or_is_none_is_refused(tmp_path: Path) -> None:
    digest = save(trained(), tmp_path)
    card = tmp_path / "card.json"
    text = card.read_text()
    card.write_text(text.replace('"horizon": 4', '"horizon": 5'))
    with pytest.raises(DataRefused, match="was registered"):
        load(tmp_path, digest=digest)
    for broken, said in (
        ("{", "no card of a model"),
        ("[]", "no card of a model"),
        (text.replace('"schema": 1', '"schema": 2'), "schema 2, this program reads 1"),
        (text.replace('"kind": "xgboost"', '"kind": "os"'), "a model is one of"),
        (text.replace('"kind": "xgboost"', '"kind": "network"'), "cannot be read as a model"),
        (text.replace('"most_dissimilar"', '"unlike"'), "cannot be read as a model"),
    ):
        card.write_text(broken)
        with pytest.raises(DataRefused, match=said):
            load(tmp_path)
    card.unlink()
    with pytest.raises(DataRefused, match="cannot be read: No such file"):
        load(tmp_path)


def test_a_network_whose_weights_do_not_fit_its_settings_is_refused(tmp_path: Path) -> None:
    save(trained(3), tmp_path)
    card = json.loads((tmp_path / "card.json").read_text())
    card["settings"]["architecture"]["hidden"] = 32
    (tmp_path / "card.json").write_text(json.dumps(card))
    with pytest.raises(DataRefused, match="the network model cannot be read"):
        load(tmp_path)


def test_a_file_too_many_or_too_few_is_refused(tmp_path: Path) -> None:
    save(trained(), tmp_path)
    (tmp_path / "more.pkl").write_bytes(b"")
    with pytest.raises(DataRefused, match=r"does not name: more\.pkl"):
        load(tmp_path)
    (tmp_path / "more.pkl").unlink()
    (tmp_path / "odds.ubj").unlink()
    with pytest.raises(DataRefused, match=r"lacks files that its card names: odds\.ubj"):
        load(tmp_path)


def test_other_features_or_an_earlier_now_than_it_was_trained_for_are_refused(tmp_path: Path) -> None:
    model = trained()
    save(model, tmp_path)
    with pytest.raises(DataRefused, match="was trained on the features rsi_7, return_1"):
        load(tmp_path, features=FEATURES[::-1])
    with pytest.raises(DataRefused, match="would know the future"):
        load(tmp_path, as_of_ns=model.card.trained_until_ns - 1)
    with pytest.raises(ConfigError, match="is not empty: a model is written once"):
        save(model, tmp_path)
