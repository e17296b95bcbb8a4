import json
import shutil
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from core.errors import ConfigError, DataRefused
from core.ports import Abstain
from models.sentiment import embedded, train
from models.sentiment.choosing import choose
from models.sentiment.embedded import CARD, WEIGHTS, EmbeddedScorer
from models.sentiment.labelled import SETS
from models.sentiment.settings import ClassifierSettings
from tests.models.sentiment.networks import shared


def copied(folder: Path) -> Path:
    for name in (CARD, WEIGHTS):
        shutil.copy(embedded.FOLDER / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def scorer() -> EmbeddedScorer:
    return embedded.load()


def test_what_is_shipped_is_small_and_names_itself_by_its_content(scorer: EmbeddedScorer) -> None:
    assert sum(file.stat().st_size for file in embedded.FOLDER.iterdir()) < 5_000_000
    assert scorer.name == f"embedded@{scorer.card['sha256'][:8]}"
    assert {line["licence"] for line in scorer.card["trained_on"]} == {"MIT"}
    assert not scorer.fallback


def test_good_news_scores_above_bad_news(scorer: EmbeddedScorer) -> None:
    good, bad, flat = scorer.score_many(
        ["Bitcoin surges to a record high", "Exchange hacked, shares plunge", "The annual meeting is on Monday"]
    )
    assert isinstance(good, Decimal)
    assert isinstance(bad, Decimal)
    assert isinstance(flat, Decimal)
    assert good > Decimal("0.5")
    assert bad < Decimal("-0.5")
    assert abs(flat) < Decimal("0.2")


@pytest.mark.parametrize("text", ["", "比特币", "x" * 1_000_000])
def test_what_cannot_be_read_is_an_abstention(scorer: EmbeddedScorer, text: str) -> None:
    assert isinstance(scorer.score(text), Abstain)


def test_a_changed_file_is_refused_by_its_hash(tmp_path: Path) -> None:
    content = bytearray((copied(tmp_path) / WEIGHTS).read_bytes())
    content[-1] ^= 1
    (tmp_path / WEIGHTS).write_bytes(content)
    with pytest.raises(DataRefused, match="its card says"):
        embedded.load(tmp_path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match="cannot be read"):
        embedded.load(tmp_path)


def test_tensors_of_another_shape_are_refused(tmp_path: Path) -> None:
    small = embedded.Weights(*(np.zeros(shape) for shape in ((4, 3), (4,), (7, 3), (3,))))
    train.write(small, {}, tmp_path)
    with pytest.raises(DataRefused, match="expected"):
        embedded.load(tmp_path)


def test_sets_for_evaluation_only_are_never_trained_on(scorer: EmbeddedScorer) -> None:
    trained = {line["name"] for line in scorer.card["trained_on"]}
    assert trained == {kind.name for kind in SETS if kind.weight is not None}
    assert {"Financial PhraseBank", "FiQA headlines", "FiQA posts"}.isdisjoint(trained)


def test_training_gives_the_same_weights_each_time_and_learns() -> None:
    folder = shared("data/sentiment")
    whole = [(kind, kind.read(folder / kind.file)) for kind in SETS if kind.weight is not None]
    corpus = train.corpus_of([(kind, rows[:: max(1, len(rows) // 300)]) for kind, rows in whole])
    seen = np.flatnonzero(corpus.fold != 0)
    one, two = train.fit(corpus, seen), train.fit(corpus, seen)
    assert all(np.array_equal(getattr(one, name), getattr(two, name)) for name in ("hashed", "idf", "lexical", "bias"))
    unseen = np.flatnonzero(corpus.fold == 0)
    told = np.array([int(np.argmax(one.probabilities(corpus.texts[row]))) for row in unseen])
    commonest = np.bincount(corpus.classes[unseen]).max() / len(unseen)
    assert np.mean(told == corpus.classes[unseen]) > commonest + 0.05


def test_on_sets_that_it_never_saw_it_tells_good_from_bad(scorer: EmbeddedScorer) -> None:
    folder = shared("data/sentiment")
    for kind in SETS:
        if kind.weight is None:
            rows = [(text, label) for text, label in kind.read(folder / kind.file) if label != 2]
            found = [(scorer.score(text), label) for text, label in rows]
            right = [(score > 0) == (label == 1) for score, label in found if isinstance(score, Decimal)]
            assert np.mean(right) > 0.7, kind.name


def test_a_classifier_that_is_not_there_leaves_the_embedded_one_to_speak(tmp_path: Path) -> None:
    chosen = choose("classifier", ClassifierSettings(source=str(tmp_path)))
    assert chosen.scorer.name.startswith("embedded@")
    assert chosen.scorer.fallback
    assert chosen.reasons == (f"{tmp_path} has no config.json",)


def test_the_lexicon_is_the_last_resort() -> None:
    def broken() -> EmbeddedScorer:
        raise DataRefused("the embedded classifier cannot be read")

    chosen = choose("embedded", load_embedded=broken)
    assert (chosen.scorer.name, chosen.scorer.fallback) == ("lexicon", True)
    assert chosen.reasons == ("the embedded classifier cannot be read",)
    assert choose("lexicon").reasons == ()
    assert choose("embedded").reasons == ()


def test_a_replay_of_days_before_its_training_is_not_told_by_the_embedded_one() -> None:
    assert choose("embedded", as_of=date(2023, 1, 1)).scorer.name.startswith("embedded@")
    early = choose("embedded", as_of=date(2022, 12, 31))
    assert early.scorer.name == "lexicon"
    assert "trained on texts up to 2023-01-01, the replay begins on 2022-12-31" in early.reasons[0]


def test_scoring_loads_no_heavy_library_until_a_classifier_is_asked_for() -> None:
    modules = "choosing, classifier, network, fetching, inference, embedded, stance, attribution"
    heavy = "{'torch', 'transformers', 'sklearn', 'scipy', 'pydantic', 'huggingface_hub', 'pandas'}"
    code = f"import sys\nfrom models.sentiment import {modules}\nprint({heavy} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_an_unknown_scorer_is_refused() -> None:
    with pytest.raises(ConfigError, match="'vader', allowed are embedded, classifier, lexicon"):
        choose("vader")


def test_the_card_is_json_that_a_person_can_read() -> None:
    card = json.loads((embedded.FOLDER / CARD).read_text(encoding="utf-8"))
    assert card["as_of"] == "2023-01-01"
    assert all(0 < line["held_out_macro_f1"] < 1 for line in card["trained_on"])
