"""What a card shows, gathered from the store, the catalogue and the bridge."""

from __future__ import annotations

from collections.abc import Callable

from blocks.card import TIMELINE_SHOWN, CardFacts, shows_paged
from bot.config import Config
from bot.models import EventKind, Incident
from bot.store import Store


class Cards:
    """`huddle_url` gives the link of a channel's huddle; `ops_channel` is where templates and cards stand."""

    def __init__(self, store: Store, config: Config, huddle_url: Callable[[str], str], ops_channel: str) -> None:
        self._store = store
        self._config = config
        self._huddle_url = huddle_url
        self._ops_channel = ops_channel

    def facts(self, incident: Incident) -> CardFacts:
        service = self._config.service(incident.service)
        newest = self._store.timeline(incident.number, limit=3 * TIMELINE_SHOWN)
        told = {EventKind.UPDATE, *([EventKind.PAGED] if shows_paged(incident) else [])}  # in places of their own
        events = [event for _, event in newest if event.kind not in told]
        return CardFacts(
            incident=incident,
            events=events,
            troubles=[each for each in self._store.troubles(incident.id) if not each.passes],
            bridge=self.bridge(incident),
            owner=service.owner,
            dashboard=service.dashboard,
            runbook=service.runbook,
        )

    def bridge(self, incident: Incident) -> str:
        """The service's bridge, else the configured one, else the huddle of the incident's channel."""
        service = self._config.service(incident.service)
        configured = service.bridge or self._config.bridge_url
        return configured or self._huddle_url(incident.channel_id or self._ops_channel)

    def bookmarks(self, incident: Incident) -> list[tuple[str, str]]:
        """Title and address of what belongs at the top of the incident's channel."""
        service = self._config.service(incident.service)
        wanted = [("Bridge", self.bridge(incident)), ("Dashboard", service.dashboard), ("Runbook", service.runbook)]
        return [(title, url) for title, url in wanted if url]
