"""Delivery of replies: in the thread, in place, ephemeral, complete, and once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from slack_payloads import (
    CHANNEL,
    DIRECT,
    TS,
    Signer,
    Slack,
    buttons,
    direct,
    mention,
    pressed,
    slash,
    texts,
)
from smartops import (
    Action,
    BackendUnavailable,
    Code,
    Message,
    PermissionDenied,
    Reply,
    Services,
    Text,
)
from smartops.channels import Claims, Form, FormField
from smartops.testing import ManualClock
from smartops_slack import SlackChannel
from smartops_slack.failures import Declined

pytestmark = pytest.mark.anyio

REFUSED = Reply.refused(PermissionDenied("You may not", details="rule hands-off"))
PROGRESS = Reply(status="pending", view=(Text("Working on it", style="note"),))
ASKED = Reply(
    status="pending",
    view=(Text("Stop web-1?"),),
    actions=(Action("confirm", "Yes", "confirm_a"), Action("cancel", "No", "cancel_a")),
)
LONG = "\n".join(f"line {number} {'x' * 40}" for number in range(10_000))
SEVERAL = Reply.of(
    *(Code("\n".join(f"{part}.{n} {'x' * 80}" for n in range(90))) for part in "abc")
)
FORM = Form("stop", "stop: which target?", (FormField("target", "target"),))


class Chat:
    """The channel, and messages as they arrive in it."""

    def __init__(self, channel: SlackChannel, signer: Signer, slack: Slack) -> None:
        self.channel = channel
        self._signer = signer
        self._slack = slack

    def receive(self, payload: Any) -> Message:
        """Return the message that a payload becomes."""
        payload = self._slack.live(payload)
        if payload.get("type") == "block_actions":
            inbound = self._signer.interaction(payload)
        elif "command" in payload:
            inbound = self._signer.form(payload)
        else:
            inbound = self._signer.event(payload)
        (message,) = self.channel.read(inbound, Claims(None)).messages
        return message

    async def send(self, message: Any, reply: Reply, replaces: str = "") -> str:
        """Reply to a message, or to a payload as if it had just arrived."""
        if not isinstance(message, Message):
            message = self.receive(message)
        return await self.channel.send(message, reply, replaces=replaces)


@pytest.fixture
async def chat(
    configured: Any, services: Services, slack: Slack, signer: Signer
) -> AsyncIterator[Chat]:
    async with aclosing(SlackChannel(configured(api_url=slack.api_url), services)) as channel:
        yield Chat(channel, signer, slack)


def press(message: dict[str, Any], value: str = "confirm_a", kind: str = "confirm") -> Any:
    return pressed({"action_id": f"smartops.{kind}.0", "value": value}, message)


async def test_a_direct_message_is_answered_without_a_thread(chat: Chat, slack: Slack) -> None:
    await chat.send(direct("help"), Reply.of("Hello."))
    assert "thread_ts" not in slack.message(channel=DIRECT)
    await chat.send(direct("help", thread_ts=TS), Reply.of("Hello."))
    assert slack.message(channel=DIRECT)["thread_ts"] == TS


@pytest.mark.parametrize("error", ["message_not_found", "cant_update_message"])
async def test_a_message_that_can_no_longer_be_edited_is_posted_again(
    chat: Chat, slack: Slack, error: str
) -> None:
    message = chat.receive(mention("stop web-1"))
    asked = await chat.send(message, ASKED)
    slack.fail(error)
    done = await chat.send(message, Reply.of("Stopped."), replaces=asked)
    assert done != asked
    assert slack.message()["text"] == "Stopped."


async def test_a_refused_edit_is_not_posted_again(chat: Chat, slack: Slack) -> None:
    message = chat.receive(mention("stop web-1"))
    asked = await chat.send(message, ASKED)
    slack.fail("invalid_auth")
    with pytest.raises(Declined):
        await chat.send(message, Reply.of("Stopped."), replaces=asked)
    assert len(slack.messages) == 1


async def test_a_private_reply_is_posted_in_a_direct_message(chat: Chat, slack: Slack) -> None:
    await chat.send(direct("stop web-1"), REFUSED)
    assert "You may not" in slack.message(channel=DIRECT)["text"]
    assert slack.private_messages == []


async def test_the_answer_repeats_a_slash_command_for_the_others(chat: Chat, slack: Slack) -> None:
    message = chat.receive(slash("list instances"))
    await chat.send(message, Reply.of("None."))
    posted = slack.message()
    assert "thread_ts" not in posted
    assert "/smartops list instances" in texts(posted["blocks"])
    await chat.send(message, REFUSED)
    (private,) = slack.responses
    assert private["response_type"] == "ephemeral"
    assert "/smartops list" not in texts(private["blocks"])


async def test_without_membership_a_slash_command_is_answered_by_response_url(
    chat: Chat, slack: Slack
) -> None:
    message = chat.receive(slash("list instances", channel_id="C_OUTSIDE"))
    assert await chat.send(message, Reply.of("None.")) == ""
    assert await chat.send(message, REFUSED) == ""
    answered, refused = slack.responses
    assert (answered["response_type"], refused["response_type"]) == ("in_channel", "ephemeral")
    assert not refused["replace_original"]


async def test_a_private_reply_stays_private_between_two_other_people(
    chat: Chat, slack: Slack
) -> None:
    """A slash command can be typed to another person, in a conversation without the bot."""
    await chat.send(slash("whoami", channel_id="D_OTHERS"), REFUSED)
    assert slack.responses[0]["response_type"] == "ephemeral"


async def test_progress_uses_no_response_url(chat: Chat, slack: Slack) -> None:
    message = chat.receive(slash("list instances", channel_id="C_OUTSIDE"))
    with pytest.raises(Declined):
        await chat.send(message, PROGRESS)
    assert slack.responses == []


async def test_without_membership_a_mention_cannot_be_answered(chat: Chat, slack: Slack) -> None:
    message = chat.receive(mention("help", channel="C_OUTSIDE"))
    for reply in (Reply.of("Hello."), REFUSED):
        with pytest.raises(Declined, match="channel"):
            await chat.send(message, reply)


async def test_a_response_url_is_used_five_times(chat: Chat, slack: Slack):
    message = chat.receive(slash("list instances", channel_id="C_OUTSIDE"))
    for number in range(5):
        await chat.send(message, Reply.of(f"{number}"))
    with pytest.raises(Declined):
        await chat.send(message, Reply.of("6"))
    assert len(slack.responses) == 5


async def test_a_response_url_expires_after_half_an_hour(
    chat: Chat, slack: Slack, clock: ManualClock
) -> None:
    message = chat.receive(slash("list instances", channel_id="C_OUTSIDE"))
    clock.advance(1800)
    with pytest.raises(Declined):
        await chat.send(message, Reply.of("late"))
    assert slack.responses == []


async def test_a_private_reply_falls_back_to_the_response_url(chat: Chat, slack: Slack):
    slack.channel("ops").bot_is_in = False
    click = chat.receive(
        press({"ts": "1.2", "thread_ts": TS, "channel": CHANNEL, "text": "", "blocks": []})
    )
    await chat.send(click, REFUSED)
    assert slack.responses[0]["response_type"] == "ephemeral"


async def test_a_private_reply_falls_back_to_an_ephemeral_message(chat: Chat, slack: Slack) -> None:
    slack.fail(status=404, body="used_url", content_type="text/plain")
    await chat.send(slash("whoami"), REFUSED)
    assert len(slack.private_messages) == 1
    slack.fail(status=404, body="used_url", content_type="text/plain")
    with pytest.raises(Declined, match="used_url"):
        await chat.send(slash("whoami", channel_id="C_OUTSIDE"), REFUSED)


async def test_an_ephemeral_message_is_replaced_by_response_url(chat: Chat, slack: Slack) -> None:
    await chat.send(mention("help"), Reply.of("?", private=True))
    click = chat.receive(press(slack.private_messages[0]))
    await chat.send(click, Reply.of("Done."), replaces=click.shown_in)
    assert slack.responses[0]["replace_original"] is True
    assert slack.messages == {}


async def test_without_membership_a_message_is_replaced_by_response_url(
    chat: Chat, slack: Slack
) -> None:
    slack.channel("ops").bot_is_in = False
    slack.fail("channel_not_found")
    outside = {"ts": "1.2", "channel": CHANNEL, "text": "", "blocks": []}
    click = chat.receive(press(outside))
    done = await chat.send(click, Reply.of("Done."), replaces=click.shown_in)
    assert done == click.shown_in
    assert slack.responses[0]["replace_original"] is True


async def test_a_long_reply_is_several_messages_in_the_thread(
    chat: Chat, slack: Slack, clock: ManualClock
) -> None:
    message_id = await chat.send(mention("show"), SEVERAL)
    posted = list(slack.messages.values())
    assert len(posted) > 1
    assert {message["thread_ts"] for message in posted} == {TS}
    assert message_id == f"{CHANNEL}:{posted[0]['ts']}"
    text = "".join(texts(message["blocks"]) for message in posted)
    assert all(f"{part}.{n} " in text for part in "abc" for n in range(90))
    assert posted[1]["text"] == f"(2 of {len(posted)})"


async def test_a_long_reply_to_a_slash_command_starts_a_thread(chat: Chat, slack: Slack) -> None:
    await chat.send(slash("show"), SEVERAL)
    first, *others = slack.messages.values()
    assert "thread_ts" not in first
    assert {message["thread_ts"] for message in others} == {first["ts"]}


async def test_the_id_of_a_long_reply_is_the_message_with_the_buttons(
    chat: Chat, slack: Slack
) -> None:
    reply = Reply.of(*SEVERAL.view, actions=ASKED.actions)
    message = chat.receive(mention("stop"))
    working = await chat.send(message, PROGRESS)
    message_id = await chat.send(message, reply, replaces=working)
    last = list(slack.messages.values())[-1]
    assert message_id == f"{CHANNEL}:{last['ts']}"
    assert len(buttons(last)) == 2
    first = slack.message(working.partition(":")[2])
    assert "a.0 " in texts(first["blocks"])


async def test_a_long_output_is_a_file_in_the_thread(chat: Chat, slack: Slack):
    await chat.send(mention("run"), Reply.of(Code(LONG, title="Output")))
    (file,) = slack.attached()
    assert file.text == LONG
    assert (file.channel, file.thread, file.title) == (CHANNEL, TS, "Output")
    assert "output.txt" in texts(slack.message()["blocks"])


async def test_without_membership_a_file_is_sent_as_a_direct_message(
    chat: Chat, slack: Slack
) -> None:
    slack.channel("ops").bot_is_in = False
    message = chat.receive(slash("run"))
    await chat.send(message, Reply.of(Code(LONG)))
    assert slack.attached()[-1].channel == DIRECT
    assert "in a direct message" in texts(slack.responses[-1]["blocks"])


async def test_a_private_file_is_sent_as_a_direct_message(chat: Chat, slack: Slack) -> None:
    await chat.send(mention("run"), Reply.of(Code(LONG), private=True))
    (file,) = slack.attached()
    assert file.channel == DIRECT
    assert slack.messages == {}
    assert len(slack.private_messages) == 1


async def test_a_file_that_cannot_be_attached_is_reported(chat: Chat, slack: Slack) -> None:
    refused = '{"ok": false, "error": "missing_scope", "needed": "files:write"}'
    slack.fail(method="files.getUploadURLExternal", body=refused)
    await chat.send(mention("run"), Reply.of(Code(LONG)))
    remark = slack.message()
    assert remark["thread_ts"] == TS
    assert "output.txt could not be attached" in texts(remark["blocks"])
    assert "files:write is needed" in texts(remark["blocks"])


async def test_a_retry_continues_a_partial_delivery(chat: Chat, slack: Slack) -> None:
    message = chat.receive(mention("show"))
    reply = Reply.of(*SEVERAL.view, Code(LONG))
    slack.fail(method="chat.postMessage", after=1, retry_after=60)
    slack.fail(method="upload", retry_after=60)
    with pytest.raises(BackendUnavailable):
        await chat.send(message, reply)
    assert len(slack.messages) == 1
    with pytest.raises(BackendUnavailable):
        await chat.send(message, reply)
    message_id = await chat.send(message, reply)
    posted = list(slack.messages.values())
    text = "".join(texts(item["blocks"]) for item in posted)
    assert all(text.count(f"{part}.{n} ") == 1 for part in "abc" for n in range(90))
    assert message_id == f"{CHANNEL}:{posted[0]['ts']}"
    assert slack.attached()
    await chat.send(message, reply)  # asked again, it is delivered again
    assert len(slack.messages) == 2 * len(posted)


async def test_a_form_with_an_expired_trigger_is_posted(
    chat: Chat, slack: Slack, clock: ManualClock
) -> None:
    late = chat.receive(slash("stop"))
    clock.advance(3)
    await chat.send(late, Reply(status="pending", view=(FORM,)))
    assert slack.called("views.open") == []
    slack.fail("expired_trigger_id")
    await chat.send(slash("stop"), Reply(status="pending", view=(FORM,)))
    assert len(slack.messages) == 2


async def test_the_answer_to_a_form_replaces_it(chat: Chat, slack: Slack) -> None:
    await chat.send(mention("stop"), Reply(status="pending", view=(FORM,)))
    values = {"smartops.field.target": {"smartops.value": {"value": "web-1"}}}
    filled = chat.receive(
        pressed(buttons(slack.message())[0], slack.message(), state={"values": values})
    )
    assert (filled.text, filled.form) == ("stop", {"target": "web-1"})
    await chat.send(filled, REFUSED)  # it can still be corrected
    assert buttons(slack.message())
    message_id = await chat.send(filled, ASKED)
    assert message_id == filled.shown_in
    assert len(slack.messages) == 1
    assert len(buttons(slack.message())) == 2
