"""Scalers and components: fitted on the training rows and on nothing else, and back from JSON to the last bit."""

import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core.errors import ConfigError, DataRefused
from models.features import Frame, frame
from models.features.preparing import SCALERS, fit_preparation, preparation_of
from tests.models.features.builders import market

NAMES = ("return_1", "rsi_14", "volume_sma_20", "close_position", "atr_14")
TRAIN, TEST = slice(300, 500), slice(520, 700)


@pytest.fixture(scope="module")
def made() -> Frame:
    return frame(market(700), NAMES)


def with_column(made: Frame, column: int, values: np.ndarray | float) -> Frame:
    changed = made.values.copy()
    changed[:, column] = values
    return replace(made, values=changed)


@pytest.mark.parametrize("components", [None, 3, 0.9])
@pytest.mark.parametrize("scaler", SCALERS)
def test_what_is_fitted_depends_on_the_training_rows_alone(made: Frame, scaler: str, components: int | None) -> None:
    other = replace(made, values=np.where(np.arange(700)[:, None] < 500, made.values, 1e3))
    fitted = [fit_preparation(one, TRAIN, scaler=scaler, components=components).state() for one in (made, other)]
    assert fitted[0] == fitted[1]
    inside = replace(made, values=np.where(np.arange(700)[:, None] == 400, 1e3, made.values))
    assert fit_preparation(inside, TRAIN, scaler="standard", components=components).state() != fitted[0]


def test_robust_scaling_is_that_of_scikit_learn(made: Frame) -> None:
    from sklearn.preprocessing import RobustScaler

    expected = RobustScaler().fit(made.values[TRAIN].astype(np.float64)).transform(made.values[TEST])
    got = fit_preparation(made, TRAIN).apply(made)[TEST]
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)
    assert got.dtype == np.float32


@pytest.mark.parametrize("wanted", [2, 5, 0.8, 0.99])
def test_components_are_those_of_scikit_learn(made: Frame, wanted: int | float) -> None:
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(made.values[TRAIN].astype(np.float64))
    reference = PCA(wanted, svd_solver="full").fit(scaler.transform(made.values[TRAIN].astype(np.float64)))
    expected = reference.transform(scaler.transform(made.values[TEST].astype(np.float64)))
    fitted = fit_preparation(made, TRAIN, scaler="standard", components=wanted)
    got = fitted.apply(made)[TEST]
    assert fitted.outputs == tuple(f"component_{n + 1}" for n in range(reference.n_components_))
    assert fitted.components is not None
    np.testing.assert_allclose(fitted.components.explained, reference.explained_variance_ratio_, rtol=1e-6)
    signs = np.sign((got * expected).sum(axis=0))
    np.testing.assert_allclose(got, expected * signs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("components", [None, 3])
def test_a_preparation_comes_back_from_json_to_the_last_bit(made: Frame, components: int | None) -> None:
    fitted = fit_preparation(made, TRAIN, components=components)
    read = preparation_of(json.loads(json.dumps(fitted.state())))
    assert read.outputs == fitted.outputs
    np.testing.assert_array_equal(read.apply(made), fitted.apply(made))


def test_rows_that_are_not_complete_are_not_fitted_on_and_stay_unknown(made: Frame) -> None:
    gap = with_column(made, 2, np.where(np.arange(700) == 350, np.nan, made.values[:, 2]))
    complete = np.array([row for row in range(300, 500) if row != 350])
    fitted = fit_preparation(gap, TRAIN, components=2)
    assert fitted.state() == fit_preparation(made, complete, components=2).state()
    assert np.isnan(fitted.apply(gap)[350]).all()
    np.testing.assert_array_equal(fitted.apply(gap)[351], fitted.apply(made)[351])


def test_a_column_that_is_mostly_one_value_is_scaled_by_its_deviation(made: Frame) -> None:
    flags = (np.arange(700) % 10 == 0).astype(np.float32)
    fitted = fit_preparation(with_column(made, 3, flags), TRAIN)
    assert fitted.scaler.scale[3] == pytest.approx(0.3)


def test_a_column_that_never_varies_is_refused_by_name(made: Frame) -> None:
    with pytest.raises(DataRefused, match="features that never vary tell nothing, found close_position"):
        fit_preparation(with_column(made, 3, 1.0), TRAIN)


@pytest.mark.parametrize(("rows", "found"), [(slice(300, 329), "found 29 of 29"), (slice(0, 200), "found 0 of 200")])
def test_too_few_complete_rows_are_refused(made: Frame, rows: slice, found: str) -> None:
    with pytest.raises(DataRefused, match=f"fitting needs 30 complete rows, {found}"):
        fit_preparation(made, rows)
    fit_preparation(made, slice(300, 330))


@pytest.mark.parametrize("wanted", [0, 6, -1, 1.5, 0.0])
def test_a_number_of_components_that_cannot_be_is_refused(made: Frame, wanted: int | float) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"found {wanted} components, allowed are 1 to 5")):
        fit_preparation(made, TRAIN, components=wanted)


def test_a_scaler_that_there_is_not_is_refused(made: Frame) -> None:
    with pytest.raises(ConfigError, match="found the scaler 'minmax', allowed are robust, standard, none"):
        fit_preparation(made, TRAIN, scaler="minmax")


def test_other_features_or_another_order_are_refused(made: Frame) -> None:
    fitted = fit_preparation(made, TRAIN)
    with pytest.raises(DataRefused, match=r"fitted on the features return_1, rsi_14, .*; found rsi_14, return_1"):
        fitted.apply(frame(market(700), ("rsi_14", "return_1", *NAMES[2:])))


@pytest.mark.parametrize(
    "change",
    [
        {"names": ["return_1"]},
        {"scale": None},
        {"scale": [0.0] * 5},
        {"centre": [float("nan")] * 5},
        {"components": {"mean": [0.0] * 5, "axes": [[1.0]], "explained": [1.0]}},
    ],
)
def test_a_stored_preparation_that_is_not_whole_is_refused(made: Frame, change: dict[str, Any]) -> None:
    state = {**fit_preparation(made, TRAIN, components=2).state(), **change}
    with pytest.raises(DataRefused, match="stored preparation"):
        preparation_of(state)
