"""Outcomes on disk: what is read is what was saved, and nothing else is read."""

import hashlib
import io
import math
import pickle
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backtest.outcomes import SUFFIX, read, save
from core.errors import DataRefused
from tests.backtest.builders import outcome, spans_of, trade, traded
from tests.models.builders import walk
from tools.simulation.outcome import Outcome, Tried

MADE = traded(walk(500), spans_of(500, 20), trials=7, luck=0.03)


def same(one: Outcome, other: Outcome) -> bool:
    arrays = ("close_ns", "equity", "exposure", "held")
    alike = all(np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True) for name in arrays)
    bare = dict.fromkeys(arrays, np.zeros(0))
    return alike and replace(one, **bare) == replace(other, **bare)  # type: ignore[arg-type]


def changed(path: Path, name: str, content: bytes) -> Path:
    """A copy under another name with one member of the archive put in the place of what was there."""
    made = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(made, "w") as new:
        for entry in old.namelist():
            new.writestr(entry, content if entry == name else old.read(entry))
    copy = path.with_name("renamed.npz")
    copy.write_bytes(made.getvalue())
    return copy


def test_what_is_read_is_what_was_saved(tmp_path: Path) -> None:
    bars = walk(500)
    path = save(MADE, tmp_path, candles=[bars])
    kept = read(path)
    assert same(kept.outcome, MADE)
    assert np.array_equal(kept.candles[0].close, bars.close)
    assert (kept.candles[0].symbol, kept.candles[0].timeframe) == (bars.symbol, bars.timeframe)
    assert f"-{kept.digest[:12]}{SUFFIX}" in path.name
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_the_sets_that_it_was_picked_from_come_back_with_it(tmp_path: Path) -> None:
    tried = Tried(1, 2, {"fast": (5.0, 10.0), "kind": ("a", "b")}, np.array([0.5, math.nan]))
    found = read(save(MADE, tmp_path, tried=tried)).tried
    assert found is not None
    assert (found.first_ns, found.last_ns, found.values) == (1, 2, tried.values)
    assert np.array_equal(found.sharpe, tried.sharpe, equal_nan=True)
    assert read(save(MADE, tmp_path)).tried is None


@pytest.mark.parametrize(
    "made",
    [
        outcome([1.0]),
        outcome([1.0, math.nan, 3.0], trades=[trade(math.nan, stop=95.5), trade(1)]),
        replace(outcome([1.0, 2.0]), name="Größe / ../../x", symbols=("BTC/USDT", "ETH/USDT")),
    ],
)
def test_strange_ones_come_back_too(made: Outcome, tmp_path: Path) -> None:
    path = save(made, tmp_path)
    assert path.parent == tmp_path
    found = read(path).outcome
    assert (found.name, found.symbols, len(found.trades)) == (made.name, made.symbols, len(made.trades))
    assert [one.stop for one in found.trades] == [one.stop for one in made.trades]
    assert np.array_equal(found.equity, made.equity, equal_nan=True)


def test_the_same_outcome_is_the_same_file(tmp_path: Path) -> None:
    first = save(MADE, tmp_path / "a")
    second = save(MADE, tmp_path / "b")
    assert (first.name, first.read_bytes()) == (second.name, second.read_bytes())
    assert save(replace(MADE, trials=2), tmp_path / "a").name != first.name


def test_other_programs_can_open_it(tmp_path: Path) -> None:
    with np.load(save(MADE, tmp_path), allow_pickle=False) as archive:
        assert np.array_equal(archive["equity"], MADE.equity)
        assert b'"name": "sma cross"' in archive["outcome.json"]


def test_a_file_that_was_changed_is_refused_by_its_name(tmp_path: Path) -> None:
    path = save(MADE, tmp_path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataRefused, match="it was changed, or was cut off"):
        read(path)


def test_an_array_that_was_changed_is_refused_whatever_the_name(tmp_path: Path) -> None:
    made = io.BytesIO()
    np.save(made, MADE.equity * 2)
    copy = changed(save(MADE, tmp_path), "equity.npy", made.getvalue())
    with pytest.raises(DataRefused, match=r"equity\.npy has another hash"):
        read(copy)


def test_pickled_objects_are_never_loaded(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (exec, (f"open({str(tmp_path / 'sprung')!r}, 'w')",))

    made = io.BytesIO()
    np.save(made, np.array([Trap()], dtype=object), allow_pickle=True)
    path = save(MADE, tmp_path)
    with zipfile.ZipFile(path) as archive:
        words = archive.read("outcome.json").decode()
        old = archive.read("equity.npy")
    forged = words.replace(hashlib.sha256(old).hexdigest(), hashlib.sha256(made.getvalue()).hexdigest())
    copy = changed(changed(path, "equity.npy", made.getvalue()), "outcome.json", forged.encode())
    with pytest.raises(DataRefused, match=r"no outcome of a backtest: .*allow_pickle"):
        read(copy)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("content", [b"", b"{}", pickle.dumps([1]), b"PK\x05\x06" + 18 * b"\0"])
def test_what_is_no_outcome_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "strange.npz"
    path.write_bytes(content)
    with pytest.raises(DataRefused, match=r"strange\.npz is no outcome of a backtest"):
        read(path)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [('"schema": 1', '"schema": 2', "schema 2, this program reads 1"), ('"trials": 7', '"trials": null', "no outcome")],
)
def test_words_that_do_not_fit_are_refused(old: str, new: str, why: str, tmp_path: Path) -> None:
    path = save(MADE, tmp_path)
    with zipfile.ZipFile(path) as archive:
        words = archive.read("outcome.json").decode()
    with pytest.raises(DataRefused, match=why):
        read(changed(path, "outcome.json", words.replace(old, new).encode()))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match="cannot be read: No such file"):
        read(tmp_path / "nothing.npz")


def test_a_parameter_that_is_no_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match="'sma cross' is not a finite number"):
        save(replace(MADE, parameters={"fast": math.nan}), tmp_path)
    assert list(tmp_path.iterdir()) == []
