"""What a person reads is what is there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.printable import lines, one_line


@pytest.mark.parametrize(
    "unseen", ["\x1b[2J", "\x9b2J", "\r", "\n", "\u2028", "\u202e", "\u200b", "\u2066", "\U000e0041", "\x00", "\ud800"]
)
def test_what_steers_a_terminal_or_hides_is_a_space(unseen: str) -> None:
    shown = one_line(f"buy{unseen}sell")
    assert shown == f"buy {unseen[1:]}sell"


def test_what_can_be_seen_stays_in_every_language() -> None:
    said = "Kauft jetzt: 比特币 · биткоин · بيتكوين · 50 % ✓ 🚀"
    assert one_line(said) == lines(said) == said


@given(st.text(st.characters()))
def test_nothing_else_changes(text: str) -> None:
    assert one_line(text).isprintable()
    assert len(one_line(text)) == len(text)
    assert lines(text).count("\n") == text.count("\n")
    assert one_line(lines(text)) == one_line(text)
