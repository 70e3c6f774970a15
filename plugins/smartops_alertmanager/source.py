"""Reading the webhook of Alertmanager (version 4) and of Grafana (version 1).

Source: Alertmanager's documentation of ``webhook_config``, and Grafana's of its webhook
notifier. Both name each alert of a group with a status and a fingerprint of its own. An alert
that is not in a body may have been left out by ``max_alerts``: it is not resolved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from smartops import Secret, ValidationFailed
from smartops.channels import (
    Event,
    EventSource,
    Inbound,
    JsonObject,
    check_bearer,
    object_of,
    objects_of,
    parse_json,
    text_of,
)

_LINKS = {
    "generatorURL": "Source",
    "silenceURL": "Silence in Grafana",
    "dashboardURL": "Dashboard",
    "panelURL": "Panel",
}
_RUNBOOK = "runbook_url"


class Webhook(EventSource):
    """The webhook under ``/hooks/NAME``. ``title`` and ``text`` are names of annotations."""

    def __init__(
        self, name: str, tokens: Sequence[Secret], title: str, text: str, max_depth: int
    ) -> None:
        self.name = name
        self._tokens = tokens
        self._title, self._text = title, text
        self._max_depth = max_depth

    async def authenticate(self, inbound: Inbound) -> None:
        """Authenticate a request by its bearer token."""
        check_bearer(inbound, self._tokens)

    async def read(self, inbound: Inbound) -> Sequence[Event]:
        """Return the alerts in a request."""
        body = parse_json(inbound.body, self._max_depth)
        if not isinstance(body.get("alerts"), list):
            raise ValidationFailed(
                "This is no webhook of Alertmanager or Grafana: it has no list of alerts",
                details="Do not use a payload of your own; the plugin webhook reads any JSON",
            )
        return [self._event(alert) for alert in objects_of(body, "alerts")]

    def _event(self, alert: JsonObject) -> Event:
        labels, annotations = _texts(alert, "labels"), _texts(alert, "annotations")
        fingerprint = text_of(alert, "fingerprint")
        if not fingerprint:
            raise ValidationFailed("An alert has no fingerprint")
        links = {name: text_of(alert, member) for member, name in _LINKS.items()}
        links["Runbook"] = annotations.get(_RUNBOOK, "")
        name = labels.get("alertname", "Alert")
        return Event(
            fingerprint=fingerprint,
            status="resolved" if text_of(alert, "status") == "resolved" else "firing",
            title=annotations.get(self._title) or name,
            started=_time(text_of(alert, "startsAt")),
            severity=labels.get("severity", ""),
            text=annotations.get(self._text, ""),
            labels=labels,
            links={name: url for name, url in links.items() if url.startswith("http")},
        )


def _texts(alert: JsonObject, name: str) -> Mapping[str, str]:
    return {key: value for key, value in object_of(alert, name).items() if isinstance(value, str)}


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValidationFailed(f'startsAt is no time: "{text[:40]}"') from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
