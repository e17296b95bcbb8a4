"""Folds: what is learnt from ends before what is judged begins, labels included."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigError, DataRefused
from models.validation.combinatorial import combinatorial, recombined
from models.validation.splits import Fold, Spans, check_folds, purged, walk_forward


def ahead(n: int, horizon: int = 1) -> Spans:
    return Spans.ahead(np.arange(n, dtype=np.int64), horizon)


def uneven(n: int, *, seed: int = 1) -> Spans:
    """Labels of 1 to 20 bars, on rows that leave some bars out."""
    random = np.random.default_rng(seed)
    start = np.cumsum(random.integers(1, 4, n))
    return Spans(start, start + random.integers(1, 21, n))


def overlaps(spans: Spans, one: int, other: int) -> bool:
    return bool(spans.start[one] <= spans.end[other] and spans.start[other] <= spans.end[one])


@given(st.integers(0, 40), st.integers(0, 12), st.integers(0, 99))
def test_what_is_purged_is_what_overlaps_or_follows_within_the_embargo(first: int, embargo: int, seed: int) -> None:
    spans = uneven(80, seed=seed)
    tests = np.concatenate([np.arange(first, first + 10), np.arange(60, 70)])
    rows = np.setdiff1d(np.arange(80), tests)
    kept = set(purged(spans, rows, tests, embargo=embargo).tolist())
    for row in rows.tolist():
        late = any(spans.end[t] < spans.start[row] <= spans.end[t] + embargo for t in tests)
        assert (row in kept) is not (late or any(overlaps(spans, row, int(t)) for t in tests))


def test_folds_test_every_row_after_the_first_part_once_and_in_order() -> None:
    folds = walk_forward(ahead(1200), folds=5)
    assert np.concatenate([fold.test for fold in folds]).tolist() == list(range(200, 1200))


@pytest.mark.parametrize("horizon", [1, 12])
@pytest.mark.parametrize("window", [None, 300])
def test_no_label_of_a_part_is_known_after_the_next_part_begins(horizon: int, window: int | None) -> None:
    spans = ahead(1200, horizon)
    for fold in walk_forward(spans, folds=4, window=window, embargo=7):
        assert spans.end[fold.train].max() < spans.start[fold.valid].min()
        assert spans.end[fold.valid].max() < spans.start[fold.calibration].min()
        assert spans.end[fold.calibration].max() < spans.start[fold.test].min() - 7
        oldest = 0 if window is None else max(int(fold.test[0]) - 300, 0)
        assert fold.train[0] == oldest


def test_a_rolling_window_rolls_and_an_expanding_one_expands() -> None:
    expanding, rolling = walk_forward(ahead(1200), folds=4), walk_forward(ahead(1200), folds=4, window=200)
    assert np.diff([len(fold.train) for fold in expanding]).min() > 100
    assert {len(fold.train) for fold in rolling} == {len(rolling[0].train)}


@pytest.mark.parametrize("settings", [{"folds": 0}, {"window": 0}, {"embargo": -1}, {"valid": 0.6, "calibration": 0.4}])
def test_settings_that_cannot_be_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        walk_forward(ahead(1200), **settings)  # type: ignore[arg-type]


def test_too_few_rows_are_counted_out() -> None:
    with pytest.raises(DataRefused, match=r"fold 1 of 5 over 24 rows has parts of .* rows: one of them is empty"):
        walk_forward(ahead(24, 12), folds=5)


def test_spans_out_of_order_or_without_a_length_are_refused() -> None:
    with pytest.raises(DataRefused, match="in order of time"):
        Spans(np.array([1, 1]), np.array([2, 3]))
    with pytest.raises(DataRefused, match="ends where it starts"):
        Spans(np.array([1, 2]), np.array([2, 2]))


def test_a_fold_whose_training_knows_the_test_is_found_out() -> None:
    none = np.zeros(0, np.int64)
    with pytest.raises(DataRefused, match="fold 1: a label of one part reaches into"):
        check_folds(ahead(100, 5), [Fold(np.arange(50), none, none, np.arange(54, 100))])


# Combinatorial purged cross-validation


def test_skfolios_own_purge_and_embargo_and_ours_agree_where_all_labels_are_as_long() -> None:
    from skfolio.model_selection import CombinatorialPurgedCV

    horizon, embargo = 6, 4
    theirs = CombinatorialPurgedCV(n_folds=6, n_test_folds=2, purged_size=horizon, embargo_size=embargo)
    ours = combinatorial(ahead(300, horizon), parts=6, tested=2, embargo=embargo)
    split = list(theirs.split(np.zeros((300, 1))))
    assert len(ours) == len(split) == 15
    for one, (train, tests) in zip(ours, split, strict=True):
        assert one.train.tolist() == train.tolist()
        assert [test.tolist() for test in one.tests] == [test.tolist() for test in tests]


def test_uneven_labels_are_purged_by_their_own_ends() -> None:
    spans = uneven(200)
    for one in combinatorial(spans, parts=5, tested=2):
        tests = np.concatenate(one.tests)
        assert not any(overlaps(spans, row, t) for row in one.train.tolist() for t in tests.tolist())


def test_paths_hold_every_row_once_each_said_by_a_model_that_had_not_seen_it() -> None:
    combinations = combinatorial(ahead(120), parts=6, tested=2)
    said = [np.full(sum(len(test) for test in one.tests), float(number)) for number, one in enumerate(combinations)]
    paths = recombined(combinations, said, 120)
    assert paths.shape == (5, 120)
    for path in paths:
        for row, number in enumerate(path.tolist()):
            assert row not in combinations[int(number)].train
    # Every choice speaks of a row on one path alone.
    assert all(len(set(column)) == 5 for column in paths.T.tolist())
