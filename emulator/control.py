"""The venue's back door, for a test in another process: break it, move it, and read its own books.

| request | does | with |
|---|---|---|
| `GET /control/books` | every account as the venue has it, amounts as exact text | |
| `GET`, `POST`, `PATCH /control/faults` | shows, replaces, adds rules | a list of rules (`emulator/faults.py`) |
| `POST /control/step` | moves the markets, and a manual clock | `ms` |
| `POST /control/price` | holds a market at a price, null: lets it go | `symbol`, `price` |
| `POST /control/funding` | sets an interval's funding rate of a contract | `symbol`, `rate` |
| `POST /control/transfer` | a deposit, or a negative one | `currency`, `amount`; `wallet`: `spot` or `futures`; `key` |
| `POST /control/close` | the venue ends an open order by itself | `client_id` or `order_id`; `to`: a status; `key` |
| `POST /control/account` | opens an account, or says what its key may do | `key`; `secret`, `funds`, `futures`; `may` |

`key` names the account, default the first. A request that cannot be done is answered 422 with `error`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, fields
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson
from aiohttp import web

from core.errors import ConfigError
from emulator.accounts import Account, Permissions
from emulator.books import books
from emulator.exchange import API_KEY, FUTURES_FUNDS, Exchange
from emulator.faults import Faults
from emulator.orders import Refusal, Status

Body = dict[str, Any]


class Control:
    """`step` lets time pass; the rest is done to the exchange directly."""

    def __init__(self, exchange: Exchange, faults: Faults, step: Callable[[int], Awaitable[None]]) -> None:
        self._exchange = exchange
        self._faults = faults
        self._step = step

    def routes(self) -> list[web.RouteDef]:
        posts = {
            "step": self._on_step,
            "price": self._price,
            "funding": self._funding,
            "transfer": self._transfer,
            "close": self._close,
            "account": self._account,
        }
        faults = {"POST": self._set_faults, "PATCH": self._add_faults, "GET": self._show_faults}
        return [
            web.get("/control/books", _answering(self._books)),
            *(web.route(method, "/control/faults", _answering(handle)) for method, handle in faults.items()),
            *(web.post(f"/control/{name}", _answering(handle)) for name, handle in posts.items()),
        ]

    async def _books(self, body: Any) -> Any:
        self._exchange.advance()
        return books(self._exchange)

    async def _set_faults(self, body: Any) -> Any:
        self._faults.set(body if isinstance(body, list) else [body])
        return await self._show_faults(body)

    async def _add_faults(self, body: Any) -> Any:
        self._faults.more(body if isinstance(body, list) else [body])
        return await self._show_faults(body)

    async def _show_faults(self, body: Any) -> Any:
        return {"rules": [{**a.rule, "matched": a.matched, "struck": a.struck} for a in self._faults.armed]}

    async def _on_step(self, body: Body) -> Any:
        clock = self._exchange.clock
        if not clock.manual and not clock.stepped:
            raise ConfigError("this venue lives by the wall's clock; start it with --clock manual or stepped")
        await self._step(int(body["ms"]))
        return {"now_ms": clock.now_ms(), "market_ms": clock.market_ms()}

    async def _price(self, body: Body) -> Any:
        price = body["price"]
        self._exchange.pin(str(body["symbol"]), None if price is None else Decimal(str(price)))
        return {}

    async def _funding(self, body: Body) -> Any:
        self._exchange.contracts.rates[str(body["symbol"])] = Decimal(str(body["rate"]))
        return {}

    async def _transfer(self, body: Body) -> Any:
        account, amount = self._of(body), Decimal(str(body["amount"]))
        if body.get("wallet", "spot") == "futures":
            self._exchange.transfer_futures(account, amount)
            return {}
        made = self._exchange.transfer(account, str(body["currency"]), amount)
        return {"transfer_id": made.transfer_id}

    async def _close(self, body: Body) -> Any:
        account, number = self._of(body), body.get("order_id")
        order = self._exchange.find(
            account, order_id=None if number is None else int(number), client_id=body.get("client_id")
        )
        self._exchange.cancel(account, order, Status(body.get("to", "cancelled")))
        return {"order_id": order.order_id}

    async def _account(self, body: Body) -> Any:
        key = str(body.get("key", API_KEY))
        if key not in self._exchange.accounts:
            funds = {str(coin): Decimal(str(amount)) for coin, amount in body.get("funds", {}).items()}
            self._exchange.open_account(
                key, str(body["secret"]), funds, Decimal(str(body.get("futures", FUTURES_FUNDS)))
            )
        account = self._exchange.accounts[key]
        known = {field.name for field in fields(Permissions)}
        for name, allowed in body.get("may", {}).items():
            if name not in known:
                raise ConfigError(f"a key may {', '.join(sorted(known))}; found {name}")
            setattr(account.may, name, bool(allowed))
        return {"key": key, "may": asdict(account.may)}

    def _of(self, body: Body) -> Account:
        return self._exchange.accounts[str(body.get("key", API_KEY))]


def _answering(handle: Callable[[Any], Awaitable[Any]]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def serve(request: web.Request) -> web.Response:
        try:
            text = await request.read()
            found = await handle(orjson.loads(text) if text else {})
        except (
            orjson.JSONDecodeError,
            ConfigError,
            Refusal,
            KeyError,
            TypeError,
            ValueError,
            InvalidOperation,
        ) as error:
            return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=422)
        return web.Response(body=orjson.dumps(found), content_type="application/json")

    return serve
