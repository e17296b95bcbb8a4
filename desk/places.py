"""The venues that the settings name, each with the settings of its own account."""

from desk.settings import Settings
from market.settings import RoutingSettings


def alone(settings: Settings, venue: str) -> Settings:
    """What holds for one of the further venues by itself: its own account, and no texts, which the first one reads."""
    at = settings.venue.model_copy(update={"name": venue, "routing": RoutingSettings()})
    quiet = settings.market.sources.model_copy(update={"enabled": ()})
    market = settings.market.model_copy(update={"sources": quiet})
    return settings.model_copy(update={"venue": at, "market": market, "source_plugins": {}})


def each(settings: Settings) -> tuple[Settings, ...]:
    """One for every account, the first as it is."""
    return (settings, *(alone(settings, venue) for venue in settings.venue.routing.others))
