from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from core.quotes import NewsItem
from core.taint import Taint
from core.time import DAY_NS, MINUTE_NS
from market.newswire import market_news, symbol_news
from market.paths import CHARACTERS, LEAD_MINUTES, market_factor
from market.regimes import DAY_MINUTES, Regime, climate
from market.simulated import START_NS

DAYS = 120
NO_JUMPS = np.zeros(DAYS * DAY_MINUTES + LEAD_MINUTES)
GOOD_WORDS = ("first holding", "record high", "adds support", "approves", "rallies")
BAD_WORDS = ("halts withdrawals", "opens a probe", "slides", "fears of selling", "weak demand")


@pytest.fixture(scope="module")
def everyday() -> list[NewsItem]:
    return symbol_news("ETH/USDT", 7, START_NS, DAYS * DAY_MINUTES, NO_JUMPS)


def one_jump(minute: int, size: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    jumps = NO_JUMPS.copy()
    jumps[minute] = size
    return jumps


def tone(item: NewsItem) -> int:
    return any(word in item.headline for word in GOOD_WORDS) - any(word in item.headline for word in BAD_WORDS)


def test_every_text_is_untrusted_and_read_after_it_happened(everyday: list[NewsItem]) -> None:
    for item in everyday:
        assert item.taint is Taint.UNTRUSTED
        assert MINUTE_NS <= item.known_at_ns - item.ts_event_ns <= 60 * MINUTE_NS


def test_there_are_a_few_texts_a_day(everyday: list[NewsItem]) -> None:
    assert 3 * DAYS < len(everyday) < 8 * DAYS


def test_tones_are_mixed(everyday: list[NewsItem]) -> None:
    tones = Counter(tone(item) for item in everyday)
    assert min(tones[-1], tones[0], tones[1]) > DAYS / 2


def test_some_texts_give_orders_to_machines_and_some_shout(everyday: list[NewsItem]) -> None:
    hostile = [i for i in everyday if "ignore previous instructions" in i.headline or "risk limits" in i.headline]
    hype = [i for i in everyday if "MOON" in i.headline or "Insider" in i.headline]
    assert 5 < len(hostile) < len(everyday) / 10
    assert 5 < len(hype) < len(everyday) / 5


def test_a_second_source_repeats_some_texts_later_and_word_for_word(everyday: list[NewsItem]) -> None:
    by_event = sorted(everyday, key=lambda item: (item.ts_event_ns, item.known_at_ns))
    repeats = [(a, b) for a, b in pairwise(by_event) if a.ts_event_ns == b.ts_event_ns and a.headline == b.headline]
    assert len(repeats) > len(everyday) / 10
    for first, second in repeats:
        assert first.source != second.source
        assert first.known_at_ns < second.known_at_ns
        assert first.item_id != second.item_id


def test_ids_are_unique(everyday: list[NewsItem]) -> None:
    assert len({item.item_id for item in everyday}) == len(everyday)


def test_jumps_are_mostly_reported_near_their_time_and_with_their_sign() -> None:
    everyday = symbol_news("ETH/USDT", 7, START_NS, DAYS * DAY_MINUTES, NO_JUMPS)
    offsets, signs = [], []
    for at in range(1_000, 100_000, 1_000):
        for item in symbol_news("ETH/USDT", 7, START_NS, DAYS * DAY_MINUTES, one_jump(at, 0.02))[len(everyday) :][:1]:
            offsets.append((item.ts_event_ns - START_NS) / MINUTE_NS - at)
            signs.append(tone(item))
    assert 50 < len(offsets) < 95
    assert -20 <= min(offsets) < 0 < max(offsets) <= 11
    assert 0.7 < np.mean(np.array(signs) == 1) < 0.98


def test_a_move_of_the_whole_market_is_told_for_every_symbol_once() -> None:
    items = market_news(
        7, START_NS, DAYS * DAY_MINUTES, market_factor(7, climate(Regime.MIXED, 7, DAYS * DAY_MINUTES)).jumps
    )
    assert items
    assert {item.symbols for item in items} == {tuple(CHARACTERS)}


def test_no_event_lies_outside_the_span() -> None:
    first = symbol_news("BTC/USDT", 7, START_NS, DAY_MINUTES, one_jump(DAY_MINUTES + 5, 0.02)[: DAY_MINUTES + 60])
    assert all(START_NS <= item.ts_event_ns < START_NS + DAY_NS for item in first)
