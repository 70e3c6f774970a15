"""Answers in the form Teams takes them: activities, and bodies of invoke responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from smartops import Message, Reply
from smartops.channels import Response, compact_json, plain, shortened

from .cards import card, fits
from .pages import pages
from .text import Element

CARD = "application/vnd.microsoft.card.adaptive"
TEXT = "application/vnd.microsoft.activity.message"
ERROR = "application/vnd.microsoft.error"

_LONGEST_TEXT = 4000

# An empty body is no JSON, and must not be called so.
ACKNOWLEDGED = Response(content_type="text/plain")
NOT_IMPLEMENTED = Response(status=501, content_type="text/plain")
NO_ACTIVITIES = Response(body=b'{"activities":[]}')


class Page(NamedTuple):
    """A reply, or a part of one, with the card that shows it."""

    reply: Reply
    card: Element


def page_of(reply: Reply) -> Page:
    """Return a reply that fits into a card as a page."""
    return Page(reply, card(reply))


def written(reply: Reply) -> list[Page]:
    """Return the pages of a reply; most fit into one card, which is then made once."""
    page = page_of(reply)
    return [page] if fits(page.card) else [page_of(part) for part in pages(reply)]


def message_activity(reference: Mapping[str, Any], page: Page) -> dict[str, Any]:
    """Return the activity that answers, with a page, what ``reference`` refers to."""
    to = reference["activity"]
    return {
        "type": "message",
        "channelId": reference["channelId"],
        "serviceUrl": reference["serviceUrl"],
        "conversation": {"id": reference["conversation"]},
        "from": reference["bot"],
        "recipient": reference["user"],
        **({"replyToId": to} if to else {}),
        "summary": page.card["fallbackText"],
        "attachments": [{"contentType": CARD, "content": page.card}],
    }


def expected_replies(messages: Sequence[Message], replies: Sequence[Reply]) -> Response:
    """Return the answer to a request with ``deliveryMode`` expectReplies."""
    activities = [
        message_activity(message.reference, page)
        for message, reply in zip(messages, replies, strict=True)
        for page in written(reply)
    ]
    return Response(body=compact_json({"activities": activities}))


def invoke_answer(reply: Reply) -> Response:
    """Return the answer to a pressed button: what replaces the card for the one who pressed.

    A refusal for the one who pressed alone (it was too soon, or not theirs to
    press) is shown beside the card, which stays.
    """
    if reply.private and reply.error is not None:
        return invoke_text(shortened(plain(reply), _LONGEST_TEXT))
    return _invoke(200, CARD, card(reply))


def invoke_text(text: str) -> Response:
    """Return the answer to a pressed button that shows a text beside the card."""
    return _invoke(200, TEXT, text)


def invoke_error(text: str) -> Response:
    """Return the answer to an invoke that cannot be read."""
    return _invoke(400, ERROR, {"code": "BadRequest", "message": text})


def _invoke(status: int, kind: str, value: Any) -> Response:
    body = compact_json({"statusCode": status, "type": kind, "value": value})
    return Response(status=status, body=body)
