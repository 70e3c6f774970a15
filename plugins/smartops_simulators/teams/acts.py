"""What people do, as the activities that Teams sends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from smartops_simulators.platform import walk

from .world import Conversation, Shown, User

if TYPE_CHECKING:
    from .service import TeamsSimulator


@dataclass(frozen=True, slots=True)
class Act:
    """Something that a person does in a conversation."""

    teams: TeamsSimulator
    chat: Conversation
    person: User

    def message(self, text: str, thread: Shown | None, *, mention: bool) -> dict[str, Any]:
        """Return what was typed. A post in a channel without a thread begins one."""
        number = self.teams.world.number()
        said = {
            "type": "message",
            "id": number,
            **self._common(thread.thread if thread else number),
            "textFormat": "plain",
            "text": text,
            "entities": [{"type": "clientInfo", "locale": "en-GB", "platform": "Web"}],
        }
        if mention and self.chat.kind != "personal":
            bot = self.teams.account
            tag = f"<at>{bot['name']}</at>"
            said["text"] = f"{tag} {text}"
            said["entities"].append({"type": "mention", "mentioned": bot, "text": tag})
        return said

    def event(self, **members: Any) -> dict[str, Any]:
        """Return something that happens to the conversation."""
        return {"id": f"f:{self.teams.world.number()}", **self._common(""), **members}

    def invoke(self, shown: Shown, what: str, inputs: Mapping[str, str]) -> dict[str, Any]:
        """Return what a client sends when a button is pressed; raises LookupError."""
        card = shown.seen_by(self.person.name) or {}
        action = button(card, what)
        pressed = {name: action[name] for name in ("type", "id", "verb") if name in action}
        data = {**action.get("data", {}), **filled(card, inputs)}
        return self.event(
            type="invoke",
            name="adaptiveCard/action",
            conversation=self.chat.reference(shown.thread),
            replyToId=shown.id,
            value={"action": {**pressed, "data": data}, "trigger": "manual"},
        )

    def submitted(self, shown: Shown, what: str, inputs: Mapping[str, str]) -> dict[str, Any]:
        """Return what a client sends that knows no Action.Execute: a message without text."""
        card = shown.seen_by(self.person.name) or {}
        data = button(card, what)["fallback"]["data"]
        return {
            "type": "message",
            "id": self.teams.world.number(),
            **self._common(shown.thread),
            "replyToId": shown.id,
            "value": {**data, **filled(card, inputs)},
        }

    def _common(self, thread: str) -> dict[str, Any]:
        now = self.teams.clock.now()
        return {
            "timestamp": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "localTimezone": "Europe/Berlin",
            "channelId": "msteams",
            "serviceUrl": self.teams.service_url,
            "from": self.person.account,
            "recipient": self.teams.account,
            "conversation": self.chat.reference(thread),
            "channelData": self.chat.channel_data(),
            "locale": "en-GB",
        }


def button(card: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Return the button with this title or verb; raises LookupError."""
    for action in card.get("actions", ()):
        if what in (action.get("title"), action.get("verb")):
            found: dict[str, Any] = action
            return found
    raise LookupError(f"there is no button {what}")


def filled(card: Mapping[str, Any], inputs: Mapping[str, str]) -> dict[str, str]:
    """Return the values of a card's inputs; raises ValueError as a client would complain.

    ``inputs`` are by id, or by what follows the colon in it.
    """
    values: dict[str, str] = {}
    for element in walk(card.get("body")):
        if not str(element.get("type", "")).startswith("Input."):
            continue
        name = element["id"]
        value = inputs.get(name) or inputs.get(name.rpartition(":")[2])
        value = value or str(element.get("value", ""))
        if element.get("isRequired") and not value:
            raise ValueError(element.get("errorMessage") or f"{name} is needed")
        allowed = [choice["value"] for choice in element.get("choices", ())]
        if allowed and value and value not in allowed:
            raise ValueError(f"{value} is not among the choices of {name}")
        values[name] = value
    return values
