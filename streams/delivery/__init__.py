"""Delivery: the Faust app that leads from notifications to receivers, and the only place where messages leave."""

from streams.settings import Settings


def app_id(settings: Settings) -> str:
    """Consumer group of delivery, and prefix of its changelog."""
    return f"{settings.app_id}-delivery"


def changelog(settings: Settings) -> str:
    """Changelog of the table that holds every open delivery."""
    return f"{app_id(settings)}-delivery-changelog"
