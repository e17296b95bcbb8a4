"""What language models cost, by day and role: what the ledger of their budget holds, for people and for metrics."""

from dataclasses import asdict

from agents.llm.ledger import FileLedger
from core.canonical import JSON, plain
from desk.home import Home


def by_role(home: Home, days: int) -> list[JSON]:
    """One row a day and role of the newest `days` on which a model was asked, oldest first.

    `usd` holds what is reserved for calls on their way, and what may have been billed for calls that failed; `calls`
    were answered. Raises Unanswered for a day whose file does not read.
    """
    ledger = FileLedger(home.models_spent)
    return [
        {"day": day, "role": role, **plain(asdict(spending))}
        for day in ledger.days()[-days:]
        for role, spending in sorted(ledger.spending(day).items())
    ]
