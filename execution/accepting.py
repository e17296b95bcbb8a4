"""A person takes the venue's totals as they are: money that moved in a way which no list of the venue tells."""

from decimal import Decimal

from sqlalchemy import Connection

from core.errors import ConfigError, LedgerBroken
from core.ports import MarketFacts
from execution import guardbook
from execution.mismatches import MismatchKind, Reconciled
from execution.snapshot import last_price
from memory.books import accounts, journal


def accept(
    conn: Connection, account_id: str, market: MarketFacts, found: Reconciled, *, by: str, reason: str, now_ns: int
) -> dict[str, Decimal]:
    """Books what a reconciliation found off in the balances as transfers, journaled, and answers them by currency.

    What came in beside the numeraire stays outside the account; what is gone is taken from there first. If the venue
    tells of the same money later, that is booked too, and is off by as much the other way. Raises ConfigError where
    there is nothing to accept, or more than balances disagree: that no person can wave through.
    """
    if not reason:
        raise ConfigError("to accept the venue's totals needs a reason")
    if beside := [m.name for m in found.mismatches if m.kind is not MismatchKind.BALANCE_OFF]:
        raise ConfigError(f"only balances can be accepted as they are, and this is off as well: {', '.join(beside)}")
    off = {m.subject: m.off for m in found.mismatches if m.off}
    if not off:
        active = f"; too active to be judged: {', '.join(found.left_alone)}" if found.left_alone else ""
        raise ConfigError(f"no balance is off, so there is nothing to accept{active}")
    numeraire = accounts.account(conn, account_id).numeraire
    for currency, amount in off.items():
        price = last_price(market, f"{currency}/{numeraire}", now_ns) if amount < 0 else None
        name = f"accepted/{now_ns}/{currency}"
        try:
            accounts.transfer(conn, account_id, currency, amount, transfer_id=name, ts_ns=now_ns, price=price)
        except LedgerBroken as short:
            raise ConfigError(str(short)) from None
        guardbook.leave(conn, account_id, currency, now_ns)
    entry = {"balances": off, "by": by, "reason": reason}
    journal.append(conn, account_id, "accepted", entry, ts_ns=now_ns)
    return off
