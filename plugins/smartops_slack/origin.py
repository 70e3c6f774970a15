"""Whose person somebody is, and whether they are served."""

from __future__ import annotations

from collections.abc import Iterable

from smartops.channels import JsonObject, object_of, text_of


class Workspaces:
    """The allow-list of workspaces and organisations."""

    def __init__(self, served: Iterable[str]) -> None:
        self._served = frozenset(served)

    def __contains__(self, id: str) -> bool:
        return id in self._served

    def tenant(self, team: str, enterprise: str = "", home: str = "") -> str:
        """Return the tenant of a person's identity, or an empty string if they are not served.

        It is the organisation where there is one, for there a person has one id
        in all its workspaces, else the workspace. ``home`` is the person's own,
        if it may be a stranger's: shared channels bring people of other
        companies, who must be listed themselves.
        """
        if team not in self._served and enterprise not in self._served:
            return ""
        if home and home not in (team, enterprise):
            return home if home in self._served else ""
        return enterprise or team


def of_event(payload: JsonObject, installed: JsonObject) -> tuple[str, str, str]:
    """Return team, organisation and home of whoever caused an event.

    ``installed`` is the installation that it is for. In a channel that is shared
    with another company, the event names the home of its people; of ours it
    says nothing.
    """
    team = text_of(payload, "team_id") or text_of(installed, "team_id")
    enterprise = text_of(installed, "enterprise_id") or text_of(payload, "enterprise_id")
    if payload.get("is_ext_shared_channel") is not True:
        return team, enterprise, ""
    event = object_of(payload, "event")
    return team, enterprise, text_of(event, "user_team") or text_of(event, "source_team")


def of_interaction(payload: JsonObject) -> tuple[str, str, str]:
    """Return team, organisation and home of whoever pressed or submitted something.

    Within an organisation the home may be any of its workspaces, and says nothing.
    """
    user = object_of(payload, "user")
    team = text_of(object_of(payload, "team"), "id") or text_of(user, "team_id")
    enterprise = text_of(object_of(payload, "enterprise"), "id")
    return team, enterprise, "" if enterprise else text_of(user, "team_id")
