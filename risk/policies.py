"""Two policies beside each other: what one sets tighter or looser than another, and what differs."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from core.canonical import JSON
from risk.settings import RiskSettings

# Limits that say how much there must be at least. All other numbers say how much there may be at most.
LARGER_IS_TIGHTER: Final = frozenset(
    {
        "assumed_shortfall",
        "duplicate_tolerance",
        "duplicate_window_s",
        "market_slippage",
        "min_liquidation_distance",
        "min_sources",
        "quick_cancel_s",
    }
)


def refuse_looser(
    file: Mapping[str, Any], own: Mapping[str, Any], policy: RiskSettings, tightened: RiskSettings
) -> None:
    """Raises ValueError where what a desk sets itself loosens what its policy file sets.

    What is no number has no tighter side, and stands in one of the two.
    """
    for name in (name for name in own if name in file):
        before, after = getattr(policy, name), getattr(tightened, name)
        if before != after and not _tighter(name, before, after):
            raise ValueError(f"{name} is {own[name]}, and may only tighten the policy file, which says {file[name]}")


def _tighter(name: str, before: Any, after: Any) -> bool:
    if name == "approval":
        return bool(before == "never" or after == "always")
    if not (isinstance(before, Decimal | int) and isinstance(after, Decimal | int)):
        return False
    return after > before if name in LARGER_IS_TIGHTER else after < before


def differences(before: JSON, after: JSON) -> list[JSON]:
    """What differs between two policies in canonical JSON, leaf by leaf, breakers by their name."""
    ours, theirs = _leaves(before), _leaves(after)
    names = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
    return [{"what": name, "before": ours.get(name), "after": theirs.get(name)} for name in names]


def _leaves(policy: JSON, prefix: str = "") -> dict[str, JSON]:
    found: dict[str, JSON] = {}
    for key, value in policy.items():
        if key == "breakers":
            value = {breaker["name"]: breaker for breaker in value}
        if isinstance(value, dict) and value:
            found |= _leaves(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found
