"""Answers in the form Teams takes them: activities, and bodies of invoke responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from smartops import Message, Reply
from smartops.channels import Response, plain

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


@dataclass(frozen=True, slots=True)
class Page:
    """A reply, or one of the parts it was taken into, with its card as JSON."""

    reply: Reply
    card: bytes


def written(reply: Reply) -> list[Page]:
    """Return the pages of a reply: most are one, and it is written only once."""
    if whole := whole_card(reply):
        return [Page(reply, whole)]
    return [page_of(part) for part in pages(reply)]


def page_of(reply: Reply) -> Page:
    """Return a reply that fits into a card as a page."""
    return Page(reply, encoded(card(reply)))


def message_activity(reference: Mapping[str, Any], page: Page) -> bytes:
    """Return the activity that answers, with a page, what ``reference`` refers to."""
    to = reference["activity"]
    answers = f'"replyToId":{quote(to)},' if to else ""
    beginning = (
        f'{{"type":"message","channelId":{quote(reference["channelId"])},'
        f'"serviceUrl":{quote(reference["serviceUrl"])},'
        f'"conversation":{{"id":{quote(reference["conversation"])}}},'
        f'"from":{_account(reference["bot"])},"recipient":{_account(reference["user"])},'
        f'{answers}"summary":{quote(summary(page.reply))},'
        f'"attachments":[{{"contentType":"{CARD}","content":'
    )
    return b"%b%b}]}" % (encoded(beginning), page.card)


def _account(account: Mapping[str, str]) -> str:
    return f'{{"id":{quote(account["id"])},"name":{quote(account["name"])}}}'


def expected_replies(messages: Sequence[Message], replies: Sequence[Reply]) -> Response:
    """Return the answer to a request with ``deliveryMode`` expectReplies."""
    activities = (
        message_activity(message.reference, page)
        for message, reply in zip(messages, replies, strict=True)
        for page in written(reply)
    )
    return Response(body=b'{"activities":[%s]}' % b",".join(activities))


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
    return _invoke(200, TEXT, quote(text))


def invoke_error(text: str) -> Response:
    """Return the answer to an invoke that cannot be read."""
    return _invoke(400, ERROR, f'{{"code":"BadRequest","message":{quote(text)}}}')


def _invoke(status: int, kind: str, value: str) -> Response:
    body = f'{{"statusCode":{status},"type":"{kind}","value":{value}}}'
    return Response(status=status, body=encoded(body))
