"""Streams and windows are one network; learning stops when it should, and whoever watches sees it."""

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.progress import Progress

from core.errors import ConfigError, DataRefused
from models.learners.networks import Recurrent
from models.learners.networks_losses import odds_and_quantiles, squared
from models.learners.networks_training import Pace, Rows, epoch, loss_of, optimizer_of, outputs_at, repeatable
from models.learners.neural import Training
from models.learners.port import LEVELS, Sample
from models.learners.watching import Bar, Epoch, Tensorboard
from tests.models.learners.builders import SHORT, brier, naive_brier, network, noise, planted

CPU = torch.device("cpu")


def drawn(cell: str = "lstm", **shape: object) -> Recurrent:
    with repeatable(4, CPU):
        return Recurrent(3, 2, cell=cell, hidden=8, layers=2, **shape).eval()  # type: ignore[arg-type]


def rows(n: int = 200) -> Rows:
    random = torch.Generator().manual_seed(9)
    x = torch.randn(n, 3, generator=random)
    return Rows(x, x[:, :1] * 0.5, torch.ones(n))


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("residual", [False, True])
def test_a_stream_in_chunks_gives_what_one_long_window_gives(cell: str, residual: bool) -> None:
    net, x = drawn(cell, residual=residual), rows(60).x[None]
    with torch.inference_mode():
        whole, _ = net(x)
        state, chunks = None, []
        for at in range(0, 60, 7):
            said, state = net(x[:, at : at + 7], state)
            chunks.append(said)
    torch.testing.assert_close(torch.cat(chunks, dim=1), whole, rtol=1e-5, atol=1e-6)


def test_the_last_step_of_a_stream_is_what_a_window_says() -> None:
    net, data = drawn(), rows(60)
    with torch.inference_mode():
        whole, _ = net(data.x[None, :24])
    torch.testing.assert_close(outputs_at(net, data.x, 24)[23], whole[0, -1], rtol=1e-5, atol=1e-6)


def test_windows_are_views_of_the_rows() -> None:
    data = rows(50)
    x, y, weights = data.windows(8)
    assert x.shape == (43, 8, 3)
    assert y.shape == (43, 8, 1)
    assert weights.shape == (43, 8)
    assert x.untyped_storage().data_ptr() == data.x.untyped_storage().data_ptr()
    assert torch.equal(x[5], data.x[5:13])


def test_validation_reads_every_row_once_after_a_window() -> None:
    """Stretches of two windows score the rows that windows score, from states that are as old or older."""
    net, data = drawn(), rows(24 * 5 - 1)
    data = replace(data, y=data.y.expand(-1, 1).contiguous())
    pace = Pace(window=24, streams=4)
    stretched = loss_of(net, data, squared, pace)
    with torch.inference_mode():
        whole = torch.cat([net(part[None])[0][0, 23:] for part in data.x.unfold(0, 47, 24).transpose(1, 2)])
    assert len(whole) == len(data) - 23
    assert stretched == pytest.approx(float(((whole[:, :1] - data.y[23:]) ** 2).mean()), rel=1e-5)


def test_an_epoch_on_streams_teaches_what_windows_teach() -> None:
    random = torch.Generator().manual_seed(2)
    x = torch.randn(2000, 3, generator=random)
    data = Rows(x, (x[:, :1].roll(1, 0) + x[:, 1:2].roll(3, 0)) / 2, torch.ones(2000))
    errors = {}
    for streams in (16, 0):
        net = drawn()
        pace = Pace(window=12, batch=64, streams=streams, steps=12)
        optimizer = optimizer_of(net, rate=1e-2, weight_decay=0.0, device=CPU)
        with repeatable(1, CPU):
            for _ in range(12):
                epoch(net, data, optimizer, squared, pace)
        errors[streams] = loss_of(net, data, squared, replace(pace, streams=0))
    assert max(errors.values()) < 0.05
    assert errors[16] < 2 * errors[0] + 0.02


def test_few_rows_have_fewer_streams_and_an_attentive_network_has_none() -> None:
    assert Pace(24, streams=64, steps=24).fitting(100_000, causal=True).streams == 64
    assert Pace(24, streams=64, steps=24).fitting(25_000, causal=True).streams == 32
    assert Pace(24, streams=64, steps=24).fitting(960, causal=True).streams == 4
    assert Pace(24, streams=64, steps=24).fitting(10, causal=True).streams == 1
    assert Pace(24, streams=64, steps=24).fitting(100_000, causal=False).streams == 0


def test_what_was_drawn_for_training_leaves_the_callers_draws_alone() -> None:
    torch.manual_seed(3)
    wanted = torch.rand(4)
    torch.manual_seed(3)
    network("lstm").fit(planted(200), None, seed=8)
    assert torch.equal(torch.rand(4), wanted)


def test_the_losses_are_what_their_formulas_say() -> None:
    outputs, y = torch.tensor([[0.0, -1.0, 0.0, 1.0]]), torch.tensor([[1.0, 0.5]])
    pinball = (0.1 * 1.5 + 0.5 * 0.5 + 0.1 * 0.5) / 3
    found = odds_and_quantiles(LEVELS)(outputs, y, torch.ones(1))
    assert float(found) == pytest.approx(math.log(2) + pinball)


def test_it_stops_early_and_keeps_its_best_epoch() -> None:
    """The last rows contradict the first, so that every epoch makes it worse there."""
    sample = planted(1200)
    contrary = Sample(sample.x[800:], -sample.y[800:])
    learner = replace(network("lstm"), training=replace(SHORT, patience=3, epochs=40))
    fitted = learner.fit(sample.rows(slice(800)), contrary, seed=1)
    losses = [one.valid_loss for one in fitted.curve]
    best = int(np.argmin(np.array(losses, float)))
    assert len(losses) == best + 1 + 3 < 40
    kept = brier(fitted.predict(contrary.x), contrary)
    last = replace(learner, training=replace(SHORT, patience=None, epochs=len(losses)))
    assert kept < brier(last.fit(sample.rows(slice(800)), None, seed=1).predict(contrary.x), contrary)


def test_the_rate_falls_where_nothing_gets_better() -> None:
    learner = replace(network("lstm"), training=replace(SHORT, plateau=1, patience=None, epochs=12))
    sample = noise(900)
    rates = [one.rate for one in learner.fit(sample.rows(slice(500)), sample.rows(slice(500, None)), seed=1).curve]
    assert rates[0] == SHORT.rate
    assert rates[-1] <= SHORT.rate / 4


def test_a_rate_that_is_too_high_is_named() -> None:
    learner = replace(network("lstm"), training=replace(SHORT, rate=1e30))
    with pytest.raises(ConfigError, match="diverged in epoch"):
        learner.fit(planted(400), None, seed=1)


def test_half_precision_learns_as_well() -> None:
    sample = planted(1500)
    learner = replace(network("lstm"), training=replace(SHORT, precision="bf16"))
    fitted = learner.fit(sample.rows(slice(800)), sample.rows(slice(800, 1000)), seed=1)
    test = sample.rows(slice(1000, None))
    assert 1 - brier(fitted.predict(test.x), test) / naive_brier(test) > 0.10


def test_a_causal_network_can_be_taught_on_windows_too() -> None:
    sample = planted(900)
    learner = replace(network("lstm"), training=replace(SHORT, streams=0, batch=64))
    fitted = learner.fit(sample.rows(slice(600)), None, seed=1)
    test = sample.rows(slice(600, None))
    assert brier(fitted.predict(test.x), test) < naive_brier(test)


def test_validation_shorter_than_a_window_is_refused() -> None:
    with pytest.raises(DataRefused, match="validation needs a window of 8 rows, found 7"):
        network("lstm").fit(planted(200), planted(7), seed=1)


def test_rows_fewer_than_a_window_have_no_forecast() -> None:
    fitted = network("lstm").fit(planted(200), None, seed=1)
    assert np.isnan(fitted.predict(planted(7).x).p_up).all()
    assert len(fitted.predict(planted(7).x[:0])) == 0


def test_tensorboard_gets_every_epoch(tmp_path: Path) -> None:
    learner = replace(network("lstm"), training=replace(SHORT, epochs=3), watcher=Tensorboard(tmp_path))
    learner.fit(planted(200), planted(60), seed=1)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    told = EventAccumulator(str(tmp_path / "lstm"))
    told.Reload()
    assert [one.step for one in told.Scalars("loss/valid")] == [1, 2, 3]


def test_a_progress_bar_is_full_also_when_it_stops_early() -> None:
    progress = Progress(disable=True)
    bar = Bar(progress)
    bar.began("lstm", 10)
    bar.passed(Epoch(1, 0.7, None, 1e-3))
    assert progress.tasks[0].completed == 1
    bar.ended()
    assert progress.finished


@pytest.mark.parametrize(
    "setting", [{"rate": 0.0}, {"epochs": 0}, {"streams": -1}, {"patience": 0}, {"clip": math.inf}]
)
def test_training_that_cannot_be_is_refused(setting: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(setting))} must be"):
        Training(**setting)  # type: ignore[arg-type]


def test_networks_and_their_benchmark_import_nothing_but_torch_and_numpy() -> None:
    """So that they run on a bare machine with a card."""
    program = """
import sys, numpy, torch, torch.utils.data
before = set(sys.modules)
import bench.models, bench.models_training
found = {name.split(".")[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)
print(*sorted(found))
"""
    root = Path(__file__).parents[3]
    told = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True).stdout
    assert set(told.split()) <= {"torch", "numpy", "models", "core", "bench"}
    assert "models" in told


def test_the_benchmark_compares_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    from bench import models_training

    setting = models_training.Setting(rows=2000, hidden=4, seconds=0.05, turn=0.02)
    windows, streams, half = models_training.race(setting, "gru", seed=1)
    assert [one.name for one in (windows, streams, half)] == ["windows, FreqAI-like", "streams", "streams, bf16"]
    assert all(len(one.errors) >= 1 and one.targets > 0 for one in (windows, streams, half))
    models_training.print_race("gru", [[windows, streams, half]])
    assert "not reached" in capsys.readouterr().out
    if not torch.cuda.is_available():
        models_training.main(only="gpu")
        assert "not measured" in capsys.readouterr().out
