"""Where items lie: one collection of Chroma for each embedding model, in a folder of the home or at a server.

Every vector is ours: Chroma's own embedding function, which would download a model, is never at hand. Telemetry is off.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from core.canonical import digest
from core.errors import DataRefused
from core.taint import Taint
from core.time import DAY_NS, show_time
from memory.recall.embedding import Embedder
from memory.recall.items import FOREVER, Found, Item, Wanted
from memory.recall.settings import RecallSettings

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

_PREFIX: Final = "recall-"
_SPACE: Final = "cosine"
_BATCH: Final = 256
_THOUSANDTH: Final = Decimal("0.001")


class Shelf:
    """Opened without an embedder it lists and forgets, and neither finds nor takes anything."""

    def __init__(self, client: ClientAPI, settings: RecallSettings, embedder: Embedder | None = None) -> None:
        self._client = client
        self._settings = settings
        self._embedder = embedder

    @classmethod
    def open(cls, settings: RecallSettings, folder: Path, embedder: Embedder | None = None) -> Shelf:
        """At the server of the settings, else in the folder. What Chroma raises comes through."""
        import chromadb
        from chromadb.config import Settings

        quiet = Settings(anonymized_telemetry=False)
        if not settings.url:
            return cls(chromadb.PersistentClient(path=folder, settings=quiet), settings, embedder)
        at = urlsplit(settings.url)
        tls = at.scheme == "https"
        port = at.port or (443 if tls else 8000)
        client = chromadb.HttpClient(host=at.hostname or "", port=port, ssl=tls, settings=quiet)
        return cls(client, settings, embedder)

    def add(self, items: Sequence[Item], *, now_ns: int) -> tuple[str, ...]:
        """Remembers each item once and answers their ids. What is known later than `now_ns` is refused.

        One that tells what is known already takes the place of the older telling from its own time on.
        """
        ahead = [item for item in items if item.known_at_ns > now_ns]
        if ahead:
            found = f"known at {show_time(ahead[0].known_at_ns)}, and it is {show_time(now_ns)}"
            raise DataRefused(f"nothing is remembered before it is known: found an item {found}")
        shelved = self._collection()
        for item in items:
            self._add(shelved, item)
        for account in {item.account for item in items}:
            self._prune(shelved, account, now_ns)
        return tuple(item.item_id for item in items)

    def search(self, text: str, wanted: Wanted, *, n: int) -> tuple[Found, ...]:
        """The items nearest in meaning, best first."""
        return self._nearest(self._collection(), self._vectors([text])[0], _where(wanted), n)

    def listing(self, wanted: Wanted) -> tuple[Item, ...]:
        """Everything that is wanted, newest first."""
        found = (_items(one.get(where=_where(wanted), include=["documents", "metadatas"])) for one in self._all())
        items = {item.item_id: item for these in found for item in these}
        return tuple(sorted(items.values(), key=lambda item: (-item.known_at_ns, item.item_id)))

    def forget(self, items: Sequence[Item]) -> None:
        """Whatever the model was that they were remembered with."""
        ids = [item.item_id for item in items]
        for one in self._all() if ids else ():
            one.delete(ids=ids)

    def close(self) -> None:
        """Lets go of the folder or the server."""
        # Chroma's client of a server leaves its connections open, and those of the client inside it.
        whole: Any = self._client
        for client in (whole, getattr(whole, "_admin_client", None)):
            session = getattr(getattr(client, "_server", None), "_session", None)
            if session is not None:
                session.close()
        whole.close()

    # Writing.

    def _add(self, shelved: Collection, item: Item) -> None:
        if shelved.get(ids=[item.item_id], include=[])["ids"]:
            return
        [vector] = self._vectors([item.text])
        alike = [found.item for found in self._same(shelved, item, vector) if found.similarity >= self._settings.alike]
        newer = [other.known_at_ns for other in alike if other.known_at_ns > item.known_at_ns]
        shelved.upsert(**_row(replace(item, until_ns=min(newer, default=FOREVER)), vector))
        for other in alike:
            if other.known_at_ns <= item.known_at_ns:
                shelved.update(ids=[other.item_id], metadatas=[_metadata(replace(other, until_ns=item.known_at_ns))])

    def _same(self, shelved: Collection, item: Item, vector: list[float]) -> tuple[Found, ...]:
        """What could be this item, told before: never of another trust, so that no rumour replaces what is known."""
        one_of = {"account": item.account, "kind": item.kind, "symbol": item.symbol, "topic": item.topic}
        told = one_of | {"trust": int(item.trust), "until_ns": FOREVER}
        return self._nearest(shelved, vector, {"$and": [{key: value} for key, value in told.items()]}, 5)

    def _prune(self, shelved: Collection, account: str, now_ns: int) -> None:
        """Drops what is too old, then of too many what was replaced, then the oldest. Never of another account."""
        kept = _items(shelved.get(where={"account": account}, include=["documents", "metadatas"]))
        oldest_ns = now_ns - self._settings.keep_days * DAY_NS
        ranked = sorted(kept, key=lambda item: (item.until_ns == FOREVER, item.known_at_ns, item.item_id))
        fresh = [item for item in ranked if item.known_at_ns >= oldest_ns]
        gone = [item for item in ranked if item.known_at_ns < oldest_ns]
        gone += fresh[: max(len(fresh) - self._settings.most_items, 0)]
        if gone:
            shelved.delete(ids=[item.item_id for item in gone])

    # Reading.

    def _nearest(
        self, shelved: Collection, vector: list[float], where: dict[str, Any] | None, n: int
    ) -> tuple[Found, ...]:
        asked: list[Sequence[float] | Sequence[int]] = [vector]
        told = shelved.query(
            query_embeddings=asked,
            n_results=n,
            where=where,
            include=["documents", "metadatas", "distances"],
        )
        documents, metadatas, distances = told["documents"], told["metadatas"], told["distances"]
        rows = zip((documents or [[]])[0], (metadatas or [[]])[0], (distances or [[]])[0], strict=True)
        return tuple(Found(_item(document, told), _similarity(distance)) for document, told, distance in rows)

    def _vectors(self, texts: Sequence[str]) -> list[list[float]]:
        return self._known_embedder.embed(texts)

    @property
    def _known_embedder(self) -> Embedder:
        if self._embedder is None:
            raise DataRefused("this shelf was opened to list and to forget, without an embedding model")
        return self._embedder

    # Collections.

    def _collection(self) -> Collection:
        """That of this embedder. What was remembered with another model is embedded again, once."""
        name = f"{_PREFIX}{digest(self._known_embedder.name)[:16]}"
        mine = self._client.get_or_create_collection(
            name,
            embedding_function=None,
            configuration={"hnsw": {"space": _SPACE}},
            metadata={"embedder": self._known_embedder.name},
        )
        for other in self._all():
            if other.name != name:
                self._move(other, mine)
        return mine

    def _move(self, other: Collection, mine: Collection) -> None:
        items = list(_items(other.get(include=["documents", "metadatas"])))
        for at in range(0, len(items), _BATCH):
            part = items[at : at + _BATCH]
            for item, vector in zip(part, self._vectors([item.text for item in part]), strict=True):
                mine.upsert(**_row(item, vector))
        self._client.delete_collection(other.name)

    def _all(self) -> list[Collection]:
        names = sorted(one.name for one in self._client.list_collections() if one.name.startswith(_PREFIX))
        return [self._client.get_collection(name, embedding_function=None) for name in names]


def _where(wanted: Wanted) -> dict[str, Any] | None:
    """As Chroma wants it: none is None, one condition stands alone, several are joined."""
    said: list[dict[str, Any]] = []
    if wanted.account is not None:
        said.append({"account": {"$in": ["", wanted.account]}})
    if wanted.symbol is not None:
        said.append({"symbol": {"$in": ["", wanted.symbol]}})
    if wanted.kind is not None:
        said.append({"kind": wanted.kind})
    if wanted.worst is not Taint.HOSTILE:
        said.append({"trust": {"$lte": int(wanted.worst)}})
    if wanted.as_of_ns is None:
        said += [] if wanted.replaced else [{"until_ns": FOREVER}]
    else:
        said += [{"known_at_ns": {"$lte": wanted.as_of_ns}}, {"until_ns": {"$gt": wanted.as_of_ns}}]
    if not said:
        return None
    return said[0] if len(said) == 1 else {"$and": said}


def _row(item: Item, vector: list[float]) -> dict[str, Any]:
    return {
        "ids": [item.item_id],
        "embeddings": [vector],
        "documents": [item.text],
        "metadatas": [_metadata(item)],
    }


def _metadata(item: Item) -> dict[str, Any]:
    told = asdict(item)
    del told["text"]
    return told | {"trust": int(item.trust)}


def _items(told: Mapping[str, Any]) -> Iterator[Item]:
    return (_item(document, metadata) for document, metadata in zip(told["documents"], told["metadatas"], strict=True))


def _item(document: str, metadata: Mapping[str, Any]) -> Item:
    return Item(document, **{**metadata, "trust": Taint(metadata["trust"])})


def _similarity(distance: float) -> Decimal:
    """Of a cosine distance, which is 1 less the similarity."""
    return (1 - Decimal(repr(float(distance)))).quantize(_THOUSANDTH)
