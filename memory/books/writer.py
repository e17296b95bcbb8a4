"""The writer thread: it alone owns the connection that writes, takes jobs in order and answers them when they are safe.

A job is answered when its transaction is committed; inside a step already when its savepoint is released. What a job
raises goes to its own caller, what a commit raises to everybody who shared it.

While a step is open the connection is lent: whoever has a job does it on the spot, one at a time, since handing it to
the thread and back costs more than most jobs. Where a step begins and how it ends is the thread's own to do.
"""

import threading
from collections.abc import Callable
from enum import Enum
from queue import SimpleQueue
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from core.errors import LedgerBroken

Work = Callable[[Connection], Any]


class Turn(Enum):
    """What is not work: where a step begins, is kept or undone, and where the thread ends."""

    BEGIN = "begin"
    KEEP = "keep"
    UNDO = "undo"
    STOP = "stop"


class Job:
    """One task and its answer. `wait` gives what the task returned or raises what it raised."""

    __slots__ = ("_answered", "_error", "_result", "only_reads", "task")

    def __init__(self, task: Work | Turn, *, only_reads: bool = False) -> None:
        self.task = task
        self.only_reads = only_reads
        self._result: Any = None
        self._error: BaseException | None = None
        # A bare lock wakes its waiter twice as fast as a Future does.
        self._answered = threading.Lock()
        self._answered.acquire()

    def wait(self) -> Any:
        self._answered.acquire()
        if self._error is not None:
            raise self._error
        return self._result

    @property
    def pending(self) -> bool:
        return self._answered.locked()

    def done(self, result: Any) -> None:
        self._result = result
        self._answered.release()

    def failed(self, error: BaseException) -> None:
        self._error = error
        self._answered.release()


class Writer:
    """Takes tasks from any thread. A closed writer refuses."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._queue: SimpleQueue[Job] = SimpleQueue()
        self._batch: list[Job] = []
        self._gate = threading.Lock()
        self._closed = False
        self._serving = threading.Lock()
        self._at_work: int | None = None  # the thread that does a job
        self._transaction: _Transaction | None = None
        # Asked once in every transaction, inside it: whether this process may still write.
        self.guard: Work | None = None
        self._thread = threading.Thread(target=self._live, name="books-writer", daemon=True)
        self._thread.start()

    @property
    def is_this_thread(self) -> bool:
        return self._at_work == threading.get_ident()

    def submit(self, task: Work | Turn, *, only_reads: bool = False) -> Job:
        """`only_reads` says that nothing has to be undone where the task raises."""
        job = Job(task, only_reads=only_reads)
        if not isinstance(task, Turn) and self._done_on_the_spot(job):
            return job
        with self._gate:
            if self._closed:
                raise RuntimeError("the books are closed")
            self._closed = task is Turn.STOP
            self._queue.put(job)
        return job

    def close(self) -> None:
        """Finishes what is queued and ends the thread. A step that is still open is undone."""
        if not self._closed:
            self.submit(Turn.STOP)
        self._thread.join()

    def _done_on_the_spot(self, job: Job) -> bool:
        """False where no step is open."""
        lent = self._transaction
        if lent is None or not lent.stepping:
            return False
        with self._serving:
            if self._closed or not lent.stepping:
                return False
            self._serve(lent, [job])
        return True

    def _serve(self, transaction: "_Transaction", batch: list[Job]) -> None:
        self._at_work = threading.get_ident()
        try:
            transaction.serve(batch)
        finally:
            self._at_work = None

    def _live(self) -> None:
        try:
            with self._engine.connect() as conn:
                transaction = self._transaction = _Transaction(conn, lambda: self.guard)
                while not transaction.ended:
                    self._batch = [self._queue.get()]
                    while not self._queue.empty():
                        self._batch.append(self._queue.get())
                    with self._serving:
                        self._serve(transaction, self._batch)
        finally:
            self._transaction = None
            # Whatever ended the thread, nobody may wait for it for ever.
            with self._gate:
                self._closed = True
            while not self._queue.empty():
                self._batch.append(self._queue.get())
            for job in self._batch:
                if job.pending:
                    job.failed(RuntimeError("the books were closed before this was written"))


class _Transaction:
    """The writer's connection: one transaction a batch, or one a step."""

    def __init__(self, conn: Connection, guard: Callable[[], Work | None]) -> None:
        self._conn = conn
        self._guard = guard
        self._guarded = False
        self.stepping = False
        self._alone = False  # the one job of its transaction, which is undone with it: it needs no savepoint
        self._lost: Exception | None = None
        self._uncommitted: list[tuple[Job, Any]] = []
        self.ended = False

    def serve(self, batch: list[Job]) -> None:
        for job in batch:
            self._alone = len(batch) == 1 and not self.stepping
            try:
                self._turn(job) if isinstance(job.task, Turn) else self._work(job, job.task)
            except BaseException as error:  # noqa: BLE001 - whatever a job raises belongs to its own caller
                self._undo_one(job)
                job.failed(error)
        if not self.stepping:
            self._commit()

    def _work(self, job: Job, task: Work) -> None:
        if self._lost:
            raise self._lost
        if not self._conn.in_transaction():
            self._conn.begin()
            self._guarded = False
        in_savepoint = not (self._alone or job.only_reads)
        if in_savepoint:
            self._conn.exec_driver_sql("SAVEPOINT job")
        if not self._guarded and (guard := self._guard()) is not None:
            guard(self._conn)
            self._guarded = True
        result = task(self._conn)
        if in_savepoint:
            self._conn.exec_driver_sql("RELEASE SAVEPOINT job")
        if self.stepping:
            job.done(result)
        else:
            self._uncommitted.append((job, result))

    def _undo_one(self, job: Job) -> None:
        if job.only_reads or not self._conn.in_transaction():
            return
        if self._alone:
            self._conn.rollback()
            return
        try:
            self._conn.exec_driver_sql("ROLLBACK TO SAVEPOINT job")
            self._conn.exec_driver_sql("RELEASE SAVEPOINT job")
        except SQLAlchemyError as error:
            # A full disk or a lost connection undoes the whole transaction: what was done in it is gone as well.
            self._undo_all(LedgerBroken(f"the database undid this transaction by itself: {error}"))

    def _undo_all(self, why: Exception) -> None:
        self._conn.rollback()
        if self.stepping:
            self._lost = why
        for job, _ in self._uncommitted:
            job.failed(why)
        self._uncommitted.clear()

    def _commit(self) -> None:
        try:
            self._conn.commit()
        except SQLAlchemyError as error:
            self._undo_all(error)
        for job, result in self._uncommitted:
            job.done(result)
        self._uncommitted.clear()

    def _turn(self, job: Job) -> None:
        match job.task:
            case Turn.BEGIN:
                self._commit()
                self._conn.begin()
                self._guarded = False
                self.stepping = True
            case Turn.KEEP:
                self._keep()
            case Turn.UNDO:
                self._end_step()
            case Turn.STOP:
                self._end_step()
                self._commit()
                self.ended = True
        job.done(None)

    def _keep(self) -> None:
        if self._lost:
            lost = self._lost
            self._end_step()
            raise lost
        self._conn.commit()
        self.stepping = False

    def _end_step(self) -> None:
        if self.stepping:
            self._conn.rollback()
        self.stepping = False
        self._lost = None
