"""Activities that carry cards, and responses to requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from smartops import Message, Reply
from smartops.channels import Response, compact_json, plain, shortened

from .pages import cards
from .text import Element

_CARD = "application/vnd.microsoft.card.adaptive"
_LONGEST_TEXT = 4000

# An empty body is no JSON, so its content type is not JSON either.
ACKNOWLEDGED = Response(content_type="text/plain")
NOT_IMPLEMENTED = Response(status=501, content_type="text/plain")
NO_ACTIVITIES = Response(body=b'{"activities":[]}')


def message_activity(reference: Mapping[str, Any], card: Element) -> dict[str, Any]:
    """Return the activity that sends a card to the conversation of ``reference``."""
    to = reference["activity"]
    return {
        "type": "message",
        "channelId": reference["channelId"],
        "serviceUrl": reference["serviceUrl"],
        "conversation": {"id": reference["conversation"]},
        "from": reference["bot"],
        "recipient": reference["user"],
        **({"replyToId": to} if to else {}),
        "summary": card["fallbackText"],
        "attachments": [{"contentType": _CARD, "content": card}],
    }


def expected_replies(messages: Sequence[Message], replies: Sequence[Reply]) -> Response:
    """Return the response to a request with ``deliveryMode`` expectReplies."""
    activities = [
        message_activity(message.reference, card)
        for message, reply in zip(messages, replies, strict=True)
        for card in cards(reply)
    ]
    return Response(body=compact_json({"activities": activities}))


def invoke_answer(reply: Reply) -> Response:
    """Return the response to a pressed button: the card that replaces the one with the button.

    A private refusal, such as "too soon" or "not yours", is displayed beside the card,
    which stays.
    """
    if reply.private and reply.error is not None:
        return invoke_text(shortened(plain(reply), _LONGEST_TEXT))
    return _invoke(200, _CARD, cards(reply)[0])


def invoke_text(text: str) -> Response:
    """Return the response to a pressed button that displays a text beside the card."""
    return _invoke(200, "application/vnd.microsoft.activity.message", text)


def invoke_error(text: str) -> Response:
    """Return the response to a malformed invoke."""
    error = {"code": "BadRequest", "message": text}
    return _invoke(400, "application/vnd.microsoft.error", error)


def _invoke(status: int, kind: str, value: Any) -> Response:
    body = compact_json({"statusCode": status, "type": kind, "value": value})
    return Response(status=status, body=body)
