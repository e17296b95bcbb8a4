"""What every test may rely on: no network, and no float in money."""

import socket
from decimal import Decimal, FloatOperation
from threading import Thread

import pytest


def test_a_connection_to_another_machine_is_refused() -> None:
    with socket.socket() as outside, pytest.raises(RuntimeError, match="no network"):
        outside.connect(("192.0.2.1", 80))


def test_a_name_of_another_machine_is_refused() -> None:
    with socket.socket() as outside, pytest.raises(RuntimeError, match="no network"):
        outside.connect_ex(("example.org", 80))


def test_this_machine_can_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername() == server.getsockname()


def test_a_float_beside_a_decimal_is_an_error() -> None:
    with pytest.raises(FloatOperation):
        assert Decimal("0.1") > 0.05


def test_a_float_is_an_error_in_other_threads_too() -> None:
    raised: list[bool] = []

    def mix() -> None:
        try:
            Decimal(0.1)  # noqa: RUF032
        except FloatOperation:
            raised.append(True)

    thread = Thread(target=mix)
    thread.start()
    thread.join()
    assert raised == [True]
