"""What a venue says of itself and of a key before anything is traded there: for the doctor, and for a start."""

import asyncio
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from core.instruments import ContractKind
from core.ports import Clock
from core.time import SECOND_NS
from execution.venues.exchange.budget import RateBudget
from execution.venues.exchange.client import Access, Keys, build, set_clock, watching
from execution.venues.exchange.facts import facts_of
from execution.venues.exchange.outcomes import shown
from execution.venues.exchange.reading import MS_NS
from execution.venues.exchange.scopes import Scope, Unreadable, probe


@dataclass(frozen=True, slots=True)
class CheckUp:
    """`skew_s`: how far our clock is before the venue's (negative: behind); None where it did not tell its time."""

    scope: Scope | Unreadable
    skew_s: Decimal | None
    trouble: str | None


async def check_up(
    venue: str,
    kind: ContractKind,
    keys: Keys,
    budget: RateBudget,
    clock: Clock,
    access: Access,
    *,
    timeout_s: float = 10,
) -> CheckUp:
    """Asks for the time and for the key's scopes. Raises ConfigError for a venue that cannot be worked at."""
    facts = facts_of(venue, kind)
    client = build(facts, kind, keys, budget, access)
    client.timeout_on_exit = 0
    try:
        with watching():
            async with asyncio.timeout(timeout_s):
                skew_s = await _skew(client, clock)
                if skew_s is not None:
                    await set_clock(client)  # a key is not at fault for a clock of ours
                return CheckUp(await probe(client, facts, kind), skew_s, None)
    except TimeoutError:
        return _nothing(f"{venue} did not answer in {timeout_s:g} s")
    except Exception as failure:  # noqa: BLE001  # ccxt fails in every way there is, and nothing hangs on it
        return _nothing(f"{venue}: {shown(failure)}")
    finally:
        await client.close()


async def _skew(client: Any, clock: Clock) -> Decimal | None:
    """By the middle of the question's way there and back."""
    if not client.has.get("fetchTime"):
        return None
    before_ns = clock.now_ns()
    told_ns = int(await client.fetch_time()) * MS_NS
    return Decimal((before_ns + clock.now_ns()) // 2 - told_ns) / SECOND_NS


def _nothing(trouble: str) -> CheckUp:
    return CheckUp(Unreadable(trouble), None, trouble)
