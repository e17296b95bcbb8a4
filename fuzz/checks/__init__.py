"""Every denial code in the oracle's own arithmetic, in the order of the layers. It shares no code with the rules."""

from typing import Final

from fuzz.checks import account, conduct, form, market, provenance, sanity
from fuzz.checks.base import Bound, Check, Finding, registered

__all__ = ["CHECKS", "CLOSED_LIST", "FORM", "Bound", "Finding"]

CHECKS: Final[dict[str, Check]] = {
    code: check
    for layer in (form, sanity, account, market, conduct, provenance)
    for code, check in registered.items()
    if check.__module__ == layer.__name__
}
FORM: Final = frozenset(code for code, check in CHECKS.items() if check.__module__ == form.__name__)
# Nothing but these may hold up an order that is proven to reduce.
CLOSED_LIST: Final = FORM | {"TRADABLE", "SELF_TRADE"}
