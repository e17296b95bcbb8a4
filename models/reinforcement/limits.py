"""The supervisor inside the environment: what is asked for is clipped before it trades, and never enlarged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from core.errors import ConfigError
from risk.arithmetic import largest_within
from risk.ceilings import BREAKERS, MAX_ASSET_EXPOSURE
from risk.readings import Reading
from risk.sizing import Constraint

# Of peak equity, from which a desk may only reduce, whatever its policy says.
MAX_DRAWDOWN: Final = float(next(one.limit for one in BREAKERS if one.reads is Reading.DRAWDOWN))


@dataclass(frozen=True, slots=True)
class Asked:
    """What is about to be traded, in an account as it stands at the close of a bar.

    `change` and `position` are in base units, below 0 for a sale and where short; `mark` is the close; `equity` is in
    quote currency; `drawdown` the largest fraction below peak equity of the episode so far: it latches.
    """

    change: float
    position: float
    mark: float
    equity: float
    drawdown: float


@dataclass(frozen=True, slots=True)
class Clip:
    """What may be traded of it: of the same direction and no more. `by` names the limit that bound; None for none."""

    change: float
    by: str | None = None


# Pure: the same question has the same answer.
Limits = Callable[[Asked], Clip]


@dataclass(frozen=True, slots=True)
class Supervisor:
    """The limits of `risk` that one account with one position can meet: a closed form of what the gate would pass.

    What reduces passes whole; what would turn the position round is cut to what closes it. An entry keeps the exposure
    within `max_exposure` of equity at the mark, and from a drawdown of `max_drawdown` on there is none. Without `short`
    nothing is sold that is not held.

    Raises ConfigError for a limit that is looser than the ceiling in `risk.ceilings`.
    """

    max_exposure: float = float(MAX_ASSET_EXPOSURE)
    max_drawdown: float = MAX_DRAWDOWN
    short: bool = True

    def __post_init__(self) -> None:
        for name, ceiling in (("max_exposure", float(MAX_ASSET_EXPOSURE)), ("max_drawdown", MAX_DRAWDOWN)):
            found = getattr(self, name)
            if not 0 < found <= ceiling:
                raise ConfigError(f"{name} must be above 0 and at most {ceiling}, found {found}")

    def __call__(self, asked: Asked) -> Clip:
        if asked.change * asked.position < 0:
            # What is proven to reduce is never denied; what goes beyond the proof is.
            if abs(asked.change) <= abs(asked.position):
                return Clip(asked.change)
            return Clip(-asked.position, Constraint.OPPOSITE_POSITION)
        if asked.change < 0 and not self.short:
            return Clip(0.0, Constraint.SPOT_CANNOT_SHORT)
        if asked.drawdown >= self.max_drawdown:
            return Clip(0.0, Reading.DRAWDOWN)
        held = abs(asked.position) * asked.mark
        most = max(largest_within(self.max_exposure, asked.equity, held, asked.mark), 0.0)
        if abs(asked.change) <= most:
            return Clip(asked.change)
        return Clip(most if asked.change > 0 else -most, Constraint.EXPOSURE_CAP)


def unlimited(asked: Asked) -> Clip:
    """Nobody supervises: for what is measured of limits themselves."""
    return Clip(asked.change)
