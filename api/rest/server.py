"""One process that serves: it binds where it may, says when it is ready, and ends in order when it is told to."""

import asyncio
import ipaddress
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

import uvicorn

from api.rest.app import application, serving
from api.rest.served import Served
from core.errors import ConfigError
from desk.home import Home
from desk.live import LiveCommand
from desk.settings import Settings, database_url, environment_of
from desk.several import at_several
from memory.books.database import Books

_GRACE_S: Final = 10  # for what is being answered, once the end was asked for
_ENDS: Final = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to serve. `command` is the desk beside it, in modes that have a venue."""

    home: Home
    settings: Settings
    host: str
    port: int
    command: LiveCommand | None = None


Ready = Callable[[Served, str], None]


async def serve(wanted: Wanted, ready: Ready) -> None:
    """Until SIGTERM or Ctrl-C. `ready` is told once the first request would be answered, with the address.

    Raises ConfigError for an address that is not to be served at, or is taken; and whatever the desk cannot start with.
    """
    home, settings = wanted.home, wanted.settings
    home.make()
    async with AsyncExitStack() as stack:
        books = stack.enter_context(Books.open(database_url(home, settings)))
        at = await stack.enter_async_context(serving(home, settings, books))
        refuse_exposed(wanted.host, settings, keys=at.keys.live())
        bound = stack.enter_context(_bound(wanted.host, wanted.port))
        if wanted.command is not None:
            command, environment = wanted.command, environment_of()
            at.desk = await stack.enter_async_context(at_several(home, settings, environment, command))
        server = _Server(_config(at))
        with _told_to_end(server, at):
            serving_on = asyncio.create_task(server.serve(sockets=[bound]))
            while not server.started and not serving_on.done():
                await asyncio.sleep(0.01)
            if not serving_on.done():
                ready(at, _url(bound))
            await serving_on


def refuse_exposed(host: str, settings: Settings, *, keys: int) -> None:
    """Raises ConfigError for an address that others can reach, unless the settings say so and a key guards it."""
    if _is_loopback(host):
        return
    if not settings.api.public:
        raise ConfigError(f"{host} can be reached by others: [api] public = true allows it, behind TLS of your own")
    if not keys:
        raise ConfigError(f"{host} can be reached by others and no key would open it: `warden keys create` makes one")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _config(at: Served) -> uvicorn.Config:
    return uvicorn.Config(
        application(at),
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=10,
        timeout_graceful_shutdown=_GRACE_S,
        # A slow header has no limit of its own: so many of them may wait, and the others are told to come back.
        limit_concurrency=at.settings.api.streams + 200,
    )


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ours are handled by whoever also has a desk to end: the framework would raise them again before that."""
        yield


@contextmanager
def _told_to_end(server: uvicorn.Server, at: Served) -> Iterator[None]:
    loop = asyncio.get_running_loop()

    def end() -> None:
        server.should_exit = True
        at.closing.set()
        at.feed.wake()

    for number in _ENDS:
        loop.add_signal_handler(number, end)
    try:
        yield
    finally:
        for number in _ENDS:
            loop.remove_signal_handler(number)


@contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    """A socket of our own, so that a port that is taken is a sentence, and port 0 can be told."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, proto)
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"{host} is no address to serve at: {error}") from None
    with bound:
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
        except OSError as error:
            raise ConfigError(f"{host} port {port} cannot be served at: {error.strerror}") from None
        yield bound


def _url(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
