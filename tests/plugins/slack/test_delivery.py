"""Replies on their way to Slack: in the thread, in place, to one person, whole, and once."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from slack_acts import (
    ALICE,
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
    DeadlineExceeded,
    Message,
    PermissionDenied,
    Reply,
    Services,
    Table,
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

Said = Callable[[Any], Message]


@pytest.fixture
async def channel(configured: Any, services: Services, slack: Slack) -> AsyncIterator[SlackChannel]:
    channel = SlackChannel(configured(api_url=slack.api_url), services)
    yield channel
    await channel._api.aclose()


@pytest.fixture
def said(channel: SlackChannel, signer: Signer, slack: Slack) -> Said:
    """Return what somebody did, as it comes in."""

    def said(payload: Any) -> Message:
        payload = slack.live(payload)
        if payload.get("type") == "block_actions":
            inbound = signer.interaction(payload)
        else:
            inbound = signer.form(payload) if "command" in payload else signer.event(payload)
        (message,) = channel.read(inbound, Claims(None)).messages
        return message

    return said


def press(message: dict[str, Any], value: str = "confirm_a", kind: str = "confirm") -> Any:
    return pressed({"action_id": f"smartops.{kind}.0", "value": value}, message)


async def test_a_reply_is_posted_in_the_thread(channel: Any, slack: Slack, said: Said):
    shown = await channel.send(said(mention("help")), Reply.of("Hello."))
    message = slack.message()
    assert message["thread_ts"] == TS
    assert "Hello." in texts(message["blocks"])
    assert message["text"] == "Hello."
    assert shown == f"{CHANNEL}:{message['ts']}"


async def test_a_direct_message_is_answered_beside_it(
    channel: Any, slack: Slack, said: Said
) -> None:
    await channel.send(said(direct("help")), Reply.of("Hello."))
    assert "thread_ts" not in slack.message(channel=DIRECT)
    await channel.send(said(direct("help", thread_ts=TS)), Reply.of("Hello."))
    assert slack.message(channel=DIRECT)["thread_ts"] == TS


async def test_a_reply_replaces_what_was_shown(channel: Any, slack: Slack, said: Said):
    message = said(mention("stop web-1"))
    asked = await channel.send(message, ASKED)
    assert len(buttons(slack.message())) == 2
    done = await channel.send(message, Reply.of("Stopped."), replaces=asked)
    assert done == asked
    assert len(slack.messages) == 1
    assert not buttons(slack.message())
    assert slack.message()["text"] == "Stopped."


@pytest.mark.parametrize("error", ["message_not_found", "cant_update_message"])
async def test_what_cannot_be_edited_any_more_is_said_anew(
    channel: Any, slack: Slack, said: Said, error: str
) -> None:
    message = said(mention("stop web-1"))
    asked = await channel.send(message, ASKED)
    slack.fail(error)
    done = await channel.send(message, Reply.of("Stopped."), replaces=asked)
    assert done != asked
    assert slack.message()["text"] == "Stopped."


async def test_an_edit_that_is_refused_for_good_is_refused(
    channel: Any, slack: Slack, said: Said
) -> None:
    message = said(mention("stop web-1"))
    asked = await channel.send(message, ASKED)
    slack.fail("invalid_auth")
    with pytest.raises(Declined):
        await channel.send(message, Reply.of("Stopped."), replaces=asked)
    assert len(slack.messages) == 1


async def test_a_private_reply_is_shown_to_one_person(
    channel: Any, slack: Slack, said: Said
) -> None:
    shown = await channel.send(said(mention("stop web-1")), REFUSED)
    (whisper,) = slack.whispers
    assert (whisper["user"], whisper["thread_ts"]) == (ALICE, TS)
    assert "rule hands-off" in texts(whisper["blocks"])
    assert shown == ""  # what nobody can edit has no id
    assert slack.messages == {}


async def test_in_a_direct_message_everything_is_private(
    channel: Any, slack: Slack, said: Said
) -> None:
    await channel.send(said(direct("stop web-1")), REFUSED)
    assert "You may not" in slack.message(channel=DIRECT)["text"]
    assert slack.whispers == []


async def test_a_private_reply_takes_the_sign_of_work_away(
    channel: Any, slack: Slack, said: Said
) -> None:
    message = said(mention("stop web-1"))
    working = await channel.send(message, PROGRESS)
    await channel.send(message, REFUSED, replaces=working)
    assert slack.messages == {}
    assert len(slack.whispers) == 1


async def test_a_strangers_click_changes_nothing(channel: Any, slack: Slack, said: Said):
    await channel.send(said(mention("stop web-1")), ASKED)
    click = said(press(slack.message()))
    await channel.send(click, REFUSED)
    assert len(buttons(slack.message())) == 2
    assert len(slack.whispers) == 1
    assert slack.called("chat.delete") == []


async def test_a_click_is_answered_in_its_message(channel: Any, slack: Slack, said: Said):
    asked = await channel.send(said(mention("stop web-1")), ASKED)
    click = said(press(slack.message()))
    assert click.shown_in == asked
    assert click.thread == TS
    await channel.send(click, Reply.of("Stopped."), replaces=click.shown_in)
    assert not buttons(slack.message())


async def test_a_slash_command_is_repeated_for_the_others(
    channel: Any, slack: Slack, said: Said
) -> None:
    message = said(slash("list instances"))
    await channel.send(message, Reply.of("None."))
    posted = slack.message()
    assert "thread_ts" not in posted
    assert "/smartops list instances" in texts(posted["blocks"])
    await channel.send(message, REFUSED)
    (whisper,) = slack.responses
    assert whisper["response_type"] == "ephemeral"
    assert "/smartops list" not in texts(whisper["blocks"])


async def test_where_the_bot_is_no_member_it_answers_by_response_url(
    channel: Any, slack: Slack, said: Said
) -> None:
    message = said(slash("list instances", channel_id="C_OUTSIDE"))
    assert await channel.send(message, Reply.of("None.")) == ""
    assert await channel.send(message, REFUSED) == ""
    answered, refused = slack.responses
    assert (answered["response_type"], refused["response_type"]) == ("in_channel", "ephemeral")
    assert not refused["replace_original"]


async def test_between_two_others_a_private_reply_stays_private(
    channel: Any, slack: Slack, said: Said
) -> None:
    """A slash command can be typed to somebody else, in a conversation without the bot."""
    await channel.send(said(slash("whoami", channel_id="D_OTHERS")), REFUSED)
    assert slack.responses[0]["response_type"] == "ephemeral"


async def test_progress_from_outside_uses_no_response_url(
    channel: Any, slack: Slack, said: Said
) -> None:
    message = said(slash("list instances", channel_id="C_OUTSIDE"))
    with pytest.raises(Declined):
        await channel.send(message, PROGRESS)
    assert slack.responses == []


async def test_an_event_from_outside_cannot_be_answered(
    channel: Any, slack: Slack, said: Said
) -> None:
    message = said(mention("help", channel="C_OUTSIDE"))
    for reply in (Reply.of("Hello."), REFUSED):
        with pytest.raises(Declined, match="channel"):
            await channel.send(message, reply)


async def test_a_response_url_is_used_five_times(channel: Any, slack: Slack, said: Said):
    message = said(slash("list instances", channel_id="C_OUTSIDE"))
    for number in range(5):
        await channel.send(message, Reply.of(f"{number}"))
    with pytest.raises(Declined):
        await channel.send(message, Reply.of("6"))
    assert len(slack.responses) == 5


async def test_a_response_url_is_used_for_half_an_hour(
    channel: Any, slack: Slack, said: Said, clock: ManualClock
) -> None:
    message = said(slash("list instances", channel_id="C_OUTSIDE"))
    clock.advance(1800)
    with pytest.raises(Declined):
        await channel.send(message, Reply.of("late"))
    assert slack.responses == []


async def test_a_private_reply_finds_the_other_way(channel: Any, slack: Slack, said: Said):
    slack.channel("ops").bot_is_in = False
    click = said(
        press({"ts": "1.2", "thread_ts": TS, "channel": CHANNEL, "text": "", "blocks": []})
    )
    await channel.send(click, REFUSED)
    assert slack.responses[0]["response_type"] == "ephemeral"


async def test_a_response_url_that_fails_is_no_reason_to_be_silent(
    channel: Any, slack: Slack, said: Said
) -> None:
    slack.fail(status=404, body="used_url", content_type="text/plain")
    await channel.send(said(slash("whoami")), REFUSED)
    assert len(slack.whispers) == 1
    slack.fail(status=404, body="used_url", content_type="text/plain")
    with pytest.raises(Declined, match="used_url"):
        await channel.send(said(slash("whoami", channel_id="C_OUTSIDE")), REFUSED)


async def test_what_one_person_sees_is_replaced_by_response_url(
    channel: Any, slack: Slack, said: Said
) -> None:
    await channel.send(said(mention("help")), Reply.of("?", private=True))
    click = said(press(slack.whispers[0]))
    await channel.send(click, Reply.of("Done."), replaces=click.shown_in)
    assert slack.responses[0]["replace_original"] is True
    assert slack.messages == {}


async def test_progress_leaves_uses_of_the_response_url_to_the_answer(
    channel: Any, slack: Slack, said: Said
) -> None:
    click = said(press({"ts": "1.2", "channel": CHANNEL, "ephemeral": True}))
    for _ in range(10):
        assert await channel.send(click, PROGRESS, replaces=click.shown_in) == click.shown_in
    assert len(slack.responses) == 3
    await channel.send(click, Reply.of("Done."), replaces=click.shown_in)
    assert slack.responses[-1]["text"] == "Done."


async def test_a_replaced_message_outside_is_replaced_by_response_url(
    channel: Any, slack: Slack, said: Said
) -> None:
    slack.channel("ops").bot_is_in = False
    slack.fail("channel_not_found")
    outside = {"ts": "1.2", "channel": CHANNEL, "text": "", "blocks": []}
    click = said(press(outside))
    done = await channel.send(click, Reply.of("Done."), replaces=click.shown_in)
    assert done == click.shown_in
    assert slack.responses[0]["replace_original"] is True


async def test_a_response_url_that_took_nothing_is_not_used_up(
    channel: Any, slack: Slack, said: Said
) -> None:
    message = said(slash("list instances", channel_id="C_OUTSIDE"))
    slack.fail(retry_after=60, times=6)
    for _ in range(6):
        with pytest.raises(BackendUnavailable):
            await channel.send(message, Reply.of("None."))
    await channel.send(message, Reply.of("None."))
    assert [item["text"] for item in slack.responses] == ["None."]


async def test_a_long_reply_is_several_messages_in_the_thread(
    channel: Any, slack: Slack, said: Said, clock: ManualClock
) -> None:
    shown = await channel.send(said(mention("show")), SEVERAL)
    posted = list(slack.messages.values())
    assert len(posted) > 1
    assert {message["thread_ts"] for message in posted} == {TS}
    assert shown == f"{CHANNEL}:{posted[0]['ts']}"
    text = "".join(texts(message["blocks"]) for message in posted)
    assert all(f"{part}.{n} " in text for part in "abc" for n in range(90))
    assert posted[1]["text"] == f"(2 of {len(posted)})"


async def test_a_slash_commands_long_reply_makes_a_thread(
    channel: Any, slack: Slack, said: Said
) -> None:
    await channel.send(said(slash("show")), SEVERAL)
    first, *others = slack.messages.values()
    assert "thread_ts" not in first
    assert {message["thread_ts"] for message in others} == {first["ts"]}


async def test_the_message_with_the_buttons_is_the_one_that_is_known(
    channel: Any, slack: Slack, said: Said
) -> None:
    reply = Reply.of(*SEVERAL.view, actions=ASKED.actions)
    message = said(mention("stop"))
    working = await channel.send(message, PROGRESS)
    shown = await channel.send(message, reply, replaces=working)
    last = list(slack.messages.values())[-1]
    assert shown == f"{CHANNEL}:{last['ts']}"
    assert len(buttons(last)) == 2
    first = slack.message(working.partition(":")[2])
    assert "a.0 " in texts(first["blocks"])


async def test_a_long_output_is_a_file_in_the_thread(channel: Any, slack: Slack, said: Said):
    await channel.send(said(mention("run")), Reply.of(Code(LONG, title="Output")))
    (file,) = slack.attached()
    assert file.text == LONG
    assert (file.channel, file.thread, file.title) == (CHANNEL, TS, "Output")
    assert "output.txt" in texts(slack.message()["blocks"])


async def test_five_hundred_instances_arrive(channel: Any, slack: Slack, said: Said) -> None:
    rows = tuple((f"i-{n:017x}", f"web-{n}", "running", "eu-central-1") for n in range(500))
    await channel.send(said(slash("list")), Reply.of(Table(("Id", "Name", "State", "Zone"), rows)))
    (file,) = slack.attached()
    content = file.text
    assert all(f"web-{n} " in content for n in range(500))
    assert file.thread == slack.message()["ts"]


async def test_where_no_file_can_be_shared_the_person_gets_it(
    channel: Any, slack: Slack, said: Said
) -> None:
    slack.channel("ops").bot_is_in = False
    message = said(slash("run"))
    await channel.send(message, Reply.of(Code(LONG)))
    assert slack.attached()[-1].channel == DIRECT
    assert "in a direct message" in texts(slack.responses[-1]["blocks"])


async def test_a_private_file_goes_to_the_person_alone(
    channel: Any, slack: Slack, said: Said
) -> None:
    await channel.send(said(mention("run")), Reply.of(Code(LONG), private=True))
    (file,) = slack.attached()
    assert file.channel == DIRECT
    assert slack.messages == {}
    assert len(slack.whispers) == 1


async def test_a_file_that_cannot_be_shared_is_not_passed_over(
    channel: Any, slack: Slack, said: Said
) -> None:
    refused = '{"ok": false, "error": "missing_scope", "needed": "files:write"}'
    slack.fail(method="files.getUploadURLExternal", body=refused)
    await channel.send(said(mention("run")), Reply.of(Code(LONG)))
    remark = slack.message()
    assert remark["thread_ts"] == TS
    assert "output.txt could not be attached" in texts(remark["blocks"])
    assert "files:write is needed" in texts(remark["blocks"])


async def test_what_was_delivered_in_part_goes_on_where_it_stopped(
    channel: Any, slack: Slack, said: Said
) -> None:
    message = said(mention("show"))
    reply = Reply.of(*SEVERAL.view, Code(LONG))
    slack.fail(method="chat.postMessage", after=1, retry_after=60)
    slack.fail(method="upload", retry_after=60)
    with pytest.raises(BackendUnavailable):
        await channel.send(message, reply)
    assert len(slack.messages) == 1
    with pytest.raises(BackendUnavailable):
        await channel.send(message, reply)
    shown = await channel.send(message, reply)
    posted = list(slack.messages.values())
    text = "".join(texts(item["blocks"]) for item in posted)
    assert all(text.count(f"{part}.{n} ") == 1 for part in "abc" for n in range(90))
    assert shown == f"{CHANNEL}:{posted[0]['ts']}"
    assert slack.attached()
    await channel.send(message, reply)  # asked again, it is delivered again
    assert len(slack.messages) == 2 * len(posted)


async def test_what_may_have_arrived_is_not_sent_again(
    channel: Any, slack: Slack, said: Said
) -> None:
    slack.fail()
    with pytest.raises(DeadlineExceeded):
        await channel.send(said(mention("help")), Reply.of("Hello."))
    assert len(slack.calls) == 1


async def test_a_form_opens_as_a_dialog(channel: Any, slack: Slack, said: Said) -> None:
    message = said(slash("stop"))
    assert await channel.send(message, Reply(status="pending", view=(FORM,))) == ""
    view = slack.dialogs[0].view
    assert slack.called("views.open")[0].arguments["trigger_id"] == message.id
    kept = json.loads(view["private_metadata"])
    assert (kept["command"], kept["channel"], kept["asked"]) == ("stop", CHANNEL, "/smartops stop")
    assert slack.messages == {}


async def test_a_form_without_a_trigger_is_in_the_thread(
    channel: Any, slack: Slack, said: Said
) -> None:
    await channel.send(said(mention("stop")), Reply(status="pending", view=(FORM,)))
    assert slack.message()["thread_ts"] == TS
    assert [block["type"] for block in slack.message()["blocks"]].count("input") == 1


async def test_a_form_whose_trigger_is_old_is_in_the_channel(
    channel: Any, slack: Slack, said: Said, clock: ManualClock
) -> None:
    late = said(slash("stop"))
    clock.advance(3)
    await channel.send(late, Reply(status="pending", view=(FORM,)))
    assert slack.called("views.open") == []
    slack.fail("expired_trigger_id")
    await channel.send(said(slash("stop")), Reply(status="pending", view=(FORM,)))
    assert len(slack.messages) == 2


async def test_a_form_that_was_filled_in_becomes_its_answer(
    channel: Any, slack: Slack, said: Said
) -> None:
    await channel.send(said(mention("stop")), Reply(status="pending", view=(FORM,)))
    values = {"smartops.field.target": {"smartops.value": {"value": "web-1"}}}
    filled = said(pressed(buttons(slack.message())[0], slack.message(), state={"values": values}))
    assert (filled.text, filled.form) == ("stop", {"target": "web-1"})
    await channel.send(filled, REFUSED)  # it can still be corrected
    assert buttons(slack.message())
    shown = await channel.send(filled, ASKED)
    assert shown == filled.shown_in
    assert len(slack.messages) == 1
    assert len(buttons(slack.message())) == 2
