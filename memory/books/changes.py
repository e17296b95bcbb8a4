"""Whether anybody wrote into the books since one last looked: cheap enough to be asked at every request."""

from typing import Final

from sqlalchemy import Engine

_ASK: Final = "PRAGMA data_version"


class Changes:
    """Ask it from one thread only. `version` is another number after every commit of another connection.

    PostgreSQL has no such number: there every answer is another one, so that whoever asks reads again.
    """

    def __init__(self, engine: Engine) -> None:
        self._count = 0
        self._raw = engine.raw_connection() if engine.dialect.name == "sqlite" else None

    def version(self) -> int:
        if self._raw is None:
            self._count += 1
            return self._count
        cursor = self._raw.cursor()
        try:
            (found,) = cursor.execute(_ASK).fetchone()
        finally:
            cursor.close()
        return int(found)

    def close(self) -> None:
        if self._raw is not None:
            self._raw.close()
            self._raw = None
