import asyncio
import itertools
import threading
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.errors import ConfigError, DataRefused
from core.ports import Abstain
from models.sentiment.batching import batches
from models.sentiment.choosing import choose
from models.sentiment.classifier import ClassifierScorer, classifier
from models.sentiment.convert import convert
from models.sentiment.inference import InferenceThread
from models.sentiment.labels import Labels, labels_of
from models.sentiment.network import LEAST_AGREEMENT, load
from models.sentiment.probes import PROBES
from models.sentiment.settings import ClassifierSettings
from models.sentiment.threads import Reading, Spare, side_by_side
from tests.models.sentiment.networks import bert

CPU = ClassifierSettings(device="cpu", precision="fp32")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bert(tmp_path_factory.mktemp("bert"))


def at(folder: Path, **changes: Any) -> ClassifierSettings:
    return replace(CPU, source=str(folder), **changes)


# Labels


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({0: "positive", 1: "negative", 2: "neutral"}, Labels(0, 1, 2)),
        ({0: "Neutral", 1: "Positive", 2: "Negative"}, Labels(1, 2, 0)),
        ({0: "Bearish", 1: "Neutral", 2: "Bullish"}, Labels(2, 0, 1)),
        ({0: "NEG", 1: "POS"}, Labels(1, 0, None)),
    ],
)
def test_the_order_of_labels_is_the_classifiers_own(names: dict[int, str], expected: Labels) -> None:
    assert labels_of(names) == expected


@pytest.mark.parametrize(
    "names",
    [
        {0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2"},
        {0: "positive", 1: "positive"},
        {0: "positive", 1: "neutral"},
        {0: "toxic", 1: "negative", 2: "positive"},
    ],
)
def test_labels_that_say_nothing_are_refused_and_never_guessed(names: dict[int, str]) -> None:
    with pytest.raises(DataRefused, match="labels are"):
        labels_of(names)


def test_the_score_follows_the_label_and_not_the_column(tmp_path: Path) -> None:
    one = classifier(at(bert(tmp_path / "one")))
    turned = classifier(at(bert(tmp_path / "turned", labels=("negative", "positive", "neutral"))))
    for text in PROBES[:5]:
        found, other = one.score(text), turned.score(text)
        assert isinstance(found, Decimal)
        assert found != 0
        assert other == -found


# Batches


def test_a_batch_holds_its_tokens_with_padding_and_every_text_goes_once() -> None:
    lengths = [int(n) for n in np.random.default_rng(0).integers(1, 40, 200)]
    found = batches(lengths, 64)
    assert sorted(place for batch in found for place in batch) == list(range(200))
    assert all(max(lengths[p] for p in batch) * len(batch) <= 64 for batch in found)
    assert batches([], 64) == []
    assert batches([100], 64) == [[0]]


def test_a_text_scores_the_same_alone_and_among_others(folder: Path) -> None:
    for precision in ("fp32", "int8"):
        network = load(folder, at(folder, precision=precision))
        together = network.probabilities(PROBES)
        alone = np.vstack([network.probabilities([text]) for text in PROBES[:20]])
        assert np.allclose(together[:20], alone, atol=1e-5)
        assert np.allclose(together.sum(axis=1), 1)


def test_a_long_text_is_cut_after_the_stated_tokens(folder: Path) -> None:
    scorer = classifier(at(folder, most_tokens=16))
    start = "bitcoin rises slightly in thin trading " * 4
    assert scorer.score(start + "and soars") == scorer.score(start + "and falls")
    assert "cut after 16 tokens" in scorer.card["reads"]


# Precision


@pytest.mark.parametrize("precision", ["int8", "bf16"])
def test_a_reduced_precision_agrees_with_fp32(folder: Path, precision: str) -> None:
    network = load(folder, at(folder, precision=precision))
    assert network.precision == precision
    assert network.agreement >= LEAST_AGREEMENT
    exact, told = load(folder, at(folder)).probabilities(PROBES), network.probabilities(PROBES)
    assert np.abs(told - exact).max() > 0
    assert np.mean(told.argmax(axis=1) == exact.argmax(axis=1)) >= LEAST_AGREEMENT
    assert len(set(exact.argmax(axis=1).tolist())) > 1


def test_where_labels_do_not_agree_fp32_speaks_and_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def turned(model: Any) -> Any:
        class Turned(torch.nn.Module):
            config = model.config

            def forward(self, **inputs: Any) -> Any:
                answer = model(**inputs)
                answer.logits = -answer.logits
                return answer

        return Turned()

    monkeypatch.setattr("models.sentiment.network.in_int8", turned)
    network = load(folder, at(folder, precision="int8"))
    assert network.precision == "fp32"
    assert network.said[0].startswith("int8 agrees with fp32 on ")
    assert load(folder, at(folder, precision="auto")).precision == "bf16"


def test_classes_that_int8_cannot_tell_apart_are_told_by_fp32(folder: Path) -> None:
    network = load(folder, at(folder, precision="int8"))
    assert 0 < network.unsure <= 0.1
    exact = load(folder, at(folder)).probabilities(PROBES)
    best = np.sort(exact, axis=1)
    close = best[:, -1] - best[:, -2] < network.unsure / 2
    told = network.probabilities(PROBES)
    assert close.any()
    assert np.allclose(told[close], exact[close], atol=1e-6)
    assert not np.allclose(told[~close], exact[~close], atol=1e-6)


# What is not there


def test_cuda_where_there_is_none_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="'cuda' is asked for and there is none"):
        classifier(at(folder, device="cuda"))


@pytest.mark.parametrize(("setting", "value"), [("device", "tpu"), ("precision", "int4")])
def test_an_unknown_setting_is_named(folder: Path, setting: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"{value!r}, allowed are"):
        classifier(at(folder, **{setting: value}))


def test_pickled_weights_are_not_read(tmp_path: Path) -> None:
    (bert(tmp_path) / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(DataRefused, match=r"no safetensors weights, and others are not read \(pytorch_model\.bin\)"):
        classifier(at(tmp_path))


def test_a_commit_without_safetensors_says_how_to_make_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.json").write_text("{}")
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, **__: str(tmp_path))
    (reason,) = choose("classifier", CPU).reasons
    command = f"python -m models.sentiment.convert ProsusAI/finbert FOLDER --revision {CPU.revision}"
    assert reason.startswith("ProsusAI/finbert@4556d130 has no safetensors weights")
    assert f"`{command}` makes them once, then set source to that FOLDER" in reason


def test_pickled_weights_are_converted_once_and_then_score_the_same(folder: Path, tmp_path: Path) -> None:
    pickled, made = tmp_path / "pickled", tmp_path / "made"
    pickled.mkdir()
    for file in folder.iterdir():
        if file.suffix != ".safetensors":
            (pickled / file.name).write_bytes(file.read_bytes())
    torch.save(load(folder, at(folder)).exact.state_dict(), pickled / "pytorch_model.bin")
    convert(pickled, made)
    assert classifier(at(made)).score(PROBES[0]) == classifier(at(folder)).score(PROBES[0])
    with pytest.raises(ConfigError, match="is not empty"):
        convert(pickled, made)


def test_a_pickle_that_holds_more_than_tensors_is_not_converted(folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "config.json").write_bytes((folder / "config.json").read_bytes())
    torch.save({"weight": Path("harm")}, source / "pytorch_model.bin")
    with pytest.raises(DataRefused, match="cannot be read"):
        convert(source, tmp_path / "made")


@pytest.mark.parametrize("kept", [0, 1_000, 50_000])
def test_a_download_that_broke_off_is_refused_and_the_embedded_one_speaks(tmp_path: Path, kept: int) -> None:
    weights = bert(tmp_path) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:kept])
    chosen = choose("classifier", at(tmp_path))
    assert chosen.scorer.name.startswith("embedded@")
    assert chosen.scorer.fallback
    assert "cannot be read" in chosen.reasons[0]


def test_weights_that_lack_a_layer_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = bert(tmp_path) / "model.safetensors"
    tensors = load_file(weights)
    save_file({name: t for name, t in tensors.items() if not name.startswith("classifier")}, weights, {"format": "pt"})
    with pytest.raises(DataRefused, match=r"lacks 2 weights, classifier\.bias among them"):
        classifier(at(tmp_path))


def test_a_revision_that_is_no_full_commit_is_refused() -> None:
    with pytest.raises(ConfigError, match="'main' is no full commit hash"):
        classifier(replace(CPU, revision="main"))


def test_without_a_network_and_a_cache_the_embedded_one_speaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    chosen = choose("classifier", replace(CPU, offline=True))
    assert chosen.scorer.fallback
    assert chosen.reasons == ("ProsusAI/finbert@4556d130 is not in the local cache",)


# Scoring


def test_a_text_is_read_once_and_progress_is_told(folder: Path) -> None:
    scorer = classifier(at(folder))
    told: list[tuple[int, int]] = []
    first = scorer.score_many([*PROBES, PROBES[0], "", "比特币上涨"], lambda done, of: told.append((done, of)))
    assert told[-1] == (len(PROBES), len(PROBES))
    assert first[len(PROBES)] == first[0]
    assert all(isinstance(answer, Abstain) for answer in first[-2:])
    told.clear()
    assert (
        scorer.score_many([*reversed(PROBES)], lambda done, of: told.append((done, of))) == first[len(PROBES) - 1 :: -1]
    )
    assert told == []


def test_the_name_tells_the_weights_and_the_precision(folder: Path) -> None:
    scorer = classifier(at(folder, precision="int8"))
    assert scorer.name == f"{folder.name}#{scorer.network.sha256[:8]} int8"
    assert scorer.card["agreement"] == "1"


# Threads and the event loop


def test_threads_follow_the_load() -> None:
    readings: list[Reading | None] = [
        Reading(0.0, 0.0, 0.0),
        Reading(0.1, 0.4, 0.1),  # too soon to tell
        Reading(1.0, 1.0, 1.0),  # only we were busy
        Reading(2.0, 3.0, 2.0),  # another process took a core
        Reading(3.0, 4.1, 3.0),  # and let it go
        Reading(4.0, 8.1, 4.0),  # more than all
    ]
    cores = Spare(2, iter(readings).__next__)
    assert [cores.threads() for _ in range(5)] == [1, 2, 1, 2, 1]


def cores(most: int, spare: int) -> Spare:
    """So many cores, of which others always leave `spare`."""
    seconds = itertools.count()
    return Spare(most, lambda: (lambda now: Reading(now, (most - spare) * now, 0.0))(float(next(seconds))))


def test_pieces_are_read_side_by_side_each_by_one_thread_of_torch() -> None:
    # Each waits until all three are under way: one after another they would never end.
    together = threading.Barrier(3, timeout=20)

    def work(piece: int) -> tuple[int, int]:
        together.wait()
        return piece, torch.get_num_threads()

    before = torch.get_num_threads()
    assert sorted(side_by_side(work, range(6), cores(3, 3))) == [(piece, 1) for piece in range(6)]
    assert torch.get_num_threads() == before


def test_no_more_pieces_are_under_way_than_cores_are_spare() -> None:
    lock, under_way, most = threading.Lock(), 0, 0

    def work(piece: int) -> int:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        with lock:
            under_way -= 1
        return piece

    assert list(side_by_side(work, range(50), cores(4, 1))) == list(range(50))
    assert most == 1


def test_a_piece_that_fails_raises_here_and_torch_gets_its_threads_back() -> None:
    def work(piece: int) -> int:
        if piece == 2:
            raise ValueError("piece 2")
        return piece

    before, waiting = torch.get_num_threads(), iter(range(1_000))
    with pytest.raises(ValueError, match="piece 2"):
        list(side_by_side(work, waiting, cores(2, 1)))
    assert next(waiting) == 4
    assert torch.get_num_threads() == before


def test_the_number_of_threads_changes_no_score(folder: Path) -> None:
    network = load(folder, at(folder, precision="int8"))
    one, four = (replace(network, cores=cores(4, spare)).probabilities(PROBES) for spare in (1, 4))
    assert np.array_equal(one, four)


async def test_the_event_loop_stays_on_time_while_a_classifier_works(tmp_path: Path) -> None:
    folder = bert(tmp_path, hidden=256, layers=8)
    inference = InferenceThread()
    lags: list[float] = []
    working = True

    async def watch() -> None:
        while working:
            began = time.perf_counter()
            await asyncio.sleep(0.01)
            lags.append(time.perf_counter() - began - 0.01)

    watching = asyncio.create_task(watch())
    scorer: ClassifierScorer = await inference.run(lambda: classifier(at(folder, precision="int8")))
    texts = [f"{one} {other}" for one in PROBES[:30] for other in PROBES[:20]]
    lags.clear()  # those of loading it
    started = time.perf_counter()
    await inference.run(lambda: scorer.score_many(texts))
    took = time.perf_counter() - started
    working = False
    await watching
    inference.close()
    # Beside the work itself, since a busy machine is late for both: a loop that did the work would wait for all of it.
    assert float(np.quantile(lags, 0.99)) < took / 2
