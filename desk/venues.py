"""The doctor at the venue that testnet and live work at: the only part of it that asks anybody. Paper asks nobody."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from core.errors import ConfigError, DeskError
from desk import places, readiness, waivers
from desk.clock import SystemClock
from desk.findings import Finding, look
from desk.home import Home
from desk.keys import Found, KeyChain
from desk.settings import Settings, database_url
from execution.venues.exchange.budget import RateBudget
from execution.venues.exchange.checkup import CheckUp, check_up
from execution.venues.exchange.client import Access, stated_rate
from execution.venues.exchange.facts import VenueFacts, facts_of
from memory.books.database import Books
from risk.readings import Reading

TIMEOUT_S: Final = 10.0


def examine(home: Home, settings: Settings, environment: Mapping[str, str]) -> list[Finding]:
    """Of each venue itself, keys, what the key may do, the clock and the dead man's switch; nothing on paper."""
    if settings.mode == "paper":
        return []
    return [finding for own in places.each(settings) for finding in _examine(home, own, environment)]


def _examine(home: Home, settings: Settings, environment: Mapping[str, str]) -> list[Finding]:
    venue, facts = settings.venue.name, facts_of(settings.venue.name, settings.venue.kind)
    known = readiness.venue_facts(facts)
    sandbox = "it has a testnet" if facts.sandbox else "it has no testnet"
    findings = [Finding(known.part, known.ok, f"{settings.mode} at {known.found}; {settings.venue.kind}; {sandbox}")]
    chain, found = KeyChain(home, environment), list[Found]()
    findings.append(look("keys", lambda: _keys(chain, venue, found)))
    if found:
        checked = _check_up(settings, found[0])
        findings.append(look("clock", lambda: _clock(settings, checked)))
        findings.append(_scopes(home, settings, found[0], checked))
    findings.append(Finding("dead man", True, _dead_man(facts, settings)))
    return findings


def _keys(chain: KeyChain, venue: str, found: list[Found]) -> str:
    keys = chain.need(venue)
    found.append(keys)
    return f"{venue} {keys.hint}, from {keys.kept}"


def _check_up(settings: Settings, found: Found) -> CheckUp:
    venue = settings.venue
    access = Access(venue.endpoints.get(venue.name), testnet=settings.mode == "testnet", stream=False)
    budget = RateBudget(stated_rate(venue.name))
    asked = check_up(venue.name, venue.kind, found.keys, budget, SystemClock(), access, timeout_s=TIMEOUT_S)
    return asyncio.run(asked)


def _clock(settings: Settings, checked: CheckUp) -> str:
    if checked.trouble is not None:
        raise ConfigError(checked.trouble)
    if checked.skew_s is None:
        return f"{settings.venue.name} does not tell its time"
    told = f"{abs(checked.skew_s):.2f} s {'before' if checked.skew_s > 0 else 'behind'} {settings.venue.name}"
    limits = [b.limit for b in settings.risk.breakers if b.reads is Reading.CLOCK_SKEW_S and b.limit is not None]
    if limits and abs(checked.skew_s) > min(limits):
        raise ConfigError(f"{told}, {min(limits)} s are allowed: set the clock of this machine")
    return told


def _scopes(home: Home, settings: Settings, found: Found, checked: CheckUp) -> Finding:
    waived = None
    with suppress(DeskError), Books.open(database_url(home, settings)) as books:  # ill books are told elsewhere
        waived = books.read(lambda conn: waivers.waived(conn, waivers.KEYS, found.fingerprint))
    return readiness.key_scopes(settings.venue.name, settings.mode, checked.scope, waived, SystemClock().now_ns())


def _dead_man(facts: VenueFacts, settings: Settings) -> str:
    if settings.venue.kind in facts.mass_cancel:
        return "the watchdog, and the venue's own timer while no stop of ours rests there"
    return "the watchdog: the venue has no timer of its own"
