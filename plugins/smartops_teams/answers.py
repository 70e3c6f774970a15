"""Answers in the form Teams takes them: activities, and bodies of invoke responses."""

from __future__ import annotations

from collections.abc import Sequence

from smartops import Message, PermissionDenied, RateLimited, Reply, Response, dump_json, plain

from .cards import card, summary

CARD = "application/vnd.microsoft.card.adaptive"
TEXT = "application/vnd.microsoft.activity.message"
ERROR = "application/vnd.microsoft.error"

_CARD_STAYS = frozenset({RateLimited.code, PermissionDenied.code})

NO_ACTIVITIES = Response(body=b'{"activities":[]}')
NOT_IMPLEMENTED = Response(status=501)


def message_activity(message: Message, reply: Reply) -> bytes:
    """Return the activity that answers a message with a card."""
    reference = message.reference
    head = dump_json(
        {
            "type": "message",
            "channelId": reference["channelId"],
            "serviceUrl": reference["serviceUrl"],
            "conversation": {"id": reference["conversation"]},
            "from": reference["bot"],
            "recipient": reference["user"],
            "replyToId": reference["activity"],
            "summary": summary(reply),
        }
    )
    attachment = b',"attachments":[{"contentType":"%s","content":%s}]}'
    return head[:-1] + attachment % (CARD.encode(), _card(reply))


def expected_replies(messages: Sequence[Message], replies: Sequence[Reply]) -> Response:
    """Return the answer to a request with ``deliveryMode`` expectReplies."""
    activities = map(message_activity, messages, replies)
    return Response(body=b'{"activities":[%s]}' % b",".join(activities))


def invoke_answer(reply: Reply) -> Response:
    """Return the answer to a pressed button: what replaces the card for the one who pressed.

    A refusal that leaves the buttons good (pressed too soon, or by somebody who
    may not) is shown beside the card, which stays.
    """
    if reply.error is not None and reply.error.code in _CARD_STAYS:
        return _invoke(200, TEXT, dump_json(plain(reply)))
    return _invoke(200, CARD, _card(reply))


def invoke_error(text: str) -> Response:
    """Return the answer to an invoke that cannot be read."""
    return _invoke(400, ERROR, dump_json({"code": "BadRequest", "message": text}))


def _invoke(status: int, kind: str, value: bytes) -> Response:
    body = b'{"statusCode":%d,"type":"%s","value":%s}' % (status, kind.encode(), value)
    return Response(status=status, body=body)


def _card(reply: Reply) -> bytes:
    return card(reply).encode("utf-8", "replace")
