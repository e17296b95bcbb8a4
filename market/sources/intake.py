"""The one way in for texts: cleaned, dated, told apart from their earlier versions and copies, and never trusted.

A source hands over what it saw; what the desk may read of it, and how far it is trusted, is decided here alone.
"""

from __future__ import annotations

import re
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from core.taint import Taint
from core.time import DAY_NS
from market.sources.assets import assets_in
from market.sources.cleaning import Clean, clean
from market.sources.copies import Stories, print_of
from market.sources.items import WHOLE_MARKET, RawText, TextItem, content_hash, item_id
from market.sources.language import language_of

Tripwire = Callable[[str], bool]

LONGEST_BODY: Final = 100_000  # characters that are kept
_REMEMBERED: Final = 200_000  # items whose newest version is known
_HARMLESS: Final = frozenset(("cut", "mended", "attribute"))
_OLDEST_NS: Final = 366 * 60 * DAY_NS


@dataclass(frozen=True, slots=True)
class _Version:
    revision: int
    content: str
    story_id: str
    deleted: bool


class Intake:
    """Turns raw texts into items. `tripwire` says whether a text gives orders: what it catches is hostile.

    Texts of all sources go through one intake in the order in which they became known.
    """

    def __init__(self, tripwire: Tripwire) -> None:
        self._tripwire = tripwire
        self._stories = Stories()
        self._known: OrderedDict[str, _Version] = OrderedDict()
        self.counts: Counter[str] = Counter()

    def admit(self, source: str, raw: RawText, known_at_ns: int) -> TextItem | None:
        """The item, or None where it says nothing new: no words, or the very version that is known already."""
        headline, body = clean(raw.headline, markup=raw.markup), clean(raw.body, markup=raw.markup)
        headline = replace(headline, text=" ".join(headline.text.split()))
        body = self._cut(body)
        if not headline.text and not body.text:
            self.counts["empty"] += 1
            return None
        name, content = item_id(source, raw.native_id), content_hash(headline.text, body.text)
        before = self._known.get(name)
        if before is not None and before.content == content and not before.deleted:
            self.counts["seen before"] += 1
            return None
        story = self._stories.story_of(name, print_of(headline.text, body.text), known_at_ns)
        item = TextItem(
            item_id=name,
            source=source,
            event_ns=self._dated(raw.event_ns, known_at_ns),
            known_at_ns=known_at_ns,
            content_hash=content,
            headline=headline.text,
            body=body.text,
            url=_link(raw.url),
            language=language_of(f"{headline.text}\n{body.text}", raw.language),
            assets=_assets(raw.assets, f"{headline.text}\n{body.text}"),
            story_id=story,
            taint=self._taint(headline, body),
            revision=0 if before is None else before.revision + 1,
            concealed=_together(headline, body, raw.altered_from),
        )
        self._count(item)
        self._remember(item)
        return item

    def withdraw(self, source: str, native_id: str, known_at_ns: int) -> TextItem | None:
        """The tombstone of a text that its source took back; None where it was never seen, or is gone already."""
        name = item_id(source, native_id)
        before = self._known.get(name)
        if before is None or before.deleted:
            return None
        item = TextItem(
            item_id=name,
            source=source,
            event_ns=known_at_ns,
            known_at_ns=known_at_ns,
            content_hash=content_hash("", ""),
            headline="",
            body="",
            url="",
            language=language_of(""),
            assets=(),
            story_id=before.story_id,
            revision=before.revision + 1,
            deleted=True,
        )
        self.counts["deleted"] += 1
        self._remember(item)
        return item

    def recall(self, items: Iterable[TextItem]) -> None:
        """Learns what a store holds already, oldest first, so that a restart does not tell it all again."""
        for item in items:
            if not item.deleted and not item.is_copy:
                self._stories.story_of(item.item_id, print_of(item.headline, item.body), item.known_at_ns)
            self._remember(item)

    def _dated(self, event_ns: int | None, known_at_ns: int) -> int:
        """When it happened, as far as that can be true: nothing happens after it was read."""
        if event_ns is None:
            self.counts["undated"] += 1
            return known_at_ns
        if event_ns > known_at_ns:
            self.counts["from the future"] += 1
            return known_at_ns
        if event_ns < known_at_ns - _OLDEST_NS:
            self.counts["undated"] += 1  # 1 January of year 1, or of 1900: a default, not a date
            return known_at_ns
        return event_ns

    def _taint(self, headline: Clean, body: Clean) -> Taint:
        told = (headline.text, body.text, headline.unseen, body.unseen)
        if any(self._tripwire(text) for text in told if text):
            self.counts["hostile"] += 1
            return Taint.HOSTILE
        return Taint.UNTRUSTED

    def _cut(self, body: Clean) -> Clean:
        if len(body.text) <= LONGEST_BODY:
            return body
        return replace(body, text=body.text[:LONGEST_BODY], concealed=(*body.concealed, ("cut", 1)))

    def _count(self, item: TextItem) -> None:
        self.counts["admitted"] += 1
        self.counts["copies"] += item.is_copy
        self.counts["edited"] += item.revision > 0
        self.counts["concealing"] += any(kind not in _HARMLESS for kind, _ in item.concealed)

    def _remember(self, item: TextItem) -> None:
        self._known[item.item_id] = _Version(item.revision, item.content_hash, item.story_id, item.deleted)
        self._known.move_to_end(item.item_id)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)


def _link(url: str) -> str:
    """A web link, or nothing: a text's link is shown to people, and must not be a script."""
    url = "".join(url.split())
    fits = url.startswith(("https://", "http://")) and url.isprintable() and len(url) <= 2_000
    return url if fits else ""


def _assets(stated: tuple[str, ...], text: str) -> tuple[str, ...]:
    """What the source tagged, as far as it looks like a ticker, and what the text names."""
    tagged = [asset.upper() for asset in stated if asset == WHOLE_MARKET or re.fullmatch(r"[A-Za-z0-9]{1,10}", asset)]
    return tuple(dict.fromkeys([*tagged, *assets_in(text)]))


def _together(headline: Clean, body: Clean, before: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    total: Counter[str] = Counter(before)
    for part in (headline, body):
        for kind, count in part.concealed:
            total[kind] += count
    return tuple(sorted(total.items()))
