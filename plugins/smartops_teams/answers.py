"""Answers in the form Teams takes them: activities, and bodies of invoke responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from smartops import Message, PermissionDenied, RateLimited, Reply, Response, plain

from .cards import card, summary
from .text import quote

CARD = "application/vnd.microsoft.card.adaptive"
TEXT = "application/vnd.microsoft.activity.message"
ERROR = "application/vnd.microsoft.error"

_CARD_STAYS = frozenset({RateLimited.code, PermissionDenied.code})

# An empty body is no JSON, and must not be called so.
ACKNOWLEDGED = Response(content_type="text/plain")
NOT_IMPLEMENTED = Response(status=501, content_type="text/plain")
NO_ACTIVITIES = Response(body=b'{"activities":[]}')


def message_activity(message: Message, reply: Reply) -> bytes:
    """Return the activity that answers a message with a card."""
    reference = message.reference
    activity = (
        f'{{"type":"message","channelId":{quote(reference["channelId"])},'
        f'"serviceUrl":{quote(reference["serviceUrl"])},'
        f'"conversation":{{"id":{quote(reference["conversation"])}}},'
        f'"from":{_account(reference["bot"])},"recipient":{_account(reference["user"])},'
        f'"replyToId":{quote(reference["activity"])},"summary":{quote(summary(reply))},'
        f'"attachments":[{{"contentType":"{CARD}","content":{card(reply)}}}]}}'
    )
    return _encoded(activity)


def _account(account: Mapping[str, str]) -> str:
    return f'{{"id":{quote(account["id"])},"name":{quote(account["name"])}}}'


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
        return _invoke(200, TEXT, quote(plain(reply)))
    return _invoke(200, CARD, card(reply))


def invoke_error(text: str) -> Response:
    """Return the answer to an invoke that cannot be read."""
    return _invoke(400, ERROR, f'{{"code":"BadRequest","message":{quote(text)}}}')


def _invoke(status: int, kind: str, value: str) -> Response:
    body = f'{{"statusCode":{status},"type":"{kind}","value":{value}}}'
    return Response(status=status, body=_encoded(body))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")
