"""Accounts: what came in and went out, what is held, and how the account's own clock and equity stand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection, bindparam, insert, select, update

from core.errors import ConfigError, LedgerBroken
from core.money import ONE, ZERO
from core.orders import Side
from memory.books import lots
from memory.books.columns import upsert
from memory.books.tables import accounts as account_rows
from memory.books.tables import balances as balance_rows
from memory.books.tables import marks, transfers
from memory.books.tables import outside as outside_rows

# The reason of the transfers that opened an account. Later ones are left out of profit and loss.
OPENING = "opening"
# Of those that moved beside the account, and of those that brought some of it in.
OUTSIDE = "outside"
FROM_OUTSIDE = "from outside"

_ACCOUNT = select(account_rows).where(account_rows.c.account_id == bindparam("account_id"))
_CHANGE = update(account_rows).where(account_rows.c.account_id == bindparam("this"))
_BALANCES = select(balance_rows.c.currency, balance_rows.c.total).where(
    balance_rows.c.account_id == bindparam("account_id")
)
_TOTAL = _BALANCES.where(balance_rows.c.currency == bindparam("currency"))


@dataclass(frozen=True, slots=True)
class Account:
    """`start_equity` and `peak_equity` are in the numeraire and net of later transfers; `clock_ns` is its last step.

    `policy` is the hash of the risk policy that it was last worked under. `transferred` is the worth in the numeraire
    of what came in since the opening, less what went out: equity less this is net of it.
    """

    account_id: str
    numeraire: str
    start_equity: Decimal
    peak_equity: Decimal
    clock_ns: int
    epoch: int
    opened_ns: int
    policy: str | None = None
    transferred: Decimal = ZERO


def open_account(
    conn: Connection,
    account_id: str,
    numeraire: str,
    deposits: Mapping[str, Decimal],
    ts_ns: int,
    clock_ns: int,
    prices: Mapping[str, Decimal] | None = None,
) -> Account:
    """Opens an account with its first deposits. `prices` says what one unit of another currency is worth.

    Raises ConfigError where it is open already, a deposit is not positive, or the worth of one is not known.
    """
    if find_account(conn, account_id):
        raise ConfigError(f"account {account_id} is open already")
    known = {**(prices or {}), numeraire: ONE}
    for currency, amount in deposits.items():
        if not (amount.is_finite() and amount > 0):
            raise ConfigError(f"a deposit must be positive, found {amount} {currency}")
        if currency not in known:
            raise ConfigError(f"a deposit in {currency} needs its price in {numeraire}, which was not given")
    worth = sum((amount * known[currency] for currency, amount in deposits.items()), ZERO)
    row = {"account_id": account_id, "numeraire": numeraire, "start_equity": worth, "peak_equity": worth}
    conn.execute(insert(account_rows), row | {"clock_ns": clock_ns, "epoch": 0, "opened_ns": ts_ns})
    for currency, amount in deposits.items():
        _book(conn, account_id, currency, amount, amount * known[currency], ts_ns, OPENING)
    return account(conn, account_id)


def deposit(
    conn: Connection,
    account_id: str,
    currency: str,
    amount: Decimal,
    *,
    ts_ns: int,
    reason: str,
    price: Decimal | None = None,
) -> None:
    """Adds money that is no profit. `price` is one unit's worth in the numeraire, needed for any other currency."""
    _transfer(conn, account_id, currency, amount, ONE, ts_ns, reason, price)


def withdraw(
    conn: Connection,
    account_id: str,
    currency: str,
    amount: Decimal,
    *,
    ts_ns: int,
    reason: str,
    price: Decimal | None = None,
) -> None:
    """Takes out money, which is no loss. Raises ConfigError where the balance is smaller."""
    held = total(conn, account_id, currency)
    if amount > held:
        raise ConfigError(f"cannot withdraw {amount} {currency}: account {account_id} holds {held}")
    _transfer(conn, account_id, currency, amount, -ONE, ts_ns, reason, price)


def transfer(
    conn: Connection,
    account_id: str,
    currency: str,
    amount: Decimal,
    *,
    transfer_id: str,
    ts_ns: int,
    price: Decimal | None = None,
) -> bool:
    """Books what the venue moved in (positive) or out, by its own id. Answers False for nothing, or what was booked.

    What leaves is taken from outside first: those coins are nobody's but the person's. What comes in pays what is owed
    outside (`draw`), and stays there where its worth is not known: a coin without a price is never traded. Raises
    LedgerBroken where more went out than was there, ConfigError where the worth of what the account gives is not known.
    """
    known = transfers.c.account_id == account_id, transfers.c.transfer_id == transfer_id
    if not amount or conn.execute(select(transfers.c.id).where(*known)).first() is not None:
        return False
    beside = outside(conn, account_id).get(currency, ZERO)
    if amount < 0:
        apart = max(amount, min(-beside, ZERO))
    else:
        priced = price is not None or currency == account(conn, account_id).numeraire
        apart = min(amount, max(-beside, ZERO)) if priced else amount
    rest = amount - apart
    if (held := total(conn, account_id, currency)) + rest < 0:
        there = held + max(beside, ZERO)
        raise LedgerBroken(f"transfer {transfer_id} takes {-amount} {currency} from {account_id}, which holds {there}")
    if apart:
        set_outside(conn, account_id, {currency: beside + apart})
        row = {"account_id": account_id, "ts_ns": ts_ns, "currency": currency, "amount": apart, "worth": ZERO}
        conn.execute(insert(transfers), row | {"reason": OUTSIDE, "transfer_id": transfer_id})
    if rest:
        sign = ONE if rest > 0 else -ONE
        _transfer(conn, account_id, currency, abs(rest), sign, ts_ns, "by the venue", price, transfer_id)
    return True


def draw(
    conn: Connection,
    account_id: str,
    currency: str,
    wanted: Decimal,
    *,
    ts_ns: int,
    price: Decimal | None,
    owing: bool = False,
) -> Decimal:
    """Brings coins in from outside, since the venue has spent them; answers how many were brought.

    Like any transfer it is no profit, at `price` in the numeraire (nothing where that is not known). Where it may be
    `owing`, all of it is brought: what is outside may come to less than nothing, until more is told to have come in.
    """
    beside = outside(conn, account_id).get(currency, ZERO)
    drawn = wanted if owing else min(wanted, max(beside, ZERO))
    if drawn > 0:
        worth = ZERO if price is None else drawn * price
        set_outside(conn, account_id, {currency: beside - drawn})
        _book(conn, account_id, currency, drawn, worth, ts_ns, FROM_OUTSIDE)
        _change(conn, account_id, transferred=transferred(conn, account_id) + worth)
    return drawn


def transferred(conn: Connection, account_id: str) -> Decimal:
    """Of an account by its id."""
    return account(conn, account_id).transferred


def account(conn: Connection, account_id: str) -> Account:
    """Raises ConfigError where there is none of that name."""
    found = find_account(conn, account_id)
    if found is None:
        raise ConfigError(f"there is no account {account_id!r} in these books")
    return found


def find_account(conn: Connection, account_id: str) -> Account | None:
    row = conn.execute(_ACCOUNT, {"account_id": account_id}).first()
    return None if row is None else Account(*row)


def accounts(conn: Connection) -> tuple[Account, ...]:
    return tuple(Account(*row) for row in conn.execute(select(account_rows).order_by(account_rows.c.account_id)))


def set_clock(conn: Connection, account_id: str, clock_ns: int) -> None:
    """Stores the time of the account's last step. Raises LedgerBroken where that would turn it back."""
    last = account(conn, account_id).clock_ns
    if clock_ns < last:
        raise LedgerBroken(f"the clock of account {account_id} stands at {last} and cannot go back to {clock_ns}")
    _change(conn, account_id, clock_ns=clock_ns)


def bump_epoch(conn: Connection, account_id: str) -> int:
    """Begins a new risk epoch, which voids every ticket of the one before. Answers its number."""
    epoch = account(conn, account_id).epoch + 1
    _change(conn, account_id, epoch=epoch)
    return epoch


def mark(conn: Connection, account_id: str, ts_ns: int, equity: Decimal) -> None:
    """Stores the equity (net of transfers) of one moment, once however often, and raises the peak to it."""
    upsert(conn, marks, {"account_id": account_id, "ts_ns": ts_ns, "equity": equity}, ("equity",))
    if equity > account(conn, account_id).peak_equity:
        _change(conn, account_id, peak_equity=equity)


def mark_all(conn: Connection, account_id: str, marks_of: Sequence[tuple[int, Decimal]]) -> None:
    """`mark` of many moments, oldest first: (time, equity net of transfers)."""
    rows = [{"account_id": account_id, "ts_ns": ts_ns, "equity": equity} for ts_ns, equity in marks_of]
    upsert(conn, marks, rows, ("equity",))
    highest = max(equity for _, equity in marks_of)
    if highest > account(conn, account_id).peak_equity:
        _change(conn, account_id, peak_equity=highest)


def restart_peak(conn: Connection, account_id: str, equity: Decimal) -> None:
    """Measures the drawdown from here on: for a person who re-armed it."""
    _change(conn, account_id, peak_equity=equity)


def set_policy(conn: Connection, account_id: str, policy: str) -> None:
    _change(conn, account_id, policy=policy)


def balances(conn: Connection, account_id: str) -> dict[str, Decimal]:
    """What is held of each currency, by name. A perpetual's loss can make the numeraire negative."""
    rows = conn.execute(_BALANCES, {"account_id": account_id})
    return dict(sorted((row.currency, row.total) for row in rows))


def total(conn: Connection, account_id: str, currency: str) -> Decimal:
    """What is held of one currency."""
    row = conn.execute(_TOTAL, {"account_id": account_id, "currency": currency}).first()
    return ZERO if row is None else row.total


def outside(conn: Connection, account_id: str) -> dict[str, Decimal]:
    """What the venue holds beside the account, by currency: it was there before, or has no price. Never traded.

    Less than nothing is what fees took that nobody has told to be there.
    """
    rows = conn.execute(select(outside_rows).where(outside_rows.c.account_id == account_id))
    return {row.currency: row.amount for row in rows}


def set_outside(conn: Connection, account_id: str, amounts: Mapping[str, Decimal]) -> None:
    for currency, amount in amounts.items():
        upsert(conn, outside_rows, {"account_id": account_id, "currency": currency, "amount": amount}, ("amount",))


def set_total(conn: Connection, account_id: str, currency: str, amount: Decimal) -> None:
    upsert(conn, balance_rows, {"account_id": account_id, "currency": currency, "total": amount}, ("total",))


def _transfer(
    conn: Connection,
    account_id: str,
    currency: str,
    amount: Decimal,
    sign: Decimal,
    ts_ns: int,
    reason: str,
    price: Decimal | None,
    transfer_id: str | None = None,
) -> None:
    if not (amount.is_finite() and amount > 0):
        raise ConfigError(f"a transfer must be positive, found {amount} {currency}")
    if reason in ("", OPENING):
        raise ConfigError(f"a transfer needs a reason of its own, found {reason!r}")
    numeraire = account(conn, account_id).numeraire
    unit = ONE if currency == numeraire else price
    if unit is None:
        raise ConfigError(f"a transfer in {currency} needs its price in {numeraire}, which was not given")
    worth = sign * amount * unit
    _book(conn, account_id, currency, sign * amount, worth, ts_ns, reason, transfer_id)
    _change(conn, account_id, transferred=transferred(conn, account_id) + worth)


def _book(
    conn: Connection,
    account_id: str,
    currency: str,
    amount: Decimal,
    worth: Decimal,
    ts_ns: int,
    reason: str,
    transfer_id: str | None = None,
) -> None:
    row = {"account_id": account_id, "ts_ns": ts_ns, "currency": currency, "amount": amount, "worth": worth}
    conn.execute(insert(transfers), row | {"reason": reason, "transfer_id": transfer_id})
    if currency != account(conn, account_id).numeraire:
        _keep_lots(conn, account_id, currency, amount, ts_ns)
    set_total(conn, account_id, currency, total(conn, account_id, currency) + amount)


def _keep_lots(conn: Connection, account_id: str, currency: str, amount: Decimal, ts_ns: int) -> None:
    """What a coin from outside did cost is not known here, and to send one away is no sale."""
    side = Side.BUY if amount > 0 else Side.SELL
    movement = lots.Movement(account_id, currency, side, abs(amount), None, ts_ns)
    if amount > 0:
        lots.opened(conn, movement)
    else:
        lots.taken(conn, movement, disposed=False)


def _change(conn: Connection, account_id: str, **values: object) -> None:
    conn.execute(_CHANGE, {"this": account_id, **values})
