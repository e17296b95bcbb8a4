"""Names that are computed, never drawn: the same work has the same name on every machine and after every restart."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final
from uuid import UUID, uuid5

from core.canonical import canonical_text, digest

_DESK = UUID("6f6e9d0e-7d0b-5b0f-9a44-74726164e5de")
INSTRUCTION: Final = "instruction:"  # the source of what a standing instruction places, before its id


def run_id(arguments: Mapping[str, object], inputs: Sequence[str], policy_hash: str, again: int) -> str:
    """Digest of a command's arguments, the hashes of its input files and the policy.

    The same command therefore resumes or reports its run; `again` makes another.
    """
    return digest({"again": again, "arguments": arguments, "inputs": list(inputs), "policy": policy_hash})


def cycle_id(account_id: str, run: str, symbols: Sequence[str], as_of_ns: int, ordinal: int) -> str:
    return _name("cycle", account_id, run, list(symbols), as_of_ns, ordinal)


def cycle_proposal_id(cycle: str, index: int, revision: int) -> str:
    return _name("proposal", cycle, index, revision)


def stop_proposal_id(stop_id: str, trigger: int) -> str:
    """The `trigger`-th order that one stop sends: it may be hit again while a part of the position remains."""
    return _name("stop", stop_id, trigger)


def person_proposal_id(account_id: str, principal: str, key: str, symbol: str) -> str:
    """What a person asks for. `key` is drawn by whoever asks, once: asked again with it, it is the same proposal."""
    return _name("person", account_id, principal, key, symbol)


def child_proposal_id(parent: str, slice_: int) -> str:
    """The `slice_`-th order by which an algorithm works its parent, whatever became of those before it."""
    return _name("child", parent, slice_)


def signal_id(record: str, symbol: str) -> str:
    """What one record says of one symbol."""
    return _name("signal", record, symbol)


def instruction_id(account_id: str, key: str, body: object) -> str:
    """A standing instruction. `key` is drawn by whoever asks, once: asked again with it, it is the same instruction."""
    return _name("instruction", account_id, key, body)


def instruction_proposal_id(instruction: str, slot: str) -> str:
    """What an instruction places in one of its slots: the same order, however often it is asked for."""
    return _name("slot", instruction, slot)


def instruction_plan(instruction: str, term: int) -> str:
    """What an instruction executes again and again, since a person confirmed it for the `term`-th time."""
    return f"{INSTRUCTION}{instruction}/{term}"


def part_proposal_id(whole: str, account_id: str) -> str:
    """The part of a proposal that one account's venue gets, where several share it."""
    return _name("part", whole, account_id)


def fraction_of(parent: str, slice_: int) -> Decimal:
    """A number from 0 to below 1 for one slice: looks random to the market, and is the same after a restart."""
    return Decimal(UUID(_name("jitter", parent, slice_)).int % 1_000_000) / 1_000_000


def client_order_id(proposal_id: str, attempt: int) -> str:
    """One an attempt, 32 hexadecimal characters: within the length and alphabet of every venue that we know."""
    return UUID(_name("attempt", proposal_id, attempt)).hex


def _name(*parts: object) -> str:
    return str(uuid5(_DESK, canonical_text(parts)))
