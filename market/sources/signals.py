"""Numbers that somebody else publishes about an asset: polled, or sent to a webhook. Untrusted like any text, and
worth what their record is (`models/signals.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from core.canonical import JSON
from core.errors import DataRefused
from core.taint import Taint
from core.time import DAY_NS, SECOND_NS
from market.sources.context import Context
from market.sources.fields import moment_ns, number, pick
from market.sources.items import SIGNAL, Batch, Reading
from market.sources.settings import SignalSettings
from market.sources.vendors import explain

_AHEAD_NS: Final = 5 * SECOND_NS  # of a sender's clock
_OLDEST_NS: Final = DAY_NS


class PolledSignal:
    """One external signal by its URL. Its bearer token, where it needs one, is TRADEWARDEN_SIGNAL_<NAME>."""

    def __init__(self, context: Context, settings: SignalSettings) -> None:
        self._context, self._settings = context, settings
        self.cadence_s = settings.every_s

    @property
    def name(self) -> str:
        return f"signal:{self._settings.name}"

    async def poll(self, since_ns: int) -> Batch:
        token = self._context.secrets.get(f"SIGNAL_{self._settings.name.upper().replace('-', '_')}")
        headers = {"authorization": f"Bearer {token}"} if token else {}
        with explain(self.name, "message"):
            answer = await self._context.web.get(str(self._settings.url), what=self.name, headers=headers)
        return Batch((), (signal_of(self._settings, answer.json(), self._context.clock.now_ns()),))


def signals_of(context: Context) -> tuple[PolledSignal, ...]:
    """The configured signals that are polled. Those of webhooks come by `received`."""
    return tuple(PolledSignal(context, one) for one in context.settings.signals if one.kind == "poll" and one.url)


def received(settings: Sequence[SignalSettings], name: str, payload: JSON, now_ns: int) -> Reading:
    """What a webhook was sent. DataRefused for a name that is not configured as one, and for a payload that is none."""
    known = {one.name: one for one in settings if one.kind == "webhook"}
    if name not in known:
        raise DataRefused(f"no webhook signal {name[:40]!r}; configured are {', '.join(sorted(known)) or 'none'}")
    return signal_of(known[name], payload, now_ns)


def signal_of(settings: SignalSettings, payload: JSON, now_ns: int) -> Reading:
    """The number in a payload: from -1 to 1, of now or of the last day."""
    value = number(_at(payload, settings.value))
    if value is None or not -1 <= value <= 1:
        found = "no number" if value is None else str(value)[:40]
        raise DataRefused(f"signal {settings.name} has {found} at {'.'.join(settings.value)}; allowed is -1 to 1")
    event_ns = moment_ns(_at(payload, settings.time)) if settings.time else now_ns
    if event_ns is None:
        raise DataRefused(f"signal {settings.name} has no time at {'.'.join(settings.time)}")
    if not now_ns - _OLDEST_NS <= event_ns <= now_ns + _AHEAD_NS:
        raise DataRefused(f"signal {settings.name} is of another time; allowed is the last day")
    event_ns = min(event_ns, now_ns)
    source = f"signal:{settings.name}"
    return Reading(SIGNAL, settings.asset, source, event_ns, now_ns, value, "score", taint=Taint.UNTRUSTED)


def _at(payload: JSON, names: Sequence[str]) -> JSON:
    """What lies at a path as settings write it, where a number may be a position in a list."""
    found = payload
    for name in names:
        found = pick(found, int(name) if name.isdigit() and isinstance(found, list) else name)
    return found
