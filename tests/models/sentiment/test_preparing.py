import time

import pytest

from core.ports import Abstain
from models.sentiment.attribution import about
from models.sentiment.labelled import SETS
from models.sentiment.preparing import LONGEST, prepared, readable
from tests.models.sentiment.networks import shared


def test_links_and_mentions_go_and_tags_become_tickers() -> None:
    assert prepared("$BTC #ETH up, says @someone https://t.co/x www.example.com") == "BTC ETH up, says"


def test_an_amount_in_dollars_stays_an_amount() -> None:
    assert prepared("raised $5 million") == "raised $5 million"


@pytest.mark.parametrize("text", ["", "  \n", "https://example.com/a", "!!! 123"])
def test_a_text_without_words_is_an_abstention(text: str) -> None:
    assert readable(text) == Abstain("the text has no words")


@pytest.mark.parametrize(
    "text",
    [
        "比特币上涨",
        "Биткоин растет",
        "Bitcoin cae un 5% tras la decisión de la Fed",
        "Der Bitcoin ist heute auf ein neues Hoch gestiegen",
        "Le bitcoin recule pour la troisième fois",
    ],
)
def test_a_text_that_is_not_english_says_so(text: str) -> None:
    found = readable(text)
    assert isinstance(found, Abstain)
    assert "not English" in found.reason


def test_a_text_of_a_megabyte_is_refused_at_once_and_one_of_the_longest_length_is_read() -> None:
    began = time.process_time()
    found = readable("bitcoin falls " * 80_000)
    assert found == Abstain(f"the text has 1120000 characters, at most {LONGEST} are read")
    assert time.process_time() - began < 0.5
    assert isinstance(readable("b" * LONGEST), str)


def test_hardly_an_english_text_of_the_labelled_sets_is_taken_for_another_language() -> None:
    folder = shared("data/sentiment")
    refused = texts = 0
    for kind in SETS:
        rows = kind.read(folder / kind.file)
        texts += len(rows)
        refused += sum(isinstance(readable(text), Abstain) for text, _ in rows)
    assert texts > 15_000
    assert refused / texts < 0.002


def assets_in(text: str) -> list[str]:
    return [asset for asset, name in {"BTC": "Bitcoin", "ETH": "Ether"}.items() if name in text]


def test_each_asset_gets_the_clause_that_speaks_of_it() -> None:
    text = "Bitcoin falls while Ether soars. Traders cheer."
    assert about(text, "BTC", assets_in) == "Bitcoin falls"
    assert about(text, "ETH", assets_in) == "Ether soars. Traders cheer."


def test_a_text_of_one_asset_or_of_none_is_about_it_as_a_whole() -> None:
    assert about("Bitcoin falls. Panic.", "BTC", assets_in) == "Bitcoin falls. Panic."
    assert about("Markets fall.", "BTC", assets_in) == "Markets fall."


def test_a_text_of_other_assets_is_an_abstention() -> None:
    assert about("Ether soars", "BTC", assets_in) == Abstain("the text speaks of ETH, not of BTC")
