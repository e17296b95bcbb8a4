"""Bitcoin by an indexer's API (Esplora: blockstream.info, mempool.space, or one's own): what wallets took and gave.

https://github.com/Blockstream/esplora/blob/master/API.md
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any, Final

from core.time import SECOND_NS
from market.sources.chain.blocks import Block, Transfer
from market.sources.chain.flows import Flows
from market.sources.chain.wallets import Wallets, wallets
from market.sources.context import Context
from market.sources.fields import pick, tables, words
from market.web import Unavailable, Unwilling

ESPLORA: Final = "https://blockstream.info/api"
_BITCOIN: Final = Decimal(10) ** -8
_PAGE: Final = 25  # confirmed transactions of an address, newest first
_MOST_PAGES: Final = 8
_TEXT: Final = ("text/plain", "text/html", "application/json")


class Bitcoin:
    """Transactions of the known wallets, page by page, sorted into their blocks.

    By address rather than by block: a block has thousands of transactions, and the indexer pages them by 25.
    """

    assets: tuple[str, ...] = ("BTC",)

    def __init__(self, context: Context, known: Wallets) -> None:
        self._web, self._wallets = context.web, known
        self._base = context.base("esplora", ESPLORA)
        self._moved: dict[str, dict[str, Transfer]] = {}  # by block hash, then by reference
        self._read_to = ""  # the newest block for which all wallets were read

    async def newest(self) -> int:
        answer = await self._web.get(f"{self._base}/blocks/tip/height", what="Esplora's height", types=_TEXT)
        if not answer.content.strip().isdigit() or len(answer.content) > 12:
            raise Unavailable("Esplora's height is no number")
        return int(answer.content)

    async def block(self, height: int) -> Block:
        name = (await self._web.get(f"{self._base}/block-height/{height}", what="Esplora's block", types=_TEXT)).text()
        if len(name.strip()) != 64 or not name.strip().isalnum():
            raise Unavailable(f"Esplora has no block {height} yet")
        name = name.strip()
        found = (await self._web.get(f"{self._base}/block/{name}", what="Esplora's block")).table()
        stamp, parent = pick(found, "timestamp"), words(found, "previousblockhash")
        if not isinstance(stamp, int) or not parent or pick(found, "height") != height:
            raise Unavailable(f"Esplora answered another block than {height}")
        if name not in self._moved:
            await self._read_wallets(height)
        transfers = tuple(self._moved.pop(name, {}).values())
        return Block(height, name, parent, stamp * SECOND_NS, transfers)

    async def _read_wallets(self, height: int) -> None:
        """What every wallet moved in blocks from a height on. Read once for all blocks that are waiting."""
        if self._read_to and self._read_to == await self._tip():
            return
        self._moved.clear()
        self._read_to = await self._tip()
        for address in self._wallets.bitcoin:
            last = ""
            for _ in range(_MOST_PAGES):
                page = await self._page(address, last)
                for sent in page:
                    self._sort(sent)
                last = words(page[-1], "txid") if page else ""
                heights = [pick(sent, "status", "block_height") for sent in page]
                if len(page) < _PAGE or min((h for h in heights if isinstance(h, int)), default=0) < height:
                    break
            else:
                raise Unavailable(f"a wallet moves more often than {_MOST_PAGES * _PAGE} times since block {height}")

    async def _page(self, address: str, last: str) -> list[dict[str, Any]]:
        path = f"/address/{address}/txs/chain" + (f"/{last}" if last else "")
        try:
            return tables((await self._web.get(self._base + path, what="Esplora's transactions")).rows())
        except Unwilling as refused:
            if refused.status == 400:
                raise Unavailable("Esplora pages no further for a wallet that is too busy") from None
            raise

    async def _tip(self) -> str:
        return (await self._web.get(f"{self._base}/blocks/tip/hash", what="Esplora's tip", types=_TEXT)).text().strip()

    def _sort(self, sent: dict[str, Any]) -> None:
        """What one transaction means for each exchange: what it receives less what it spends, change and fee in it."""
        block, txid = words(sent, "status", "block_hash"), words(sent, "txid")
        net: Counter[str] = Counter()
        for side, sign in (("vin", -1), ("vout", 1)):
            for entry in tables(sent, side):
                paid = entry.get("prevout") if side == "vin" else entry
                exchange = self._wallets.bitcoin.get(words(paid, "scriptpubkey_address"))
                value = pick(paid, "value")
                if exchange is not None and isinstance(value, int):
                    net[exchange] += sign * value
        for exchange, satoshis in net.items():
            if satoshis and block and txid:
                amount = abs(satoshis) * _BITCOIN
                moved = Transfer("BTC", exchange, amount, satoshis > 0, f"{txid}:{exchange}")
                self._moved.setdefault(block, {})[moved.reference] = moved


def flows_of(context: Context) -> tuple[Flows, ...]:
    """The flows of Bitcoin's exchanges, or none where there is no wallet to look at."""
    known = wallets(context.settings.wallets)
    return (Flows("bitcoin-flows", context, Bitcoin(context, known), known.version),) if known.bitcoin else ()
