"""Mistakes that the campaign must find: planted into a running desk, never into a file."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any, Final

from chaos.desk import Worked
from execution.venues.exchange.asking import arguments
from execution.venues.exchange.outcomes import Outcome

RESEND: Final = "resend"
UNDURABLE: Final = "undurable"
PLANTS: Final = (RESEND, UNDURABLE)


def planted(worked: Worked, plant: str | None) -> None:
    """A send that came back without proof is simply made once more."""
    if plant != RESEND:
        return
    venue, client = worked.venue, worked.client
    failed = venue._failed

    async def resent(order: Any, outcome: Outcome, said: str) -> None:
        if outcome is Outcome.UNKNOWN:
            with suppress(Exception):
                await client.create_order(*arguments(order, client, venue._facts, worked.surface.kind))
        await failed(order, outcome, said)

    venue._failed = resent  # type: ignore[method-assign]


@contextmanager
def _held_back(worked: Worked) -> Iterator[None]:
    """Nothing is committed before the venue has answered."""
    with worked.desk.books.step():
        yield


def proposing(worked: Worked, plant: str | None) -> AbstractContextManager[None]:
    """What a proposal is made inside of."""
    return _held_back(worked) if plant == UNDURABLE else nullcontext()
