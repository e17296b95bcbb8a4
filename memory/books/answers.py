"""What was answered to requests that may be sent again, by whoever asked and the key they drew. On one transaction."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from memory.books.columns import insert_new
from memory.books.tables import api_answers


@dataclass(frozen=True, slots=True)
class Answer:
    """`request` is the digest of what was asked: the same key with another question is a mistake."""

    principal: str
    idempotency_key: str
    request: str
    status: int
    body: str
    created_ns: int


def find(conn: Connection, principal: str, key: str) -> Answer | None:
    mine = (api_answers.c.principal == principal, api_answers.c.idempotency_key == key)
    row = conn.execute(select(api_answers).where(*mine)).mappings().first()
    return None if row is None else Answer(**row)


def keep(conn: Connection, answer: Answer) -> None:
    """The first answer stays."""
    insert_new(conn, api_answers, {name: getattr(answer, name) for name in Answer.__slots__})
