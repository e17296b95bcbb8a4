"""Runs one cycle of a desk: binds the ports to it, and closes it with its record."""

import platform
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Protocol

from sqlalchemy import Connection

from agents.bill import Bill
from agents.cycle import Cycle
from agents.orderdesk import RecordedOrderDesk, RoutedOrderDesk
from agents.ports import Ports
from core import identity
from core.canonical import JSON, digest, plain
from core.errors import StaleDataError
from core.money import ZERO
from core.ports import OrderRouter
from core.time import DAY_NS
from desk.build import Desk
from desk.documents import KeptDocuments
from desk.reasoning import thinking
from execution import orderbook
from execution.snapshot import equity_now, market_now
from memory.books import accounts, ledger, owners, performance, records
from memory.books.database import Books
from memory.books.effects import StoredEffects
from memory.books.records import NewRecord
from memory.books.words import RecordKind
from memory.recall.recall import Remembering
from models.validation.trials import TrialsOnDisk
from risk.codes import DenialCode

# Older round trips say little about the desk of today, and one that lost its edge gets another chance after as long.
RECORD_NS = 90 * DAY_NS

Engine = Callable[[Cycle, Ports], Awaitable[Cycle]]


class Across(OrderRouter, Protocol):
    """Several accounts that one cycle decides over."""

    def account(self) -> JSON: ...


async def run_cycle(
    desk: Desk,
    run_id: str,
    ordinal: int,
    symbols: tuple[str, ...],
    as_of_ns: int,
    engine: Engine | None = None,
    across: Across | None = None,
) -> Cycle:
    """One cycle, from the graph unless another engine is given. A begun cycle is run again with its stored effects.

    It looks at the desk's market; `across` gives it the accounts of several venues in place of the desk's own.
    """
    cycle_id = identity.cycle_id(desk.account_id, run_id, symbols, as_of_ns, ordinal)

    def begin(conn: Connection) -> None:
        records.begin_cycle(
            conn,
            cycle_id,
            run_id=run_id,
            account_id=desk.account_id,
            ordinal=ordinal,
            symbols=symbols,
            as_of_ns=as_of_ns,
        )

    desk.books.write(begin)
    effects = StoredEffects(desk.books, cycle_id)
    effects.begin()
    cycle = Cycle(cycle_id, desk.account_id, run_id, symbols, as_of_ns, ordinal, desk.settings.policy_hash)
    return await (engine or desk.graph.run)(cycle, ports_for(desk, effects, as_of_ns, across))


def ports_for(desk: Desk, effects: StoredEffects, as_of_ns: int, across: Across | None = None) -> Ports:
    single = RecordedOrderDesk(effects, desk.rulebook, desk.gate)
    speaking, bill = desk.analysts.forecasters.at(as_of_ns), Bill(effects.cycle_id)
    return Ports(
        market=desk.market,
        timeframe=desk.market.decision_timeframe,
        account=across.account if across else lambda: desk.books.read(lambda conn: account_state(conn, desk)),
        reasoner=desk.analysts.reasoner,
        prompts=desk.analysts.prompts,
        forecasters=speaking.voting,
        shadows=speaking.shadows,
        scorer=desk.analysts.scorer,
        apart=desk.analysts.apart,
        models=desk.settings.models.settings(),
        max_price_age_s=desk.settings.risk.max_price_age_s,
        work=desk.settings.execution.work.rule(),
        effects=effects,
        orders=RoutedOrderDesk(effects, desk.rulebook, across) if across else single,
        memory=Remembering(desk.recall, desk.account_id),
        documents=KeptDocuments(desk.books),
        trials=TrialsOnDisk(desk.home.trials),
        records=BookedRecords(desk.books, desk.analysts.reasoner.name, bill, time.perf_counter_ns()),
        bill=bill,
        thinking=thinking(desk.settings.llm),
        left_out=desk.analysts.left_out,
    )


@dataclass(frozen=True, slots=True)
class BookedRecords:
    """Closes cycles in the books. What only this machine knows goes into the annex, which is chained but not hashed."""

    books: Books
    reasoner: str
    bill: Bill
    started_ns: int

    def close(self, cycle: Cycle, body: JSON) -> str:
        record_hash = digest(body)
        new = NewRecord(
            record_id=cycle.cycle_id,
            kind=RecordKind.DECISION,
            account_id=cycle.account_id,
            as_of_ns=cycle.as_of_ns,
            record_hash=record_hash,
            run_id=cycle.run_id,
            cycle_id=cycle.cycle_id,
        )

        def write(conn: Connection) -> None:
            records.add(conn, new, body=body, annex=self._annex(), ts_ns=cycle.as_of_ns)
            records.close_cycle(conn, cycle.cycle_id, record_hash)

        self.books.write(write)
        return record_hash

    def _annex(self) -> JSON:
        return {
            "tradewarden": _version(),
            "python": sys.version.split()[0],
            "host": platform.node(),
            "wall_ns": time.time_ns(),
            "elapsed_us": (time.perf_counter_ns() - self.started_ns) // 1000,
            "reasoner": self.reasoner,
            "models": self.bill.told(),
        }


@cache
def _version() -> str:
    """Read once: it stands in a file that takes a millisecond to parse."""
    return version("tradewarden")


def account_state(conn: Connection, desk: Desk) -> JSON:
    """The account as a cycle sees it, as canonical JSON.

    What standing instructions hold is worth what it is worth, and no position of the cycle's: it is told apart, by the
    instruction that holds it, and is not the cycle's to sell.
    """
    account = accounts.account(conn, desk.account_id)
    positions = ledger.positions(conn, desk.account_id)
    quotes, instruments = market_now(desk.market, {p.symbol for p in positions}, desk.clock.now_ns())
    equity = equity_now(conn, desk.account_id, quotes, instruments)
    if equity is None:
        held = ", ".join(p.symbol for p in positions if p.symbol not in quotes)
        raise StaleDataError(f"{held} is held and has no price: its worth, and so the account's, is unknown")
    _, reserved = orderbook.open_orders(conn, desk.account_id)
    cash = accounts.balances(conn, desk.account_id).get(account.numeraire, ZERO)
    theirs = owners.held(conn, desk.account_id)
    policy, standing = desk.settings.risk, desk.breakers.standing(conn, desk.clock.now_ns())
    return plain(
        {
            "equity": equity,
            "start_equity": account.start_equity,
            "cash": cash - reserved.get(account.numeraire, ZERO),
            "numeraire": account.numeraire,
            "positions": owners.without(conn, positions, theirs),
            "instructed": theirs,
            "limits": {
                DenialCode.ASSET_EXPOSURE: policy.max_asset_exposure * standing.caps,
                DenialCode.GROSS_EXPOSURE: policy.max_gross_exposure * standing.caps,
                DenialCode.ORDER_SIZE: policy.max_order_size * standing.caps,
                DenialCode.SPREAD: policy.max_spread_bps,
            },
            "state": standing.state,
            "track_record": performance.track_record(conn, desk.account_id, desk.clock.now_ns() - RECORD_NS),
        }
    )
