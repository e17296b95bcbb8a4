from hypothesis import given
from hypothesis import strategies as st

from core.time import DAY_NS
from market.sources.copies import WINDOW_NS, Stories, containment, print_of, resemblance, same_story, words_of

BODY = (
    "Russia's Congressional finance committee chairman, Anatoly Aksakov, said the country is moving to greenlight"
    " international trade in cryptocurrency within the next month, according to a report by national media on Friday."
)
OTHER = (
    "The European Central Bank left its key rates unchanged on Thursday and said that inflation was falling faster than"
    " it had thought, while wages kept rising in most of the countries that share the currency."
)
shingles = st.frozensets(st.tuples(st.integers(0, 6).map(str)), max_size=8)


def same(one: tuple[str, str], other: tuple[str, str]) -> bool:
    found = same_story(print_of(*one), print_of(*other))
    assert found == same_story(print_of(*other), print_of(*one))
    return found


def test_two_empty_texts_are_no_story() -> None:
    assert not same(("", ""), ("", ""))


def test_a_headline_word_for_word_is_one_story_whoever_tells_it() -> None:
    assert same(("Russia Close To Legalizing Bitcoin", ""), ("RUSSIA close to legalizing Bitcoin - Yahoo Finance", ""))
    assert same(("Russia close to legalizing Bitcoin | CoinDesk", BODY), ("Russia close to legalizing bitcoin", ""))


def test_the_same_headline_over_another_text_is_another_story() -> None:
    assert not same(("Crypto Markets Today: What Moved", BODY), ("Crypto Markets Today: What Moved", OTHER))


def test_a_short_headline_names_no_story() -> None:
    assert not same(("Bitcoin price today", ""), ("Bitcoin price today", ""))


def test_the_same_text_under_another_headline_is_one_story_even_cut() -> None:
    assert same(("Moscow says yes", BODY), ("Kremlin warms to coins", BODY[:120]))
    assert same(("Moscow says yes", BODY), ("Kremlin warms to coins", "By our staff. " + BODY))


def test_another_number_in_a_headline_is_another_story() -> None:
    long = "Bitcoin sets yet another record as buyers of the new funds keep coming back for more, now above {}"
    assert not same((long.format("$69,000"), ""), (long.format("$70,000"), ""))
    assert same((long.format("$69,000"), ""), (long.format("$69000").replace("yet another", "a"), ""))


def test_a_copy_belongs_to_the_first_telling() -> None:
    stories = Stories()
    assert stories.story_of("a", print_of("Moscow says yes", BODY), 0) == "a"
    assert stories.story_of("b", print_of("Kremlin warms", BODY), 1) == "a"
    assert stories.story_of("c", print_of("Rates unchanged", OTHER), 2) == "c"
    assert stories.story_of("d", print_of("Kremlin warms", BODY[:150]), 3) == "a"


def test_a_story_is_forgotten_after_its_window() -> None:
    stories = Stories()
    first = print_of("Moscow says yes", BODY)
    stories.story_of("a", first, 0)
    assert stories.story_of("b", first, WINDOW_NS - 1) == "a"
    assert stories.story_of("c", first, WINDOW_NS) == "c"
    assert stories.story_of("d", first, WINDOW_NS + DAY_NS) == "c"


def test_the_first_telling_stays_itself_when_it_is_read_again() -> None:
    stories = Stories()
    stories.story_of("a", print_of("Moscow says yes", BODY), 0)
    assert stories.story_of("a", print_of("Moscow says no", OTHER), 1) == "a"


def test_words_have_no_links_case_or_commas_of_thousands() -> None:
    assert words_of("The ETF's $69,000 — https://t.co/x Über 3.5%") == (
        "the",
        "etf's",
        "$69,000"[1:].replace(",", ""),
        "über",
        "3.5",
    )


@given(shingles, shingles)
def test_likeness_lies_between_nothing_and_all_and_is_mutual(
    one: frozenset[tuple[str]], other: frozenset[tuple[str]]
) -> None:
    for likeness in (containment, resemblance):
        assert 0 <= likeness(one, other) == likeness(other, one) <= 1
    assert resemblance(one, other) <= containment(one, other)
    assert containment(one, one) == (1 if one else 0)
