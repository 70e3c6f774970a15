"""Answers in the form Teams takes them: activities, and bodies of invoke responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from smartops import Message, Reply, Response, plain

from .cards import card, summary, whole_card
from .pages import pages
from .text import encoded, quote, shortened

CARD = "application/vnd.microsoft.card.adaptive"
TEXT = "application/vnd.microsoft.activity.message"
ERROR = "application/vnd.microsoft.error"

_LONGEST_TEXT = 4000

# An empty body is no JSON, and must not be called so.
ACKNOWLEDGED = Response(content_type="text/plain")
NOT_IMPLEMENTED = Response(status=501, content_type="text/plain")
NO_ACTIVITIES = Response(body=b'{"activities":[]}')


def message_activity(reference: Mapping[str, Any], reply: Reply) -> bytes:
    """Return the activity that answers, with a card, what ``reference`` refers to."""
    return _message(reference, reply, encoded(card(reply)))


def message_activities(reference: Mapping[str, Any], reply: Reply) -> list[bytes]:
    """Return one such activity, or one a page for what does not fit into a card."""
    if whole := whole_card(reply):
        return [_message(reference, reply, whole)]
    return [message_activity(reference, page) for page in pages(reply)]


def _message(reference: Mapping[str, Any], reply: Reply, content: bytes) -> bytes:
    to = reference["activity"]
    answers = f'"replyToId":{quote(to)},' if to else ""
    beginning = (
        f'{{"type":"message","channelId":{quote(reference["channelId"])},'
        f'"serviceUrl":{quote(reference["serviceUrl"])},'
        f'"conversation":{{"id":{quote(reference["conversation"])}}},'
        f'"from":{_account(reference["bot"])},"recipient":{_account(reference["user"])},'
        f'{answers}"summary":{quote(summary(reply))},'
        f'"attachments":[{{"contentType":"{CARD}","content":'
    )
    return b"%b%b}]}" % (encoded(beginning), content)


def _account(account: Mapping[str, str]) -> str:
    return f'{{"id":{quote(account["id"])},"name":{quote(account["name"])}}}'


def expected_replies(messages: Sequence[Message], replies: Sequence[Reply]) -> Response:
    """Return the answer to a request with ``deliveryMode`` expectReplies."""
    activities = (
        activity
        for message, reply in zip(messages, replies, strict=True)
        for activity in message_activities(message.reference, reply)
    )
    return Response(body=b'{"activities":[%s]}' % b",".join(activities))


def invoke_answer(reply: Reply) -> Response:
    """Return the answer to a pressed button: what replaces the card for the one who pressed.

    A refusal for the one who pressed alone (it was too soon, or not theirs to
    press) is shown beside the card, which stays.
    """
    if reply.private and reply.error is not None:
        return _invoke(200, TEXT, quote(shortened(plain(reply), _LONGEST_TEXT)))
    return _invoke(200, CARD, card(reply))


def invoke_error(text: str) -> Response:
    """Return the answer to an invoke that cannot be read."""
    return _invoke(400, ERROR, f'{{"code":"BadRequest","message":{quote(text)}}}')


def _invoke(status: int, kind: str, value: str) -> Response:
    body = f'{{"statusCode":{status},"type":"{kind}","value":{value}}}'
    return Response(status=status, body=encoded(body))
