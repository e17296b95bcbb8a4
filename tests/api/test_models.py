"""`warden models`: each verb for people and programs, on the simulated market, with small trees."""

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from api.cli.modelling import Read
from core.canonical import JSON
from desk.home import Home
from tests.api.terminal import Told, warden
from tests.desk.desks import books_of, fresh_home

TRAIN = ("models", "train", "xgboost", "--set", "trees=5", "--set", "jobs=1", "--horizon", "4")
AS_OF = ("--as-of", "2026-03-01")


@pytest.fixture(scope="module")
def trained() -> Iterator[tuple[Home, JSON]]:
    """A home with one model, for reading."""
    with fresh_home() as made:
        told = warden(made, *TRAIN, *AS_OF, "--json")
        assert (told.code, told.err) == (0, "")
        yield made, told.json


def models(home: Home, *words: str) -> Told:
    return warden(home, "models", *words)


def test_training_registers_a_shadow_with_its_card(trained: tuple[Home, JSON]) -> None:
    _, told = trained
    assert (told["version"], told["state"], told["symbol"]) == ("xgboost-1", "shadow", "BTC/USDT")
    card = told["card"]
    assert card["notes"]["changes"] == {"trees": "5", "jobs": "1"}
    assert card["trained"]["until"] <= "2026-03-01 00:00:00Z"
    assert "730 are advised" in told["warning"]


def test_weights_of_rows_are_a_choice_that_the_card_keeps(trained: tuple[Home, JSON], home: Home) -> None:
    assert (trained[1]["card"]["notes"]["unique"], trained[1]["card"]["notes"]["half_life"]) == (True, None)
    told = warden(home, *TRAIN, *AS_OF, "--no-uniqueness", "--half-life", "200", "--json").json
    assert (told["card"]["notes"]["unique"], told["card"]["notes"]["half_life"]) == (False, 200.0)
    assert told["digest"] != trained[1]["digest"]
    warden(home, *TRAIN, *AS_OF, "--half-life", "0").refused("half_life must be more than 0 bars")


def test_a_policy_is_taught_into_the_shadow_with_its_costs_and_no_pickle(home: Home) -> None:
    words = ("--set", "steps=256", "--set", "markets=1", "--set", "hidden=4,4", "--horizon", "4", *AS_OF)
    told = models(home, "train", "ppo", *words, "--seed", "3", "--json").json
    assert (told["version"], told["state"]) == ("ppo-1", "shadow")
    lesson = told["card"]["notes"]["lesson"]
    assert (lesson["seed"], lesson["school"]["hidden"], lesson["school"]["steps"]) == (3, [4, 4], 256)
    assert lesson["rules"]["costs"]["fee_rate"] > 0
    assert {file.name for file in (home.models / "ppo-1").iterdir()} == {"card.json", "arrays.safetensors"}
    models(home, "train", "ppo", *words, "--uniqueness").refused("learns by trading")
    models(home, "train", "ppo", *words, "--set", "fee_rate=0").refused("no setting 'fee_rate'")


def test_the_simulated_market_has_nothing_beside_its_bars(home: Home) -> None:
    warden(home, *TRAIN, *AS_OF, "--with", "fear_greed").refused("--with needs --market recorded")
    models(home, "tune", "xgboost", *AS_OF, "--with", "fear_greed").refused("--with needs --market recorded")


def test_a_search_tells_the_words_with_which_to_train_alike() -> None:
    read = Read(["fear_greed", "dominance=coingecko"], unique=False, half_life=200.0)
    assert read.words() == ["--with fear_greed", "--with dominance=coingecko", "--no-uniqueness", "--half-life 200"]
    assert Read([], None, None).words() == []


def test_an_interrupted_training_says_that_it_kept_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("desk.modelling.make", interrupt)
    warden(home, *TRAIN, *AS_OF).refused("half a model is not kept, and the same command begins again", code=130)
    assert models(home, "list", "--json").json == []


def test_the_same_training_gives_the_same_model(trained: tuple[Home, JSON], home: Home) -> None:
    assert warden(home, *TRAIN, *AS_OF, "--json").json["digest"] == trained[1]["digest"]


def test_what_cannot_be_trained_is_refused(home: Home) -> None:
    models(home, "train", "prophet").refused("'prophet'", "xgboost")
    models(home, "train", "xgboost", "--set", "layers=2").refused("no setting 'layers'")
    models(home, "train", "xgboost", "--set", "trees").refused("KEY=VALUE")
    models(home, "train", "xgboost", "--as-of", "2025-01-01").refused("no bars of BTC/USDT")
    models(home, "train", "xgboost", "--as-of", "2026-01-05").refused("not one bar has all of its features")
    models(home, "train", "xgboost", "--market", "recorded").refused("no candles")
    models(home, "train", "xgboost", "--market", "mars").refused("simulated or recorded")
    models(home, *TRAIN[1:], "--name", "../x").refused("small letters")
    assert models(home, "list", "--json").json == []


def test_models_are_listed_and_shown(trained: tuple[Home, JSON]) -> None:
    home, told = trained
    (listed,) = models(home, "list", "--json").json
    assert listed["digest"] == told["digest"]
    assert "xgboost-1" in models(home, "list").out
    assert models(home, "show", "xgboost", "--json").json == listed
    assert "rsi_7" in models(home, "show", "xgboost-1").out
    models(home, "show", "owl").refused("'owl'", "xgboost-1")


def test_a_model_is_scored_beside_the_naive_ones(trained: tuple[Home, JSON]) -> None:
    told = models(trained[0], "score", "xgboost", "--json").json
    assert [card["name"] for card in told["naive"]] == ["last_sign", "drift", "always_up"]
    assert {card["n"] for card in (told["card"], *told["naive"])} == {told["card"]["n"]}
    assert told["from"] >= trained[1]["card"]["trained"]["until"]
    assert told["may_vote"] is not bool(told["against"])
    shown = models(trained[0], "score", "xgboost").out
    assert "last_sign" in shown
    assert "trade" in shown


def test_before_its_training_a_model_is_not_judged(trained: tuple[Home, JSON]) -> None:
    models(trained[0], "score", "xgboost", "--as-of", "2026-02-01").refused("would know the future")


def test_a_vote_that_is_not_earned_is_refused(trained: tuple[Home, JSON]) -> None:
    home, _ = trained
    by = ("--by", "ada", "--reason", "hope")
    models(home, "promote", "xgboost", *by, "--as-of", "2026-03-08").refused("has not earned a vote", "100 are needed")
    models(home, "promote", "xgboost", "--by", " ", "--reason", "hope").refused("by a person")
    assert models(home, "promote", "xgboost").code == 2
    assert models(home, "list", "--json").json[0]["state"] == "shadow"


def test_a_vote_that_is_earned_is_given_and_journaled(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar is taken away here: the simulated market has no edge to find."""
    monkeypatch.setattr("models.evidence.Evidence.against", ())
    assert warden(home, *TRAIN, *AS_OF).code == 0
    told = models(home, "promote", "xgboost", "--by", "ada", "--reason", "skill", "--json").json
    assert [change["state"] for change in told["changes"]] == ["shadow", "active"]
    assert told["changes"][-1]["evidence"]["card"]["n"] >= 100
    from memory.books import journal

    with books_of(home) as books:
        (entry,) = books.read(lambda conn: journal.entries(conn, "models"))
    assert (entry.kind, entry.body["by"], entry.body["reason"]) == ("promoted", "ada", "skill")
    assert entry.body["digest"] == told["digest"]
    models(home, "promote", "xgboost", "--by", "ada", "--reason", "again").refused("is active")


def test_a_changed_file_is_told_by_list_and_refused_by_the_others(home: Home, tmp_path: Path) -> None:
    assert warden(home, *TRAIN, *AS_OF).code == 0
    (home.models / "xgboost-1" / "odds.ubj").write_bytes(b"x")
    listed = models(home, "list", "--json")
    assert listed.code == 1
    assert "has the hash" in listed.json[0]["trouble"]
    models(home, "score", "xgboost").refused("has the hash")
    models(home, "report", "xgboost", str(tmp_path / "r.html")).refused("has the hash")


def test_trials_are_counted_and_a_search_goes_on(home: Home) -> None:
    tune = ("tune", "xgboost", "--horizon", "4", "--as-of", "2026-03-01", "--trials", "1", "--json")
    first, second = models(home, *tune).json, models(home, *tune).json
    assert (first["trials"], second["trials"], second["counted"]) == (1, 2, 2)
    assert second["brier"] <= first["brier"]
    models(home, *tune, "--half-life", "0").refused("half_life must be more than 0 bars")
    words = [word for setting in second["settings"] for word in ("--set", setting)]
    assert models(home, "train", "xgboost", *words, *AS_OF, "--json").code == 0


class Reader(HTMLParser):
    """The tags of a page, and every address in it."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href") or "url(" in (value or "")]


def test_a_report_is_one_file_without_script_or_anything_from_elsewhere(
    trained: tuple[Home, JSON], tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    told = models(trained[0], "report", "xgboost", str(file), "--json").json
    page = file.read_text(encoding="utf-8")
    assert told["bytes"] == len(page.encode())
    reader = Reader()
    reader.feed(page)
    assert {"svg", "table", "polyline", "circle", "rect"} <= reader.tags
    assert "script" not in reader.tags
    assert reader.addresses == []
    assert "http://" not in page
    assert "https://" not in page
    assert all(words in page for words in ("last_sign", "rsi_7", "Reliability", "Equity", "This learner has none"))
    models(trained[0], "report", "xgboost", str(tmp_path / "report.txt")).refused(".html")
    models(trained[0], "report", "xgboost", str(tmp_path / "no" / "r.html")).refused("cannot be written")


def test_words_of_others_are_escaped_on_the_page(
    trained: tuple[Home, JSON], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.evidence.Evidence.against", ("<script>alert(1)</script>",))
    file = tmp_path / "report.html"
    assert models(trained[0], "report", "xgboost", str(file)).code == 0
    page = file.read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
