"""The language in which a thesis says what ends it: closed, bounded, and honest about what is not known."""

import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.predicates import MAX_COMPARISONS, MAX_DEPTH, MAX_LENGTH, PredicateError, Term, Unit, parse

Read = dict[Term, Decimal | None]


def holds(text: str, **readings: str | None) -> bool | None:
    read: Read = {Term(name): None if value is None else Decimal(value) for name, value in readings.items()}
    return parse(text).holds(read)


# --- comparisons


@pytest.mark.parametrize(
    ("text", "below", "at", "above"),
    [
        ("last < 28500", True, False, False),
        ("last <= 28500", True, True, False),
        ("last > 28500", False, False, True),
        ("last >= 28500", False, True, True),
    ],
)
def test_a_comparison_is_exact_at_its_bound(text: str, below: bool, at: bool, above: bool) -> None:
    assert [holds(text, last=price) for price in ("28499.99", "28500", "28500.01")] == [below, at, above]


def test_two_readings_can_be_compared() -> None:
    assert holds("last <= entry", last="99", entry="100") is True
    assert holds("last <= entry", last="101", entry="100") is False


def test_a_percentage_is_a_fraction() -> None:
    assert holds("gain <= -3%", gain="-0.03") is True
    assert holds("gain <= -3%", gain="-0.0299") is False
    assert parse("gain <= -3%") == parse("gain <= -0.03")


def test_every_reading_can_be_read() -> None:
    for reading in Term:
        assert holds(f"{reading} > 1", **{reading: "2"}) is True


# --- what is not known


@pytest.mark.parametrize("missing", [None, "NaN", "sNaN", "Infinity", "-Infinity"])
def test_a_reading_that_is_missing_leaves_a_comparison_open(missing: str | None) -> None:
    assert holds("last < 1", last=missing) is None
    assert holds("last < entry", last="1", entry=missing) is None
    assert holds("entry < last", last="1", entry=missing) is None


def test_a_reading_that_nobody_gave_is_missing() -> None:
    assert holds("last < 1") is None


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("last > 0 and last < 2", True),
        ("last < 0 or last > 2", False),
        ("last > 0 or gain > 0", True),
        ("gain > 0 or last > 0", True),
        ("last < 0 or gain > 0", None),
        ("last < 0 and gain > 0", False),
        ("gain > 0 and last < 0", False),
        ("last > 0 and gain > 0", None),
        ("last < 0 or last > 0 and gain > 0", None),
        ("last < 0 and gain > 0 or last > 0", True),
    ],
)
def test_what_is_missing_decides_only_where_the_rest_does_not(text: str, answer: bool | None) -> None:
    assert holds(text, last="1", gain=None) is answer


# --- grammar


def test_and_binds_tighter_than_or() -> None:
    assert holds("last > 0 or last > 0 and last < 0", last="1") is True
    assert holds("(last > 0 or last > 0) and last < 0", last="1") is False
    assert parse("last > 0 or bid > 0 and ask > 0") == parse("last > 0 or (bid > 0 and ask > 0)")


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("last<28500.00", "last < 28500"),
        ("  last\n<=\t5and gain>1 ", "last <= 5 and gain > 1"),
        ("gain >= 8%", "gain >= 0.08"),
        ("funding_rate > 0.010%", "funding_rate > 0.0001"),
        ("gain > -0", "gain > 0"),
        ("((last < 1))", "last < 1"),
        ("last < 1 or (bid < 1 or ask < 1)", "last < 1 or bid < 1 or ask < 1"),
        ("(last < 1 and (bid < 1)) and ask < 1", "last < 1 and bid < 1 and ask < 1"),
        ("(last < 1 or (bid < 1)) and ask < 1", "(last < 1 or bid < 1) and ask < 1"),
    ],
)
def test_one_meaning_has_one_text(written: str, canonical: str) -> None:
    assert str(parse(written)) == canonical
    assert parse(written) == parse(canonical)


# --- refusals: what was found, where, and what is allowed

READINGS = ", ".join(Term)
PRICES = "last, bid, ask, mid, high, low, entry"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", f"expected a reading ({READINGS}) or '(', found the end at character 1"),
        ("stance <= -0.10", f"expected a reading ({READINGS}) or '(', found 'stance' at character 1"),
        ("LAST < 1", f"expected a reading ({READINGS}) or '(', found 'LAST' at character 1"),
        ("1 < last", f"expected a reading ({READINGS}) or '(', found '1' at character 1"),
        ("not last < 1", f"expected a reading ({READINGS}) or '(', found 'not' at character 1"),
        ("last < 1 or", f"expected a reading ({READINGS}) or '(', found the end at character 12"),
        ("last", "expected one of < <= > >=, found the end at character 5"),
        ("last == 1", "expected one of < <= > >=, found '==' at character 6"),
        ("last =< 1", "expected one of < <= > >=, found '=' at character 6"),
        ("last.real < 1", "expected one of < <= > >=, found '.' at character 5"),
        ("last <", f"expected a number in decimal digits, or one of {PRICES}, found the end at character 7"),
        ("last < .5", f"expected a number in decimal digits, or one of {PRICES}, found '.' at character 8"),
        ("last < ٣", f"expected a number in decimal digits, or one of {PRICES}, found '٣' at character 8"),
        ("last < NaN", f"expected a number in decimal digits, or one of {PRICES}, found 'NaN' at character 8"),
        ("last < gain", f"expected a number in decimal digits, or one of {PRICES}, found 'gain' at character 8"),
        ("last < 1e5", "expected 'and', 'or' or the end, found 'e5' at character 9"),
        ("last < 1 2", "expected 'and', 'or' or the end, found '2' at character 10"),
        ("last < 1)", "expected 'and', 'or' or the end, found ')' at character 9"),
        ("(last < 1", "expected 'and', 'or' or ')', found the end at character 10"),
        ("spread_bps > 1%", "expected a number in basis points, without a percent sign, found '1%' at character 14"),
        ("last < 1%", "expected a number in quote currency, without a percent sign, found '1%' at character 8"),
        ("age_h > 6%", "expected a number in hours, without a percent sign, found '6%' at character 9"),
    ],
)
def test_a_text_that_is_no_predicate_is_told_what_where_and_what_instead(text: str, says: str) -> None:
    with pytest.raises(PredicateError, match=f"^{re.escape(says)}$"):
        parse(text)


def test_a_long_word_is_quoted_only_at_its_beginning() -> None:
    with pytest.raises(PredicateError, match=r"found 'ignore{35}' at character 1") as refusal:
        parse("ignor" + "e" * 900)
    assert len(str(refusal.value)) < 250


def test_a_text_is_bounded_in_length() -> None:
    text = "last < 1"
    assert parse(text.ljust(MAX_LENGTH)) == parse(text)
    with pytest.raises(PredicateError, match="expected at most 1000 characters, found 1001"):
        parse(text.ljust(MAX_LENGTH + 1))


def test_parentheses_are_bounded_in_depth() -> None:
    assert parse("(" * MAX_DEPTH + "last < 1" + ")" * MAX_DEPTH) == parse("last < 1")
    with pytest.raises(PredicateError, match="expected parentheses at most 8 deep, found more at character 10"):
        parse("(" * (MAX_DEPTH + 1) + "last < 1" + ")" * (MAX_DEPTH + 1))


def test_parentheses_side_by_side_are_not_deep() -> None:
    assert parse(" or ".join(["(last < 1)"] * MAX_COMPARISONS))


def test_comparisons_are_bounded_in_number() -> None:
    assert parse(" or ".join(["last < 1"] * MAX_COMPARISONS))
    with pytest.raises(PredicateError, match="expected at most 12 comparisons, found more at character 145"):
        parse(" or ".join(["last < 1"] * (MAX_COMPARISONS + 1)))


@pytest.mark.parametrize(
    ("number", "fits"),
    [("9" * 32, True), ("9" * 33, False), ("0." + "1" * 30, True), ("0." + "1" * 31, False), ("0" * 99 + "1", True)],
)
def test_a_number_is_bounded_in_characters(number: str, fits: bool) -> None:
    if fits:
        assert holds(f"last >= {number}", last=number) is True
    else:
        with pytest.raises(PredicateError, match="a number of at most 32 characters"):
            parse(f"last >= {number}")


def test_a_percentage_is_bounded_as_the_fraction_that_it_is() -> None:
    assert str(parse(f"gain > 0.{'1' * 28}%")) == f"gain > 0.00{'1' * 28}"
    for number in (f"0.{'1' * 29}%", f"1.{'0' * 98}1%", f"0.{'0' * 98}1%"):
        with pytest.raises(PredicateError, match="a number of at most 32 characters"):
            parse(f"gain > {number}")


def test_the_longest_predicate_can_be_written_down_and_read_again() -> None:
    # Without spaces, and each as a percentage, which grows by two digits when it is written as a fraction.
    pair = f"(volatility_ratio>=-.{'1' * 27}%or volatility_ratio>=-1.{'1' * 26}%)".replace("-.", "-0.")
    longest = parse("and".join([pair] * (MAX_COMPARISONS // 2)))
    assert len(str(longest)) > 600
    assert parse(str(longest)) == longest


# --- against an evaluator that shares nothing with the parser

UNKNOWN = 0.5  # between false and true, so that `and` is the least and `or` the greatest of its parts

numbers = st.decimals("-2", "2", places=1)  # few, so that bounds are met
readings = st.fixed_dictionaries(dict.fromkeys(Term, numbers))
hidden = st.just(set[Term]()) | st.sets(st.sampled_from(list(Term)))
percentages = numbers.map(lambda n: f"{n}%")
written_numbers = numbers.map(str)


@st.composite
def comparisons(draw: st.DrawFn) -> Any:
    left = draw(st.sampled_from(list(Term)))
    alike = [reading for reading in Term if reading.unit is left.unit]
    literals = written_numbers | percentages if left.unit is Unit.FRACTION else written_numbers
    return "is", left, draw(st.sampled_from(["<", "<=", ">", ">="])), draw(literals | st.sampled_from(alike))


trees = st.recursive(
    comparisons(),
    lambda inner: st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, min_size=1, max_size=3)),
    max_leaves=MAX_COMPARISONS // 2,
).filter(lambda tree: leaves(tree) <= MAX_COMPARISONS and depth(tree) < MAX_DEPTH)


def leaves(tree: Any) -> int:
    return 1 if tree[0] == "is" else sum(map(leaves, tree[1]))


def depth(tree: Any) -> int:
    return 0 if tree[0] == "is" else 1 + max(map(depth, tree[1]))


def written(tree: Any) -> str:
    if tree[0] == "is":
        return f"{tree[1]}{tree[2]} {tree[3]}"
    return f"\n{tree[0]} ".join(f"({written(part)})" for part in tree[1])


def truth(tree: Any, read: Read) -> float:
    if tree[0] == "is":
        _, left, sign, right = tree
        amounts = [read.get(left), read.get(right) if isinstance(right, Term) else amount(right)]
        if None in amounts:
            return UNKNOWN
        order = amounts[0].compare(amounts[1])  # type: ignore[union-attr,arg-type]
        return float((order == 0 and "=" in sign) or (order < 0 and "<" in sign) or (order > 0 and ">" in sign))
    return (min if tree[0] == "and" else max)(truth(part, read) for part in tree[1])


def amount(text: str) -> Decimal:
    return Decimal(text[:-1]) / 100 if text.endswith("%") else Decimal(text)


@given(tree=trees, known=readings, unknown=hidden)
def test_it_says_what_plain_logic_says(tree: Any, known: Read, unknown: set[Term]) -> None:
    read = {**known, **dict.fromkeys(unknown)}
    assert parse(written(tree)).holds(read) is {0.0: False, UNKNOWN: None, 1.0: True}[truth(tree, read)]


@given(tree=trees)
def test_the_canonical_text_is_read_as_the_same_and_written_as_the_same(tree: Any) -> None:
    predicate = parse(written(tree))
    assert parse(str(predicate)) == predicate
    assert str(parse(str(predicate))) == str(predicate)


@given(tree=trees, known=readings, unknown=hidden)
def test_not_knowing_a_reading_never_turns_an_answer_around(tree: Any, known: Read, unknown: set[Term]) -> None:
    predicate = parse(written(tree))
    assert predicate.holds({**known, **dict.fromkeys(unknown)}) in (None, predicate.holds(known))


scraps = st.sampled_from([*Term, "<", "<=", ">", ">=", "(", ")", "and", "or", "5", "-0.03", "3%", "==", ".", "٣", " "])


@st.composite
def misspelled(draw: st.DrawFn) -> str:
    text = written(draw(trees))
    at = draw(st.integers(0, len(text)))
    return text[:at] + draw(scraps | st.text(max_size=2)) + text[at + draw(st.integers(0, 3)) :]


@given(misspelled() | st.text(max_size=60) | st.lists(scraps, max_size=30).map("".join))
def test_garbage_is_refused_or_a_predicate_and_nothing_else(text: str) -> None:
    try:
        predicate = parse(text)
    except PredicateError:
        return
    assert parse(str(predicate)) == predicate
