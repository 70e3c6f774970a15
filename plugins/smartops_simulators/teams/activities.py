"""What Teams sends when people write, press a button or add the bot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from smartops_simulators.chat import value_of, walk

from .model import Conversation, Message, User

if TYPE_CHECKING:
    from .service import TeamsSimulator


@dataclass(frozen=True, slots=True)
class Activities:
    """Makes the activities of a person in a conversation."""

    teams: TeamsSimulator
    chat: Conversation
    person: User

    def message(self, text: str, thread: Message | None, *, mention: bool) -> dict[str, Any]:
        """Return a typed message. A post in a channel without a thread begins one."""
        number = self.teams.number()
        sent = {
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
            sent["text"] = f"{tag} {text}"
            sent["entities"].append({"type": "mention", "mentioned": bot, "text": tag})
        return sent

    def event(self, **members: Any) -> dict[str, Any]:
        return {"id": f"f:{self.teams.number()}", **self._common(""), **members}

    def invoke(self, shown: Message, what: str, inputs: Mapping[str, str]) -> dict[str, Any]:
        """Return what a client sends when a button is pressed; raises LookupError."""
        card = shown.seen_by(self.person.name)
        action = button(card, what)
        pressed = {name: action[name] for name in ("type", "id", "verb") if name in action}
        associated = action.get("associatedInputs") != "none"
        data = {**action.get("data", {}), **(filled(card, inputs) if associated else {})}
        return self.event(
            type="invoke",
            name="adaptiveCard/action",
            conversation=self.chat.reference(shown.thread or shown.id),  # a post begins a thread
            replyToId=shown.id,
            value={"action": {**pressed, "data": data}, "trigger": "manual"},
        )

    def submitted(self, shown: Message, what: str, inputs: Mapping[str, str]) -> dict[str, Any]:
        """Return what a client sends that knows no Action.Execute: a message without text."""
        card = shown.seen_by(self.person.name)
        data = button(card, what)["fallback"]["data"]
        return {
            "type": "message",
            "id": self.teams.number(),
            **self._common(shown.thread or shown.id),
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
    """Return the values of a card's inputs; ``inputs`` are by id, or by what follows its colon.

    Raises ValueError as a client would complain.
    """
    values: dict[str, str] = {}
    for element in walk(card.get("body")):
        if str(element.get("type", "")).startswith("Input."):
            name, initial = element["id"], str(element.get("value", ""))
            complaint = element.get("errorMessage") or f"{name} is needed"
            required = complaint if element.get("isRequired") else ""
            choices = [choice["value"] for choice in element.get("choices", ())]
            values[name] = value_of(name, inputs, initial, choices, required)
    return values
