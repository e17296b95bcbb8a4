"""What a person may do with what the desk remembers: look at it, search it, and make the desk forget."""

from core.errors import ConfigError, DeskError
from core.ports import Abstain
from core.time import show_time
from desk.home import Home
from desk.settings import Settings
from memory.books import journal
from memory.books.database import Books
from memory.recall.items import Found, Item, Wanted
from memory.recall.recall import Recall

STREAM = "memory"  # of the journal
_LEAST = 4  # characters of an id


def opened(home: Home, settings: Settings) -> Recall:
    return Recall(settings.recall, home.recall)


async def listing(recall: Recall, wanted: Wanted) -> tuple[Item, ...]:
    """Newest first. Raises DeskError where it cannot be read."""
    found = await recall.listing(wanted)
    if isinstance(found, Abstain):
        raise DeskError(found.reason)
    return found


async def search(recall: Recall, text: str, wanted: Wanted, n: int) -> tuple[Found, ...]:
    """Best first; nothing where nothing was ever remembered. Raises DeskError where it cannot be searched."""
    if not recall.begun:
        return ()
    found = await recall.search(text, wanted, n=n)
    if isinstance(found, Abstain):
        raise DeskError(found.reason)
    return found


async def named(recall: Recall, name: str) -> tuple[Item, ...]:
    """The item whose id begins so, or all of one source, with what was replaced. Raises ConfigError where none is."""
    items = await listing(recall, Wanted(replaced=True))
    if of_source := tuple(item for item in items if item.source == name):
        return of_source
    found = tuple(item for item in items if len(name) >= _LEAST and item.item_id.startswith(name))
    if not found:
        raise ConfigError(f"nothing remembered has the id or source {name!r}: `warden memory list` shows them")
    if len(found) > 1:
        raise ConfigError(f"more than one id starts with {name!r}, such as {found[0].item_id}: give more of it")
    return found


async def forget(recall: Recall, books: Books, items: tuple[Item, ...], *, by: str, reason: str, now_ns: int) -> None:
    """For good. Who said so is journaled with ids and sources, not with words. Raises DeskError where it fails."""
    answer = await recall.forget(items)
    if isinstance(answer, Abstain):
        raise DeskError(answer.reason)
    told = [{"id": item.item_id, "source": item.source, "known": show_time(item.known_at_ns)} for item in items]
    body = {"items": told, "by": by, "reason": reason}
    books.write(lambda conn: journal.append(conn, STREAM, "forgotten", body, ts_ns=now_ns))
