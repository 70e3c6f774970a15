"""The tests that every channel must pass."""
# ruff: noqa: D102 - the name of a test says what it requires

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence

import anyio
import pytest

from smartops.render import clean
from smartops.server import Intake
from smartops.testing.bot import Bot
from smartops.testing.serving import nothing

from .driver import ChannelDriver, ShownMessage, WireRequest, WireResponse
from .echo import BLOCKS, HOSTILE, WORDS, EchoPlugin
from .post import post

_WIDTHLESS = re.compile("[\u200b\u2060\ufeff]")
_EMPTY = ("", " ", "\n\t ", "\u200b", "\u00a0")
_WILD = ("\x00\x1b[31m", "\ud7ff\ufffd", "a" * 20_000, '"unclosed', "repeat " + "(" * 500, *HOSTILE)


@pytest.mark.anyio
class ChannelContract:
    """The channel authenticates requests, and answers each message once.

    ``driver`` is the platform. The fixture loads the channel's plugin into
    ``bot``, whose app is not started yet.
    """

    @pytest.fixture
    def driver(self, bot: Bot) -> ChannelDriver:
        """Return the platform's side of the channel under test."""
        raise NotImplementedError("override the fixture driver")

    @pytest.fixture
    async def harness(self, bot: Bot, driver: ChannelDriver) -> AsyncIterator[Harness]:
        """Return the running app with the platform in front of it."""
        plugin = EchoPlugin()
        bot.load(plugin, name="echo")
        bot.settings["guests"] = [{"provider": driver.provider, "roles": ["operator"]}]
        harness = Harness(bot, driver, plugin, Intake(await bot.app(), nothing))
        yield harness
        await harness.settle()
        assert not driver.rejected()

    # Authentication.

    async def test_unauthenticated_requests_are_refused(self, harness: Harness) -> None:
        wire = harness.driver.says("repeat forged")
        forged = harness.driver.forge(wire)
        assert len(forged) >= 3, "at least without proof, with a bad and with an expired one"
        for what, attempt in forged.items():
            response = await harness.post(attempt)
            assert response.status in (401, 403), what
        await harness.settle()
        assert (harness.plugin.received, harness.public()) == ([], [])
        await harness.deliver(wire)  # the genuine one is no duplicate of the refused ones
        await harness.wait_until(lambda: harness.plugin.received == ["forged"])

    async def test_handshakes_of_the_platform_are_answered(self, harness: Harness) -> None:
        for handshake in harness.driver.handshakes():
            response = await harness.deliver(handshake.wire)
            assert handshake.holds in response.body
        assert harness.public() == []

    # Which requests are messages.

    async def test_messages_of_bots_run_nothing(self, harness: Harness) -> None:
        for wire in harness.driver.bot_messages("repeat own words"):
            await harness.deliver(wire)
        await harness.settle()
        assert (harness.plugin.received, harness.public()) == ([], [])

    async def test_edited_messages_run_nothing(self, harness: Harness) -> None:
        for wire in harness.driver.edits("repeat changed words"):
            await harness.deliver(wire)
        await harness.settle()
        assert (harness.plugin.received, harness.public()) == ([], [])

    async def test_a_redelivered_message_is_answered_once(self, harness: Harness) -> None:
        wire = harness.driver.says("repeat hello")
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(harness.deliver, wire)
        await harness.deliver(wire)
        await harness.wait_until(harness.public)
        await harness.settle()
        if harness.driver.pushes:
            assert harness.plugin.received == ["hello"]
            assert len(harness.public()) == 1
        assert all("hello" in item.text for item in harness.public())

    async def test_a_redelivered_confirmation_takes_effect_once(self, harness: Harness) -> None:
        asked = await harness.ask_confirmation("switch lamp")
        wire = harness.driver.presses(asked, "confirm")
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(harness.deliver, wire)
        await harness.deliver(wire)
        await harness.settle()
        assert harness.plugin.switched == ["lamp"]

    # Texts and replies.

    async def test_an_empty_message_runs_nothing(self, harness: Harness) -> None:
        for text in _EMPTY:
            response = await harness.post(harness.driver.says(text))
            assert response.status < 500, ascii(text)
        await harness.settle()
        assert harness.plugin.received == []

    async def test_unusual_text_is_answered_without_a_server_error(self, harness: Harness) -> None:
        for text in _WILD:
            response = await harness.post(harness.driver.says(text))
            assert response.status < 500, ascii(text[:80])
        await harness.deliver(harness.driver.says("repeat still here"))
        await harness.wait_until(
            lambda: any("still here" in item.text for item in harness.public())
        )

    async def test_text_is_never_interpreted_as_markup(self, harness: Harness) -> None:
        for number in range(len(HOSTILE)):
            await harness.deliver(harness.driver.says(f"recite {number}"))
        await harness.settle(10)
        shown = [_normalized(line) for item in harness.public() for line in item.text.split("\n")]
        for text in HOSTILE:
            for line in text.split("\n"):
                wanted = _normalized(clean(line))
                assert any(wanted in line for line in shown), wanted
        assert not any(item.calls for item in harness.public())

    async def test_a_long_reply_arrives_complete(self, harness: Harness) -> None:
        await harness.deliver(harness.driver.says("print 3000 lines"))
        wanted = {f"line {number:05} of 3000" for number in range(3000)}
        await harness.wait_until(harness.public)
        await harness.settle(10)
        text = "\n".join(item.text for item in harness.public())
        assert wanted <= set(re.findall(r"line \d{5} of 3000", text))

    @pytest.mark.parametrize("kind", BLOCKS)
    async def test_every_kind_of_block_is_shown(self, harness: Harness, kind: str) -> None:
        answer = await harness.answer(f"show block {kind}")
        if harness.driver.reads:
            for words in WORDS[kind]:
                assert words in answer.text

    async def test_a_reply_is_posted_in_its_thread(self, harness: Harness) -> None:
        if not harness.driver.threads:
            pytest.skip("the platform has no threads")
        first, other = harness.driver.says("repeat first"), harness.driver.says("repeat other")
        assert first.thread != other.thread
        again = harness.driver.says("repeat again", thread=first.thread)
        for wire in (first, other, again):
            await harness.deliver(wire)
        await harness.wait_until(lambda: len(harness.public()) == 3)
        threads = {item.text.split()[-1]: item.thread for item in harness.public()}
        assert threads == {"first": first.thread, "again": first.thread, "other": other.thread}

    async def test_the_next_page_is_a_new_message(self, harness: Harness) -> None:
        if not harness.driver.pushes:
            pytest.skip("replies in responses have no buttons; the caller requests the next page")
        wire = harness.driver.says("count from 1")
        await harness.deliver(wire)
        await harness.wait_until(harness.public)
        (first,) = harness.public()
        await harness.deliver(harness.driver.presses(first, "command"))
        await harness.wait_until(lambda: len(harness.public()) > 1)
        await harness.settle()
        pages = harness.public()
        assert ["number 1" in pages[0].text, "number 2" in pages[1].text] == [True, True]
        assert [item.buttons for item in pages] == [frozenset({"command"}), frozenset({"command"})]
        if harness.driver.threads:
            assert {item.thread for item in pages} == {wire.thread}

    # What is decided.

    async def test_a_confirmation_acts_once_and_its_buttons_go(self, harness: Harness) -> None:
        asked = await harness.ask_confirmation("switch lamp")
        assert harness.plugin.switched == []
        await harness.deliver(harness.driver.presses(asked, "confirm"))
        await harness.wait_until(
            lambda: any("lamp is on" in item.text for item in harness.public())
        )
        await harness.settle()
        assert harness.plugin.switched == ["lamp"]
        if harness.driver.pushes:
            assert [item.buttons for item in harness.public()] == [frozenset()]

    async def test_a_cancelled_change_is_not_made(self, harness: Harness) -> None:
        asked = await harness.ask_confirmation("switch lamp")
        await harness.deliver(harness.driver.presses(asked, "cancel"))
        await harness.wait_until(lambda: any("Cancelled" in item.text for item in harness.public()))
        await harness.deliver(harness.driver.presses(asked, "confirm"))
        await harness.settle()
        assert harness.plugin.switched == []

    async def test_a_second_press_is_answered_privately(self, harness: Harness) -> None:
        asked = await harness.ask_confirmation("switch lamp")
        await harness.deliver(harness.driver.presses(asked, "confirm"))
        await harness.wait_until(lambda: harness.plugin.switched)
        await harness.settle()
        await harness.deliver(harness.driver.presses(asked, "confirm"))
        await harness.wait_until(lambda: "already" in harness.private_text("alice"))
        assert harness.plugin.switched == ["lamp"]

    async def test_a_press_by_another_person_is_answered_privately(self, harness: Harness) -> None:
        asked = await harness.ask_confirmation("switch lamp")
        before = harness.public()
        await harness.deliver(harness.driver.presses(asked, "confirm", user="mallory"))
        await harness.wait_until(lambda: "can confirm this" in harness.private_text("mallory"))
        assert harness.plugin.switched == []
        if harness.driver.pushes:
            assert harness.public() == before
        await harness.deliver(harness.driver.presses(asked, "confirm"))
        await harness.wait_until(lambda: harness.plugin.switched == ["lamp"])


class Harness:
    """A running app with the platform in front of it, on one clock."""

    def __init__(self, bot: Bot, driver: ChannelDriver, plugin: EchoPlugin, intake: Intake) -> None:
        self.driver = driver
        self.plugin = plugin
        self._bot = bot
        self._intake = intake

    async def post(self, wire: WireRequest) -> WireResponse:
        """Send a request of the platform, and return the response."""
        response = await post(self._intake, wire)
        self.driver.record_response(wire, response)
        return response

    async def deliver(self, wire: WireRequest) -> WireResponse:
        """Send a request that must be accepted."""
        response = await self.post(wire)
        assert response.status < 300 or not self.driver.pushes, response
        return response

    def public(self) -> list[ShownMessage]:
        """Return the messages of the bot that everybody sees."""
        return [item for item in self.driver.seen() if not item.to]

    def private_text(self, user: str) -> str:
        """Return the text that only this person sees; on a platform without such messages, all."""
        private = [item for item in self.driver.seen() if item.to == user]
        shown = private if self.driver.private_messages else self.public()
        return "\n".join(item.text for item in shown)

    async def ask_confirmation(self, text: str) -> ShownMessage:
        """Send a command that needs a confirmation, and return the message with the buttons."""
        await self.deliver(self.driver.says(text))
        await self.wait_until(lambda: any("confirm" in item.buttons for item in self.public()))
        (asked,) = [item for item in self.public() if "confirm" in item.buttons]
        return asked

    async def answer(self, text: str) -> ShownMessage:
        """Send a text, and return the reply, its parts joined."""
        await self.deliver(self.driver.says(text))
        await self.wait_until(self.driver.seen)
        await self.settle()
        parts = self.driver.seen()
        whole = "\n".join(item.text for item in parts)
        return ShownMessage(whole, calls=tuple(name for item in parts for name in item.calls))

    async def wait_until(self, wanted: Callable[[], bool | Sequence[object]]) -> None:
        """Advance the clock until a condition holds."""
        with anyio.fail_after(10):
            while not wanted():
                await self._tick()

    async def settle(self, seconds: float = 3.0) -> None:
        """Advance the clock until no message has changed for some seconds."""
        seen, since = None, self._bot.clock.time()
        while self._bot.clock.time() - since < seconds:
            if (now := self.driver.seen()) != seen:
                seen, since = now, self._bot.clock.time()
            await self._tick()

    async def _tick(self) -> None:
        await anyio.sleep(0.002)
        self._bot.clock.advance(0.1)


def _normalized(text: str) -> str:
    """Return the text without zero-width characters, with single spaces."""
    return " ".join(_WIDTHLESS.sub("", text).split())
