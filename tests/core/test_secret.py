"""A secret shows nothing of itself."""

import copy
import json
import pickle
from dataclasses import asdict, dataclass

import pytest

from core.canonical import plain
from core.secret import HIDDEN, Secret

TEXT = "k7Zq-planted-Vx92"


@dataclass(frozen=True)
class Holder:
    name: str
    held: Secret


@pytest.mark.parametrize("show", [repr, str, "{}".format, "{!r:>30}".format, "%s".__mod__, ascii, "{:s}".format])
def test_no_way_of_writing_shows_it(show: object) -> None:
    assert callable(show)
    assert TEXT not in show(Secret(TEXT))
    assert HIDDEN in show(Secret(TEXT))


@pytest.mark.parametrize("write", [pickle.dumps, json.dumps, plain])
def test_nothing_that_writes_data_takes_it(write: object) -> None:
    assert callable(write)
    with pytest.raises(TypeError) as refused:
        write(Secret(TEXT))
    assert TEXT not in str(refused.value)


def test_what_holds_it_hides_it_too() -> None:
    holder = Holder("binance", Secret(TEXT))
    assert TEXT not in repr(holder)
    assert TEXT not in repr(asdict(holder))
    assert TEXT not in repr(copy.deepcopy(holder))
    assert not hasattr(holder.held, "__dict__")


def test_it_is_revealed_and_compared_by_its_text() -> None:
    assert Secret(TEXT).reveal() == TEXT
    assert Secret(TEXT) == Secret(TEXT) != Secret("other")
    assert Secret(TEXT) != TEXT
    assert not Secret("")


@pytest.mark.parametrize(
    ("text", "hint"), [("", "…"), ("elevenchars", "…"), ("twelve-chars", "…hars"), (TEXT, "…Vx92")]
)
def test_a_hint_is_four_characters_of_what_is_long_enough(text: str, hint: str) -> None:
    assert Secret(text).hint == hint
