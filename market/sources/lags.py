"""How long after its event a datum could be known, by archive or series: a table with sources, and no guesses.

`known_at = event_time + lag`. What has no line in the table is refused: a wrong lag lets a backtest see
the future.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from core.errors import ConfigError, DataRefused
from core.time import DAY_NS, duration_ns


@dataclass(frozen=True, slots=True)
class Lag:
    """`period_ns` is how long a value's period is (0: a moment). A stamp says the start of it; the event is its end."""

    name: str
    period_ns: int
    lag_ns: int
    why: str
    source: str

    def event_ns(self, stamp_ns: int) -> int:
        """The end of the period that a stamp begins."""
        return stamp_ns + self.period_ns

    def known_at_ns(self, stamp_ns: int) -> int:
        """When a value with this stamp could first be read."""
        return self.event_ns(stamp_ns) + self.lag_ns


def lag_of(name: str) -> Lag:
    """The documented lag of an archive or series. Without one, DataRefused."""
    table = _table()
    if name not in table:
        raise DataRefused(
            f"{name} has no documented publication lag, without which its known-at time would be a guess; "
            f"allowed are {', '.join(sorted(table))}"
        )
    return table[name]


@cache
def _table() -> dict[str, Lag]:
    text = files("market.sources").joinpath("lags.toml").read_text(encoding="utf-8")
    return lags_of(text, "lags.toml")


def lags_of(text: str, where: str) -> dict[str, Lag]:
    """The table that a text holds. A line without a reason, a source or a sane duration refuses the whole."""
    found: dict[str, Lag] = {}
    for name, line in tomllib.loads(text).items():
        if set(line) != {"period", "lag", "why", "source"} or not all(isinstance(v, str) and v for v in line.values()):
            raise ConfigError(f"{where}: {name} has {', '.join(sorted(line))}; allowed are period, lag, why and source")
        lag = Lag(name, _duration(line["period"]), _duration(line["lag"]), line["why"], line["source"])
        if lag.lag_ns > 366 * DAY_NS:
            raise ConfigError(f"{where}: {name} lags by {line['lag']}; allowed is up to a year")
        found[name] = lag
    return found


def _duration(text: str) -> int:
    return 0 if text == "0s" else duration_ns(text)
