"""Signals as a service: what each decision said is signed and issued once, and what came of it is told once.

Whoever serves them calls `Issuing.look` now and then. Two processes that do so at once issue nothing twice.
"""

from typing import Final

from sqlalchemy import Connection, select

from agents.signals import signals_of
from core.bars import Bars
from core.canonical import JSON, canonical_text
from core.errors import ConfigError
from core.ports import Clock
from core.time import HOUR_NS
from desk.home import Home
from desk.markets import LIVE
from desk.outcomes import Candles, candles_of, outcome_of
from desk.signing import Signer
from memory.books import accounts, blobs, records, signals, tables
from memory.books.accounts import Account
from memory.books.database import Books
from memory.books.records import Run

_RECORDS: Final = 200  # at one look
_OUTCOMES: Final = 200
_RUNS: Final = 1_000
_LATE_NS: Final = HOUR_NS


def served_account(conn: Connection, named: str | None = None) -> Account:
    """The named account, or that of the newest run. A rehearsal over the past issues nothing: nobody could follow it.

    Raises ConfigError where there is none.
    """
    if named is not None:
        return accounts.account(conn, named)
    table = tables.runs
    newest = select(table.c.account_id, table.c.command).order_by(table.c.created_ns.desc()).limit(_RUNS)
    for row in conn.execute(newest):
        if not _rehearses(row.command):
            return accounts.account(conn, row.account_id)
    raise ConfigError("these books hold no account yet: `warden demo` or `warden run` opens one")


class Issuing:
    """Signs and issues for one home. `clock` is the wall's: it says when a signal was issued, and decides nothing."""

    def __init__(self, home: Home, books: Books, signer: Signer, clock: Clock) -> None:
        self._home, self._books, self.signer, self._clock = home, books, signer, clock
        self._looked: dict[str, int] = {}  # up to which entry of an account's journal
        self._hopeless: set[str] = set()
        self._candles: dict[str, Candles] = {}

    def look(self, account_id: str) -> int:
        """Issues what was decided since, and settles what ended since. Answers how many signals changed."""
        changed = 0
        while waiting := self._books.read(lambda conn: self._unissued(conn, account_id)):
            for record_id, entry in waiting:
                changed += self._issue(record_id)
                self._looked[account_id] = entry
        return changed + self._settle(account_id)

    def _unissued(self, conn: Connection, account_id: str) -> list[tuple[str, int]]:
        return signals.unissued(conn, account_id, self._looked.get(account_id, 0), _RECORDS)

    def _issue(self, record_id: str) -> int:
        made = self._books.read(lambda conn: self._made(conn, record_id))
        return self._books.write(lambda conn: signals.issue(conn, made)) if made else 0

    def _made(self, conn: Connection, record_id: str) -> list[JSON]:
        record = records.find(conn, record_id)
        body, run = blobs.get_json(conn, record.body), _run_of(conn, record.run_id)
        if run is None or body is None or _rehearses(run.command):
            # Retention took what it said: an entry without a word, so that nobody looks again.
            return []
        issued_ns, found = self._clock.now_ns(), []
        for each in signals_of(record.record_id, record.record_hash, body, _market_of(run)):
            text = canonical_text({**each, "issued_ns": issued_ns})
            found.append(
                {
                    "signal_id": each["signal_id"],
                    "account_id": record.account_id,
                    "symbol": each["symbol"],
                    "record_id": record.record_id,
                    "entry": record.sequence,
                    "as_of_ns": each["as_of_ns"],
                    "expires_ns": each["expires_ns"],
                    "body": text,
                    "signer": self.signer.key_id,
                    "signature": self.signer.sign(text),
                    "outcome": None,
                    "outcome_signature": None,
                }
            )
        return found

    def _settle(self, account_id: str) -> int:
        settled = 0
        for signal, run in self._books.read(lambda conn: self._ended(conn, account_id)):
            told = signal.told
            bars = None if run is None else self._bars(run, told)
            outcome = outcome_of(told, bars)
            if outcome is None:
                self._hopeless.add(signal.signal_id)
                continue
            text = canonical_text(outcome)
            signed = self.signer.sign(text)
            self._books.write(lambda conn, s=signal, t=text, g=signed: signals.settle(conn, s.signal_id, t, g))  # type: ignore[misc]
            settled += 1
        return settled

    def _ended(self, conn: Connection, account_id: str) -> list[tuple[signals.Signal, Run | None]]:
        """Those of which nothing was told. A candle may come late: whose price is not known is asked again for a while,
        and then at the next start, since somebody may have brought candles in."""
        now_ns = accounts.account(conn, account_id).clock_ns
        ended = signals.unsettled(conn, account_id, now_ns, _OUTCOMES + len(self._hopeless))
        again = [s for s in ended if s.signal_id not in self._hopeless or s.expires_ns > now_ns - _LATE_NS]
        return [(s, _run_of(conn, records.find(conn, s.record_id).run_id)) for s in again]

    def _bars(self, run: Run, told: JSON) -> Bars | None:
        """A market of the past may be large, and is the same for every signal of its run."""
        if run.run_id not in self._candles:
            self._candles = {run.run_id: candles_of(self._home, run)}
        return self._candles[run.run_id](told["symbol"], told["as_of_ns"], told["expires_ns"])


def _run_of(conn: Connection, run_id: str | None) -> Run | None:
    return None if run_id is None else records.find_run(conn, run_id)


def _rehearses(command: JSON) -> bool:
    return bool(command.get("arguments", {}).get("rehearsal"))


def _market_of(run: Run) -> str:
    """Where prices were from: simulated, recorded, testnet or live."""
    kind = str(run.command["market"]["kind"])
    return str(run.command["arguments"]["mode"]) if kind == LIVE else kind
