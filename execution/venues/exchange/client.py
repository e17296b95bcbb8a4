"""The ccxt class of a venue, with keys: built, watched on the wire, and ready before the first order.

Nothing of a market is loaded by an order, nothing is repeated by ccxt, and no answer that is not JSON is believed.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from decimal import localcontext
from types import SimpleNamespace
from typing import Any

import aiohttp
import ccxt.async_support as plain
import ccxt.pro as streaming
from ccxt.base import errors

from core.errors import ConfigError, ExchangeUnavailable
from core.instruments import ContractKind
from core.secret import Secret
from execution.venues.exchange.budget import RateBudget
from execution.venues.exchange.facts import Deadline, VenueFacts
from execution.venues.exchange.outcomes import already_so, shown
from execution.venues.exchange.scrubbing import Scrubber, silence
from market.endpoints import repoint
from market.venues import class_options, refuse_unknown

_TIMEOUT_MS = 10_000
_STOP = (418, 429)
TOLERATED_MS = 1_000  # between our clock and the venue's


class Keys:
    """What the venue knows us by. Never shown, nor written down: not by repr, not by an error, not by pickle."""

    __slots__ = ("api_key", "password", "secret")

    def __init__(self, api_key: str, secret: str, password: str = "") -> None:
        self.api_key, self.secret = Secret(api_key), Secret(secret)
        self.password = Secret(password)  # OKX calls it a passphrase


@dataclass(frozen=True, slots=True)
class Access:
    """Where and how the venue is reached. `endpoints` as `market.endpoints.repoint` takes them."""

    endpoints: Mapping[str, str] | None = None
    testnet: bool = False
    timeout_ms: int = _TIMEOUT_MS
    stream: bool = True  # hear of orders through ccxt.pro, where the venue has a stream


@dataclass(slots=True)
class Wire:
    """What one call did on the network: whether a request that changes something may have left, and the answers."""

    sent: bool = False
    answers: list[Any] = field(default_factory=list)


_wire: ContextVar[Wire | None] = ContextVar("wire", default=None)


@contextmanager
def watching() -> Iterator[Wire]:
    """Tells what the calls in this block did. ccxt's changes to the decimal context end with the block, too."""
    wire = Wire()
    token = _wire.set(wire)
    try:
        with localcontext():
            yield wire
    finally:
        _wire.reset(token)


def build(facts: VenueFacts, kind: ContractKind, keys: Keys, budget: RateBudget, access: Access) -> Any:
    """A client of ccxt (of ccxt.pro, where a stream is wanted and exists) that is charged to `budget`.

    Raises ConfigError for an unknown venue, a testnet that does not exist, or wrong endpoints.
    """
    refuse_unknown(facts.name)
    if access.testnet and not facts.sandbox:
        raise ConfigError(f"{facts.name} has no testnet")
    library = streaming if access.stream and facts.name in streaming.exchanges else plain
    client = getattr(library, facts.name)(
        {
            "apiKey": keys.api_key.reveal(),
            "secret": keys.secret.reveal(),
            "password": keys.password.reveal(),
            "enableRateLimit": True,  # by our budget, below
            "timeout": access.timeout_ms,
            "options": _options(facts, kind),
        }
    )
    client.number = str  # numbers as the venue wrote them: a float has no room for every quantity
    if access.testnet:
        client.set_sandbox_mode(True)
    if access.endpoints:
        repoint(client, access.endpoints)
    client.throttle = budget_of(budget)
    silence(client)
    _watch(client, budget, Scrubber((keys.api_key, keys.secret, keys.password)))
    return client


def stated_rate(venue: str) -> float:
    """Units of cost a second, as ccxt states them for a venue. Raises ConfigError for one that it does not know."""
    refuse_unknown(venue)
    return 1000 / float(getattr(plain, venue)().rateLimit)


def budget_of(budget: RateBudget) -> Any:
    """ccxt's own limiter, replaced: it would be one for each client."""

    async def throttle(cost: Any = None) -> None:
        await budget.spend(1.0 if cost is None else float(cost))

    return throttle


def _options(facts: VenueFacts, kind: ContractKind) -> dict[str, Any]:
    perpetual = kind is ContractKind.PERPETUAL
    options = class_options(facts.name, perpetuals=perpetual)
    options |= {"maxRetriesOnFailure": 0, "warnOnFetchOpenOrdersWithoutSymbol": False}
    if perpetual:
        options |= {"defaultType": "swap", "defaultSubType": "linear"}
        # Said with every order where an order says it. ccxt takes it at Binance, where it is set once a symbol, for
        # isolated margin of spot, and asks for another stream of the account.
        options |= {} if facts.name.startswith("binance") else {"defaultMarginMode": "isolated"}
    if facts.deadline in (Deadline.WINDOW, Deadline.HEADER):
        options["recvWindow"] = facts.deadline_s * 1000
    if facts.name == "okx":
        options["createOrder"] = "privatePostTradeOrder"  # its batches hide a refusal in a list
    return options


async def prepare(client: Any, facts: VenueFacts, kind: ContractKind, symbols: Sequence[str], leverage: int) -> None:
    """Loads what an order would otherwise load on its way, and sets leverage and margin mode of perpetuals.

    Raises ExchangeUnavailable where it fails: better now than in an order.
    """
    try:
        with watching():
            _never_follow(client)
            await client.load_markets()
            if client.has.get("fetchTime"):
                await set_clock(client)
            if hasattr(client, "is_unified_enabled"):
                await client.is_unified_enabled()
            if kind is ContractKind.PERPETUAL:
                for symbol in symbols:
                    await _isolate(client, symbol, leverage)
    except Exception as failure:  # noqa: BLE001  # ccxt's parsers fail in every way there is; none is an order's
        raise ExchangeUnavailable(f"{facts.name} could not be prepared: {shown(failure)}") from None


async def set_clock(client: Any) -> None:
    """Corrects the time stamps of a client by the venue's clock, where ours is really off.

    Venues tell whole seconds: a smaller difference may be no fault of ours, and where numbers must rise from one client
    of a key to the next, as at Kraken, a correction by it would take the next one back behind the last.
    """
    await client.load_time_difference()
    if abs(client.options.get("timeDifference") or 0) <= TOLERATED_MS:
        client.options["timeDifference"] = 0


async def _isolate(client: Any, symbol: str, leverage: int) -> None:
    """One-way positions, isolated margin, this leverage; "no need to change" is as good as done."""
    steps: tuple[tuple[str, tuple[Any, ...]], ...] = (
        ("set_position_mode", (False, symbol)),
        ("set_margin_mode", ("isolated", symbol, {"leverage": leverage})),
        ("set_leverage", (leverage, symbol, {"marginMode": "isolated"} if client.id == "okx" else {})),
    )
    for method, asked in steps:
        try:
            await getattr(client, method)(*asked)
        except errors.BaseError as error:
            if not already_so(error):
                raise


def _watch(client: Any, budget: RateBudget, scrubber: Scrubber) -> None:
    """Notes what leaves and what comes back, hears a venue that asks for silence, and lets no failure tell a key."""
    fetch, handle_errors = client.fetch, client.handle_errors

    async def watched(url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        wire = _wire.get()
        if wire is not None and method != "GET":
            wire.sent = True
        try:
            answer = await fetch(url, method, headers, body)
        except Exception as failure:
            scrubber.error(failure)
            raise
        if not isinstance(answer, dict | list):
            # A page, or nothing, with status 200: ccxt would read an order without an id, or an empty list, out of it.
            raise errors.BadResponse(f"{client.id} answered with something that is not JSON")
        if wire is not None:
            wire.answers.append(answer)
        return answer

    def heard(code: int, reason: str, url: str, method: str, headers: Any, *rest: Any) -> Any:
        if code in _STOP:
            budget.told_to_stop(code, _retry_after_s(headers))
        return handle_errors(code, reason, url, method, headers, *rest)

    client.fetch, client.handle_errors = watched, heard


def _retry_after_s(headers: Any) -> float | None:
    for name, value in dict(headers or {}).items():
        if name.lower() == "retry-after":
            try:
                return max(0.0, float(value))
            except ValueError:
                return None  # a date: no venue that we know writes one
    return None


def _never_follow(client: Any) -> None:
    """A signed request goes to the address it was signed for, or fails: ccxt would follow a redirect with the key."""

    async def refuse(session: aiohttp.ClientSession, context: SimpleNamespace, params: Any) -> None:
        raise aiohttp.ClientError(f"{client.id} answered with a redirect")

    client.open()
    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(refuse)
    client.session.detach()
    client.session = aiohttp.ClientSession(
        connector=client.tcp_connector, trust_env=client.aiohttp_trust_env, trace_configs=[trace]
    )
