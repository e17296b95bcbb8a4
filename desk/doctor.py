"""`doctor`: whether this desk could start, part by part, each with what was found."""

import shutil
import sys
import time
from typing import Final

from core.errors import ConfigError
from core.time import show_time
from desk import forecasters, outside, reasoning, scorers, venues
from desk.findings import Finding
from desk.findings import look as _finding
from desk.home import Home
from desk.markets import MarketSpec
from desk.settings import Settings, database_url, environment_of, load, source
from memory.books.database import Books
from memory.books.verify import verify
from memory.recall.recall import Recall

_THIRD_PARTIES: Final = (
    "warning: served to third parties; in the European Union advice on crypto-assets is a service of authorised "
    "providers (MiCA, CASP): ask a lawyer whether this is one"
)
LEAST_FREE_BYTES = 200 * 1024 * 1024


def examine(home: Home) -> list[Finding]:
    """Looks at every part and never stops at the first that is ill."""
    findings = [_finding("python", lambda: sys.version.split()[0])]
    settings: list[Settings] = []
    findings.append(_finding("settings", lambda: _settings(home, settings)))
    effective = settings[0] if settings else Settings()
    findings.append(_finding("home", lambda: _home(home)))
    findings.append(_finding("database", lambda: _database(home, effective)))
    findings.append(_finding("market", lambda: _market(effective)))
    findings.append(_finding("reasoner", lambda: reasoning.told(effective.llm, home, environment_of())))
    findings.append(_finding("sentiment", lambda: _scorer(effective)))
    findings.append(_finding("forecasters", lambda: forecasters.find(home).told(time.time_ns())))
    findings.append(_finding("recall", lambda: _recall(home, effective)))
    findings += outside.examine(home, effective)
    findings += venues.examine(home, effective, environment_of())
    findings.append(_finding("watch", lambda: _watched(effective)))
    if effective.signals.third_parties:
        findings.append(_finding("signals", lambda: _THIRD_PARTIES))
    findings.append(_finding("kill file", lambda: _kill(home)))
    return findings


def _settings(home: Home, found: list[Settings]) -> str:
    settings = load(home)
    found.append(settings)
    return f"{source(home)}; mode {settings.mode}, reasoner {settings.llm.provider}, approval {settings.risk.approval}"


def _scorer(settings: Settings) -> str:
    """Another one than was asked for is no failure: the desk works, and its records say who spoke."""
    found = scorers.chosen(settings, time.time_ns())
    return "; ".join([f"{found.scorer.name} reads the texts", *found.reasons])


def _recall(home: Home, settings: Settings) -> str:
    writes = "writes lessons" if settings.recall.reflect else "writes no lessons ([recall] reflect)"
    return f"{Recall(settings.recall, home.recall).told()}; {writes}"


def _home(home: Home) -> str:
    home.make()
    free = shutil.disk_usage(home.path).free
    if free < LEAST_FREE_BYTES:
        raise ConfigError(f"{home.path} has {free // 2**20} MiB free, {LEAST_FREE_BYTES // 2**20} MiB needed")
    return f"{home.path}, {free // 2**30} GiB free"


def _database(home: Home, settings: Settings) -> str:
    with Books.open(database_url(home, settings)) as books:
        found = books.read(verify)
    if not found.ok:
        raise ConfigError(f"the journal is broken at {found.broken}: {found.problem}")
    return f"opened; {found.entries} journal entries in {found.streams} streams verified, {found.records} records"


def _market(settings: Settings) -> str:
    if settings.market.kind != "simulated":
        return "recorded: name the candles with `warden run --market recorded --candles FILE`"
    market = MarketSpec("simulated", ("BTC/USDT", "ETH/USDT"), settings.market.seed).open(settings.market)
    first_ns, last_ns = market.range_ns
    quote = market.quote("BTC/USDT", as_of_ns=last_ns)
    if quote is None or quote.spread_bps is None:
        raise ConfigError("the simulated market shows no usable price")
    return f"simulated, {show_time(first_ns)} to {show_time(last_ns)}, BTC/USDT {quote.last}"


def _watched(settings: Settings) -> str:
    """What the policy leaves out of sight: no fault, and nothing to find out by a loss."""
    policy, unseen = settings.risk, []
    if settings.account.numeraire in policy.stablecoins and settings.account.numeraire not in policy.pegs:
        unseen.append(f"the peg of {settings.account.numeraire} ([risk] pegs)")
    if not policy.min_sources:
        unseen.append("other sources of a price ([risk] min_sources)")
    return f"not watched: {' and '.join(unseen)}" if unseen else "pegs and other sources of a price are watched"


def _kill(home: Home) -> str:
    if home.kill_file.exists():
        raise ConfigError(f"{home.kill_file} is present: nothing trades until a person removes it")
    return "absent"
