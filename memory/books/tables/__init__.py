"""The tables of the books, in the words of the trade. Migrations create them; a test holds both to one schema."""

from memory.books.tables.access import api_keys
from memory.books.tables.algorithms import parents, slices
from memory.books.tables.chatting import chat_threads, chat_turns
from memory.books.tables.decided import blobs, cycles, effects, journal, journal_heads, records, runs
from memory.books.tables.instructing import instructions
from memory.books.tables.instructing import slots as instruction_slots
from memory.books.tables.issuing import api_answers, signals
from memory.books.tables.money import (
    accounts,
    balances,
    disposals,
    fills,
    funding_payments,
    lots,
    marks,
    outside,
    positions,
    reconciled,
    round_trips,
    transfers,
)
from memory.books.tables.schema import metadata
from memory.books.tables.simulated import paper_fills, paper_fundings, paper_orders, paper_positions
from memory.books.tables.watching import baselines, incidents, latches, leases, requests
from memory.books.tables.working import approvals, orders, proposals, stops

__all__ = [
    "accounts",
    "api_answers",
    "api_keys",
    "approvals",
    "balances",
    "baselines",
    "blobs",
    "chat_threads",
    "chat_turns",
    "cycles",
    "disposals",
    "effects",
    "fills",
    "funding_payments",
    "incidents",
    "instruction_slots",
    "instructions",
    "journal",
    "journal_heads",
    "latches",
    "leases",
    "lots",
    "marks",
    "metadata",
    "orders",
    "outside",
    "paper_fills",
    "paper_fundings",
    "paper_orders",
    "paper_positions",
    "parents",
    "positions",
    "proposals",
    "reconciled",
    "records",
    "requests",
    "round_trips",
    "runs",
    "signals",
    "slices",
    "stops",
    "transfers",
]
