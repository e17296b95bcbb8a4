"""The conditions of going live, each as a finding: passed, or refused with what is needed.

A testnet risks nothing: there the key's scopes are only a warning, and neither days nor a confirmation are asked for.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from sqlalchemy import Connection, select

from core.canonical import digest
from core.errors import ConfigError
from core.time import DAY_NS, show_time
from desk import waivers
from desk.findings import Finding
from desk.keys import Found
from desk.settings import Settings
from execution.mismatches import Reconciled
from execution.venues.exchange.facts import VenueFacts, facts_of
from execution.venues.exchange.scopes import Scope, Unreadable
from memory.books.tables import records, runs

REHEARSED_DAYS: Final = 14
CONFIRM: Final = "TRADEWARDEN_CONFIRM_LIVE"
_REHEARSALS: Final = ("paper", "testnet")


def key_scopes(venue: str, mode: str, scope: Scope | Unreadable, waived: str | None, now_ns: int) -> Finding:
    """Whether the key can trade, and cannot withdraw."""
    if isinstance(scope, Scope):
        if not (scope.can_read and scope.can_trade):
            return Finding("key scopes", False, f"the key may not {'trade' if scope.can_read else 'read'} at {venue}")
        if scope.expires_ns is not None and scope.expires_ns <= now_ns:
            return Finding("key scopes", False, f"the key expired at {show_time(scope.expires_ns)}: make another")
        if not scope.can_withdraw:
            return Finding("key scopes", True, f"reads and trades, and cannot withdraw{_bounds(scope)}")
        problem, needed = "the key can withdraw", "make one that cannot"
    else:
        problem, needed = f"what the key may do is not known: {scope.reason}", "use a key whose scopes can be read"
    if mode != "live":
        return Finding("key scopes", True, f"warning: {problem}; live would refuse it")
    if waived is not None:
        return Finding("key scopes", True, f"{problem}; accepted by {waived}")
    return Finding("key scopes", False, f"{problem}: {needed}, or `warden keys accept {venue} --reason …`")


def _bounds(scope: Scope) -> str:
    bound = {True: "; bound to addresses", False: "; usable from any address", None: ""}[scope.ip_bound]
    return bound + ("" if scope.expires_ns is None else f"; until {show_time(scope.expires_ns)}")


def reconciliation(found: Reconciled | None) -> Finding:
    """Whether books and venue agree, from a reconciliation of now; None where there was none."""
    if found is None:
        return Finding("reconcile", False, "books and venue were not compared: the venue must answer first")
    if found.mismatches:
        told = "; ".join(f"{each.name} ({each.detail})" for each in found.mismatches)
        return Finding("reconcile", False, f"books and venue disagree: {told}")
    if not found.clean:
        return Finding("reconcile", False, f"too active to be judged: {', '.join(found.left_alone)}; try again")
    return Finding("reconcile", True, "books and venue agree")


def rehearsed_days(conn: Connection, settings: Settings) -> int:
    """Days (UTC) with a record of a desk on paper or a testnet, under this risk policy, at the market of the time.

    What ran over a market of the past counts nothing: a minute makes years of it.
    """
    policy = settings.risk.policy_hash
    found = conn.execute(select(runs.c.run_id, runs.c.command)).all()
    counted = [run_id for run_id, command in found if _rehearses(command, policy)]
    days = {at // DAY_NS for at in conn.scalars(select(records.c.as_of_ns).where(records.c.run_id.in_(counted)))}
    return len(days)


def _rehearses(command: Mapping[str, Mapping[str, object]], policy: str) -> bool:
    told = command["settings"]
    at_the_time = command["market"]["kind"] == "live"
    return at_the_time and told["mode"] in _REHEARSALS and digest(told["risk"]) == policy


def rehearsal(days: int, waived: str | None) -> Finding:
    told = f"{days} of {REHEARSED_DAYS} days on paper or a testnet under this policy"
    if days >= REHEARSED_DAYS:
        return Finding("rehearsal", True, told)
    if waived is not None:
        return Finding("rehearsal", True, f"{told}; accepted by {waived}")
    return Finding("rehearsal", False, f"{told}: run the desk there first, or `warden risk waive REASON`")


def confirmation(account_id: str, environment: Mapping[str, str], *, asked: bool, typed: str | None) -> Finding:
    """`asked`: the command said live; `typed`: what a person then wrote, None where nobody was there to write.

    Both name accounts, with spaces between them where the desk has several.
    """
    if account_id in environment.get(CONFIRM, "").split():
        return Finding("confirmation", True, f"{CONFIRM} names {account_id}")
    if asked and account_id in (typed or "").split():
        return Finding("confirmation", True, f"{account_id} was typed")
    return Finding("confirmation", False, f"real money needs a word: type {account_id}, or set {CONFIRM} to it")


def venue_facts(facts: VenueFacts) -> Finding:
    """What of the venue was checked. Nothing unproven is refused here: its key's scopes are, which nobody can read."""
    if facts.proven:
        return Finding("venue", True, f"{facts.name} was checked")
    unproven = "order names, refusals, when an order is proven absent, resting stops, a testnet, key scopes"
    return Finding("venue", True, f"{facts.name} was never checked; unproven are {unproven}")


def conditions(
    conn: Connection,
    settings: Settings,
    account_id: str,
    found: Found,
    scope: Scope | Unreadable,
    reconciled: Reconciled | None,
    environment: Mapping[str, str],
    *,
    now_ns: int,
    asked: bool = False,
    typed: str | None = None,
) -> list[Finding]:
    """Every condition of this mode, for a desk that has its key and has looked at the venue."""
    venue, policy = settings.venue, settings.risk.policy_hash
    accepted = waivers.waived(conn, waivers.KEYS, found.fingerprint)
    needed = [
        venue_facts(facts_of(venue.name, venue.kind)),
        key_scopes(venue.name, settings.mode, scope, accepted, now_ns),
        reconciliation(reconciled),
    ]
    if settings.mode == "live":
        waived = waivers.waived(conn, waivers.REHEARSAL, policy)
        needed += [
            rehearsal(rehearsed_days(conn, settings), waived),
            confirmation(account_id, environment, asked=asked, typed=typed),
        ]
    return needed


def refuse_unready(findings: Iterable[Finding]) -> None:
    """Raises ConfigError with everything that is missing."""
    missing = [f"{finding.part}: {finding.found}" for finding in findings if not finding.ok]
    if missing:
        raise ConfigError(f"not ready to go live: {'; '.join(missing)}")
