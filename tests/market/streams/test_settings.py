import pytest
from pydantic import ValidationError

from market.bus.memory import MemoryBus
from market.bus.opened import open_bus
from market.streams.patience import Patience
from market.streams.settings import BusSettings, StreamSettings


def test_the_defaults_are_the_patience_that_streams_have_without_them() -> None:
    assert StreamSettings().patience() == Patience()
    assert isinstance(open_bus(BusSettings().url), MemoryBus)


@pytest.mark.parametrize("wrong", [{"silence_s": 0}, {"silence_s": 121}, {"kinds": ["gossip"]}, {"silense_s": 10}])
def test_looser_or_misspelled_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        StreamSettings.model_validate(wrong)


@pytest.mark.parametrize("url", ["", "memory2", "http://x", "kafka://x"])
def test_a_bus_of_no_known_kind_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        BusSettings(url=url)
