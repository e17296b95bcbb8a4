"""The desk as the chat sees it: it reads the books, and asks the desk that holds the account for an order or a cycle.

What a person alone decides is not here: there is no way from this port to an approval, a latch, a limit or a position.
"""

from collections.abc import Callable
from typing import TypeVar
from uuid import uuid4

from sqlalchemy import Connection

from agents import instructions as typed
from agents.chat.ports import ChatDesk, Conversations, Found
from core.canonical import JSON, plain
from core.errors import ConfigError, DeskError
from core.taint import Taint
from desk import answering, explaining, instructed, ordering, reports, standing
from desk.clock import SystemClock
from desk.home import Home
from desk.interrupting import interruptible
from desk.markets import Market, MarketSpec
from desk.runs import latest_run, settings_of
from desk.settings import Settings
from memory.books import chats
from memory.books.accounts import Account
from memory.books.chats import Thread, Turn
from memory.books.database import Books
from memory.books.records import Run
from memory.books.words import ApprovalState, RunState

T = TypeVar("T")

_ORDERS = 20


class BookedChat(ChatDesk):
    """One account, the newest run's unless another is named. Raises ConfigError where there is none yet."""

    def __init__(self, home: Home, settings: Settings, books: Books, account: str | None = None) -> None:
        self._home = home
        self._settings = settings
        self._books = books
        self._named = account
        self._opened: tuple[str, Market | None] | None = None

    def symbols(self) -> tuple[str, ...]:
        return tuple(self._run().command["arguments"]["symbols"])

    def portfolio(self) -> JSON:
        market = self._market()
        return self._read(lambda conn: reports.portfolio(conn, self._account(conn), market))

    def profit(self) -> JSON:
        told = self.portfolio()
        account_id = told["account"]
        curve, fills = self._read(
            lambda conn: (reports.equity_curve(conn, account_id), len(reports.fills_of(conn, account_id)))
        )
        kept = ("account", "numeraire", "clock", "start_equity", "equity", "realised", "unrealised", "fees")
        return {**{k: told[k] for k in kept}, "round_trips": told["round_trips"], "marks": curve, "fills": fills}

    def orders(self, *, ended: bool) -> list[JSON]:
        return self._read(
            lambda conn: ordering.listing(conn, self._account(conn).account_id, live=not ended, limit=_ORDERS)
        )

    def waiting(self) -> list[JSON]:
        found = self._read(lambda conn: reports.approvals(conn, self._account(conn)))
        return [row for row in found if row["state"] == ApprovalState.WAITING.value]

    def risk(self) -> JSON:
        policy, market, kill = settings_of(self._run()).risk, self._market(), self._home.kill_switch()
        return self._read(lambda conn: standing.risk_status(conn, self._account(conn), policy, market, kill))

    def forecasts(self, symbol: str | None) -> Found:
        return self._read(lambda conn: explaining.forecasts(conn, self._account(conn).account_id, symbol))

    def events(self, symbol: str) -> Found:
        return self._read(lambda conn: explaining.events(conn, self._account(conn).account_id, symbol))

    def quote(self, text_id: str) -> Found:
        return self._read(lambda conn: explaining.quote(conn, self._account(conn).account_id, text_id))

    def prompts(self, prefix: str) -> Found:
        return self._read(lambda conn: explaining.prompts(conn, prefix))

    def decisions(self, symbol: str) -> Found:
        return self._read(lambda conn: explaining.decisions(conn, self._account(conn).account_id, symbol))

    def record(self, prefix: str) -> Found:
        return self._read(lambda conn: explaining.one(conn, prefix))

    def instructions(self) -> list[JSON]:
        return self._read(lambda conn: instructed.listing(conn, self._account(conn).account_id, ended=False))

    def instruction(self, body: JSON) -> JSON:
        """The typed form with what it does in one sentence. Raises ConfigError where it is none, or of no use here."""
        run, wanted = self._run(), typed.parsed(body)
        if unknown := [s for s in wanted.strategy.symbols if s not in self.symbols()]:
            raise ConfigError(f"this desk does not trade {', '.join(unknown)}, it trades {', '.join(self.symbols())}")
        if run.state is RunState.FINISHED:
            raise ConfigError(
                f"the run of account {run.account_id} has finished, and nothing in it is stepped again: "
                "`warden instructions add ... --save FILE` writes it down for `warden run --instructions FILE`"
            )
        return {"body": wanted.body(), "does": typed.told(wanted), "orders": wanted.budget.max_orders}

    async def whatif(self, order: JSON, *, taint: Taint, by: str) -> JSON:
        return await answering.whatif(self._home, self._books, self._id(), order, taint=int(taint), by=by)

    async def propose(self, order: JSON, *, taint: Taint, by: str, key: str) -> JSON:
        return await answering.propose(self._home, self._books, self._id(), order, taint=int(taint), by=by, key=key)

    async def decide(self, *, by: str, key: str) -> JSON:
        return await answering.decide(self._home, self._books, self._id(), by=by, key=key)

    async def instruct(self, body: JSON, *, by: str, key: str) -> JSON:
        reason = "confirmed in the chat"
        return await answering.instruct(self._home, self._books, self._id(), body, by=by, reason=reason, key=key)

    def _read(self, work: Callable[[Connection], T]) -> T:
        return self._books.read(work)

    def _account(self, conn: Connection) -> Account:
        return reports.current_account(conn, self._named)

    def _id(self) -> str:
        return self._read(self._account).account_id

    def _run(self) -> Run:
        return self._read(lambda conn: latest_run(conn, self._account(conn).account_id))

    def _market(self) -> Market | None:
        """The market of the past that the account is worked on; None where it is a venue, or is gone."""
        run = self._run()
        if self._opened is None or self._opened[0] != run.run_id:
            try:
                with interruptible():
                    self._opened = (run.run_id, MarketSpec.of(run.command["market"]).open(self._settings.market))
            except DeskError:
                self._opened = (run.run_id, None)
        return self._opened[1]


class BookedConversations(Conversations):
    """Threads in the books."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._clock = SystemClock()

    def begin(self, principal: str) -> Thread:
        return self._books.write(lambda conn: chats.begin(conn, uuid4().hex[:16], principal, self._clock.now_ns()))

    def find(self, prefix: str, principal: str) -> Thread:
        return self._books.read(lambda conn: chats.find(conn, prefix, principal))

    def listing(self, principal: str) -> list[Thread]:
        return self._books.read(lambda conn: chats.listing(conn, principal))

    def turns(self, thread_id: str, limit: int) -> list[Turn]:
        return self._books.read(lambda conn: chats.told(conn, thread_id, limit))

    def say(self, thread_id: str, said: str) -> int:
        return self._books.write(lambda conn: chats.say(conn, thread_id, said, self._clock.now_ns()))

    def answer(self, thread_id: str, number: int, answered: JSON) -> None:
        self._books.write(lambda conn: chats.answer(conn, thread_id, number, plain(answered)))

    def taint(self, thread_id: str, seen: Taint) -> Taint:
        return self._books.write(lambda conn: chats.taint(conn, thread_id, seen))

    def await_yes(self, thread_id: str, pending: JSON) -> None:
        self._books.write(lambda conn: chats.await_yes(conn, thread_id, pending))

    def draw(self) -> str:
        return uuid4().hex
