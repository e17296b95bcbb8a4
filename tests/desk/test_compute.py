"""Where heavy work runs: on a cluster too, and a cluster that is not there is one sentence."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from core.errors import ConfigError
from desk.compute import ComputeSettings, Here, RayCluster, compute_of


def _inverse(number: int) -> float:
    return 1 / number


def test_no_address_is_this_machine() -> None:
    assert isinstance(compute_of(1, ComputeSettings()), Here)


@pytest.mark.parametrize("address", ["cluster", "host:", ":6379", "host:port"])
def test_an_address_that_is_none_is_named(address: str) -> None:
    with pytest.raises(ConfigError, match="HOST:PORT"):
        compute_of(1, ComputeSettings(address=address))


def test_without_ray_the_sentence_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(ConfigError, match=r"pip install 'tradewarden\[ray\]'"):
        RayCluster("127.0.0.1:6379")


def test_a_cluster_that_is_not_there_is_named_before_its_client_tries_for_minutes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Client:
        @staticmethod
        def is_initialized() -> bool:
            raise AssertionError("nobody answers there: the client must not be asked")

    monkeypatch.setitem(__import__("sys").modules, "ray", Client)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ConfigError, match=f"no Ray cluster at compute.address {address}"):
            RayCluster(address)


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    ray: Any = pytest.importorskip("ray", reason="the extra `ray` is not installed")
    told = ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        yield RayCluster(f"127.0.0.1:{told.address_info['gcs_address'].rpartition(':')[2]}")
    finally:
        ray.shutdown()


def test_a_cluster_answers_in_the_order_of_the_items(cluster: RayCluster) -> None:
    assert list(cluster.map(abs, range(-100, 100))) == [abs(one) for one in range(-100, 100)]


def test_the_error_of_an_item_is_raised_here_as_it_was(cluster: RayCluster) -> None:
    with pytest.raises(ZeroDivisionError):
        list(cluster.map(_inverse, [1, 0, 2]))
