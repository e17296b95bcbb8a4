"""The error tree, named by who acts next.

DeskError
├── ConfigError            the operator: refuse to start, the settings or the command are wrong
├── DataRefused            the operator: this file or feed cannot be trusted as it is
├── ToolInputError         the model: the call was wrong and may be corrected
├── StaleDataError         nobody: wait for fresh data
├── ExchangeUnavailable    the caller: a read failed, try again
│   └── NotOffered         the caller: the venue has no such read, and asking again is of no use
├── ExchangeRejected       the caller: final and proven, the order does not exist
│   └── AccountRestricted  a person: the venue froze the account or its keys; no new risk until it is lifted
├── OrderStateUnknown      the reconciler: a send without proof; resolve first, never resend blindly
├── DeskBusy               the operator: another desk holds this account
├── DeskHalted             the operator: a breaker or the kill file stops the desk
└── LedgerBroken           the operator: the books contradict themselves, halt

A denial by the risk supervisor is a value (`core.verdicts.Verdict`), never an exception.
"""

from typing import ClassVar


class DeskError(Exception):
    """Root of all errors that the desk raises on purpose. `exit_code` is what the command line answers."""

    exit_code: ClassVar[int] = 1


class ConfigError(DeskError):
    """Settings or arguments are wrong: refuse to start."""

    exit_code = 2


class DataRefused(DeskError):
    """A file or feed is not what it must be: refuse rather than guess."""

    exit_code = 2


class ToolInputError(DeskError):
    """A tool was called with arguments outside its stated range. The agent may correct itself."""


class StaleDataError(DeskError):
    """The newest datum is too old to decide on."""


class ExchangeUnavailable(DeskError):
    """A read from the venue failed. It may be repeated."""


class NotOffered(ExchangeUnavailable):
    """The venue, or its testnet, has no such read. What it would have told stays unknown."""


class ReadRestricted(ExchangeUnavailable):
    """No read is answered, as the venue froze or restricted the account or its keys: a person must act there."""


class ExchangeRejected(DeskError):
    """The venue refused the order, and the refusal is proven. Final."""


class AccountRestricted(ExchangeRejected):
    """The venue froze, suspended or restricted the account or its keys; what was asked for did not happen."""


class OrderStateUnknown(DeskError):
    """A request left and its outcome is not proven. Resolve it before anything else."""


class DeskBusy(DeskError):
    """Another desk holds the lease of this account."""


class DeskHalted(DeskError):
    """A breaker or the kill file stops the desk until a person lets it go on."""

    exit_code = 4


class LedgerBroken(DeskError):
    """The books contradict themselves, or were changed from outside. Halt."""
