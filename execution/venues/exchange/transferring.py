"""Money that came to an account and went from it, asked for span by span: where the venue tells of it at all."""

from typing import Any

from core.errors import ExchangeUnavailable, NotOffered
from execution.ports import VenueTransfer
from execution.venues.exchange import reading
from execution.venues.exchange.facts import VenueFacts
from execution.venues.exchange.reader import Reader
from execution.venues.exchange.reading import MS_NS, Row

_DEPOSITS, _WITHDRAWALS, _LEDGER = "fetch_deposits", "fetch_withdrawals", "fetch_ledger"
_OFFERED = {_DEPOSITS: "fetchDeposits", _WITHDRAWALS: "fetchWithdrawals", _LEDGER: "fetchLedger"}


async def transfers(
    reader: Reader, client: Any, facts: VenueFacts, since_ms: int, now_ms: int
) -> tuple[VenueTransfer, ...]:
    """What is complete, oldest first, each once. Raises ExchangeUnavailable, NotOffered where ccxt cannot ask."""
    methods = (_LEDGER,) if facts.wallet_moves else (_DEPOSITS, _WITHDRAWALS)
    found: dict[str, VenueTransfer] = {}
    for method in methods:
        if not client.has.get(_OFFERED[method]):
            raise NotOffered(f"{facts.name} does not tell deposits and withdrawals through ccxt")
        span_ms = facts.transfers_window_ns // MS_NS
        for start_ms in range(since_ms, now_ms + 1, span_ms):
            for row in await _span(reader, facts, method, start_ms, start_ms + span_ms - 1):
                found |= {each.transfer_id: each for each in _read(row, method)}
    return tuple(sorted(found.values(), key=lambda each: (each.ts_event_ns, each.transfer_id)))


async def _span(reader: Reader, facts: VenueFacts, method: str, start_ms: int, end_ms: int) -> list[Row]:
    """Every row of a span. A full page may have more behind it: its halves are asked for."""
    page = facts.transfers_page
    params = {**(facts.wallet_moves or {}), "until": end_ms}
    rows = list(await reader.ask(method, None, start_ms, page, params))
    if page is None or len(rows) < page:
        return rows
    if end_ms <= start_ms:
        raise ExchangeUnavailable(f"{facts.name}: more transfers in one moment than it tells at once")
    middle_ms = (start_ms + end_ms) // 2
    first = await _span(reader, facts, method, start_ms, middle_ms)
    return first + await _span(reader, facts, method, middle_ms + 1, end_ms)


def _read(row: Row, method: str) -> list[VenueTransfer]:
    return [reading.move_of(row)] if method == _LEDGER else reading.transfers_of(row, deposit=method == _DEPOSITS)
