"""What ccxt says of a request, without what signed it: queries of urls, and the keys in whatever form."""

import base64
import logging
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import quote, quote_plus

from core.secret import HIDDEN, Secret

# With a signed query in it, an address is as good as the request itself.
_SIGNED = re.compile(r"(\b\w+://[^\s?\"'<>]+)\?[^\s\"'<>]*")
_NAMED = re.compile(r"(?i)\b(signature|sign|api-?key|access-?token|listenkey)=[^&\s\"'<>]+")
_SHORTEST = 6  # of what is looked for: a shorter text stands in too many innocent words
# One that nothing reads: ccxt writes headers and bodies into its own, for whoever turned debugging on.
_SILENT: Final = logging.Logger("a venue's requests", logging.CRITICAL + 1)


class Scrubber:
    """Knows the keys of one client."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        found = {form for secret in secrets for form in forms(secret.reveal()) if len(form) >= _SHORTEST}
        longest_first = sorted(found, key=len, reverse=True)
        self._keys = re.compile("|".join(map(re.escape, longest_first))) if found else None

    def text(self, said: str) -> str:
        """`said` without keys and signed queries."""
        unsigned = _NAMED.sub(rf"\1={HIDDEN}", _SIGNED.sub(r"\1", said))
        return unsigned if self._keys is None else self._keys.sub(HIDDEN, unsigned)

    def error(self, failure: BaseException) -> None:
        """The same, in place, of a failure and of all that stand behind it: their classes prove something, and stay."""
        for each in _chain(failure):
            each.args = tuple(self.text(arg) if isinstance(arg, str) else arg for arg in each.args)


def forms(secret: str) -> Iterator[str]:
    """A secret as it may stand in a request or an answer."""
    raw = secret.encode()
    yield from (secret, quote(secret, safe=""), quote_plus(secret), raw.hex(), raw.hex().upper())
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(raw).decode().rstrip("=")
    yield secret.replace("\n", "\\n")


def silence(client: Any) -> None:
    """Has this client of ccxt log nothing."""
    client.logger = _SILENT


def _chain(failure: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting: list[BaseException | None] = [failure]
    while waiting:
        each = waiting.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [each.__cause__, each.__context__]
