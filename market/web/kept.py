"""Answers that can be asked for again with 'has it changed?': those with validators, up to so many bytes."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from market.web.answers import Answer

MOST_BYTES: Final = 32_000_000


class Kept:
    """By URL; the ones that were fetched longest ago go first."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most, self._bytes = most_bytes, 0
        self._answers: OrderedDict[str, Answer] = OrderedDict()

    def get(self, url: str) -> Answer | None:
        return self._answers.get(url)

    def put(self, url: str, answer: Answer) -> None:
        """Keeps an answer in place of the one before; one without validators, or too large, only drops that."""
        if (before := self._answers.pop(url, None)) is not None:
            self._bytes -= len(before.content)
        if not validators(answer) or len(answer.content) > self._most:
            return
        self._answers[url] = answer
        self._bytes += len(answer.content)
        while self._bytes > self._most:
            self._bytes -= len(self._answers.popitem(last=False)[1].content)


def validators(kept: Answer | None) -> dict[str, str]:
    """Headers that ask for an answer only where it changed."""
    if kept is None:
        return {}
    pairs = (("etag", "if-none-match"), ("last-modified", "if-modified-since"))
    return {ask: kept.headers[told] for told, ask in pairs if told in kept.headers}
