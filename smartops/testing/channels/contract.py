"""What every channel must do."""
# ruff: noqa: D102 - the name of a test says what it demands

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence

import anyio
import pytest

from smartops.render import clean
from smartops.server import Intake
from smartops.testing.bot import Bot
from smartops.testing.serving import nothing

from .driver import Answered, ChannelDriver, Seen, Wire
from .parrot import BLOCKS, HOSTILE, WORDS, Parrot
from .post import post

_WIDTHLESS = re.compile("[\u200b\u2060\ufeff]")
_EMPTY = ("", " ", "\n\t ", "\u200b", "\u00a0")
_WILD = ("\x00\x1b[31m", "\ud7ff\ufffd", "a" * 20_000, '"unclosed', "repeat " + "(" * 500, *HOSTILE)


@pytest.mark.anyio
class ChannelContract:
    """A channel that tells what is proven from what is not, and answers each act once.

    ``driver`` is the platform. The fixture has loaded the channel's plugin into
    ``bot``, whose app is not started yet.
    """

    @pytest.fixture
    def driver(self, bot: Bot) -> ChannelDriver:
        """Return the platform's side of the channel under test."""
        raise NotImplementedError("override the fixture driver")

    @pytest.fixture
    async def stage(self, bot: Bot, driver: ChannelDriver) -> AsyncIterator[Stage]:
        """Return the running app with the platform before it."""
        parrot = Parrot()
        bot.load(parrot, name="parrot")
        bot.settings["guests"] = [{"provider": driver.provider, "roles": ["operator"]}]
        stage = Stage(bot, driver, parrot, Intake(await bot.app(), nothing))
        yield stage
        await stage.quiet()
        assert driver.rejected() == ()

    # What is proven.

    async def test_what_is_not_proven_is_refused(self, stage: Stage) -> None:
        wire = stage.driver.says("repeat forged")
        forged = stage.driver.unproven(wire)
        assert len(forged) >= 3, "without proof, with a bad and with a stale one, at least"
        for what, attempt in forged.items():
            answered = await stage.post(attempt)
            assert answered.status in (401, 403), what
        await stage.quiet()
        assert (stage.parrot.heard, stage.said()) == ([], [])
        await stage.told(wire)  # the refusals have not made the genuine one a repeated one
        await stage.until(lambda: stage.parrot.heard == ["forged"])

    async def test_the_platform_is_sure_of_the_bot(self, stage: Stage) -> None:
        for handshake in stage.driver.handshakes():
            answered = await stage.told(handshake.wire)
            assert handshake.holds in answered.body
        assert stage.said() == []

    # What is an act.

    async def test_what_bots_say_runs_nothing(self, stage: Stage) -> None:
        for wire in stage.driver.own("repeat own words"):
            await stage.told(wire)
        await stage.quiet()
        assert (stage.parrot.heard, stage.said()) == ([], [])

    async def test_edits_run_nothing(self, stage: Stage) -> None:
        for wire in stage.driver.edits("repeat changed words"):
            await stage.told(wire)
        await stage.quiet()
        assert (stage.parrot.heard, stage.said()) == ([], [])

    async def test_a_redelivered_message_is_answered_once(self, stage: Stage) -> None:
        wire = stage.driver.says("repeat hello")
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(stage.told, wire)
        await stage.told(wire)
        await stage.until(stage.said)
        await stage.quiet()
        if stage.driver.pushes:
            assert stage.parrot.heard == ["hello"]
            assert len(stage.said()) == 1
        assert all("hello" in item.text for item in stage.said())

    async def test_a_redelivered_confirmation_acts_once(self, stage: Stage) -> None:
        asked = await stage.asked("switch lamp")
        wire = stage.driver.presses(asked, "confirm")
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(stage.told, wire)
        await stage.told(wire)
        await stage.quiet()
        assert stage.parrot.switched == ["lamp"]

    # What is said.

    async def test_nothing_is_no_command(self, stage: Stage) -> None:
        for text in _EMPTY:
            answered = await stage.post(stage.driver.says(text))
            assert answered.status < 500, ascii(text)
        await stage.quiet()
        assert stage.parrot.heard == []

    async def test_wild_text_is_answered_like_any_other(self, stage: Stage) -> None:
        for text in _WILD:
            answered = await stage.post(stage.driver.says(text))
            assert answered.status < 500, ascii(text[:80])
        await stage.told(stage.driver.says("repeat still here"))
        await stage.until(lambda: any("still here" in item.text for item in stage.said()))

    async def test_text_is_shown_as_it_is(self, stage: Stage) -> None:
        for number in range(len(HOSTILE)):
            await stage.told(stage.driver.says(f"recite {number}"))
        await stage.quiet(10)
        shown = [_squeezed(line) for item in stage.said() for line in item.text.split("\n")]
        for text in HOSTILE:
            for line in text.split("\n"):
                wanted = _squeezed(clean(line))
                assert any(wanted in line for line in shown), wanted
        assert not any(item.calls for item in stage.said())

    async def test_a_long_answer_arrives_whole(self, stage: Stage) -> None:
        await stage.told(stage.driver.says("print 3000 lines"))
        wanted = {f"line {number:05} of 3000" for number in range(3000)}
        await stage.until(stage.said)
        await stage.quiet(10)
        text = "\n".join(item.text for item in stage.said())
        assert wanted <= set(re.findall(r"line \d{5} of 3000", text))

    @pytest.mark.parametrize("kind", BLOCKS)
    async def test_every_kind_of_block_is_shown(self, stage: Stage, kind: str) -> None:
        answer = await stage.answer(f"show block {kind}")
        if stage.driver.reads:
            for words in WORDS[kind]:
                assert words in answer.text

    async def test_an_answer_stays_in_its_thread(self, stage: Stage) -> None:
        if not stage.driver.threads:
            pytest.skip("the platform has no threads")
        first, other = stage.driver.says("repeat first"), stage.driver.says("repeat other")
        assert first.thread != other.thread
        again = stage.driver.says("repeat again", thread=first.thread)
        for wire in (first, other, again):
            await stage.told(wire)
        await stage.until(lambda: len(stage.said()) == 3)
        threads = {item.text.split()[-1]: item.thread for item in stage.said()}
        assert threads == {"first": first.thread, "again": first.thread, "other": other.thread}

    async def test_the_next_page_is_a_message_of_its_own(self, stage: Stage) -> None:
        if not stage.driver.pushes:
            pytest.skip("whoever is answered in the response asks for pages by themselves")
        wire = stage.driver.says("count from 1")
        await stage.told(wire)
        await stage.until(stage.said)
        (first,) = stage.said()
        await stage.told(stage.driver.presses(first, "command"))
        await stage.until(lambda: len(stage.said()) > 1)
        await stage.quiet()
        pages = stage.said()
        assert ["number 1" in pages[0].text, "number 2" in pages[1].text] == [True, True]
        assert [item.buttons for item in pages] == [frozenset({"command"}), frozenset({"command"})]
        if stage.driver.threads:
            assert {item.thread for item in pages} == {wire.thread}

    # What is decided.

    async def test_a_confirmation_acts_once_and_its_buttons_go(self, stage: Stage) -> None:
        asked = await stage.asked("switch lamp")
        assert stage.parrot.switched == []
        await stage.told(stage.driver.presses(asked, "confirm"))
        await stage.until(lambda: any("lamp is on" in item.text for item in stage.said()))
        await stage.quiet()
        assert stage.parrot.switched == ["lamp"]
        if stage.driver.pushes:
            assert [item.buttons for item in stage.said()] == [frozenset()]

    async def test_a_cancelled_change_is_not_made(self, stage: Stage) -> None:
        asked = await stage.asked("switch lamp")
        await stage.told(stage.driver.presses(asked, "cancel"))
        await stage.until(lambda: any("Cancelled" in item.text for item in stage.said()))
        await stage.told(stage.driver.presses(asked, "confirm"))
        await stage.quiet()
        assert stage.parrot.switched == []

    async def test_a_second_press_is_answered_in_private(self, stage: Stage) -> None:
        asked = await stage.asked("switch lamp")
        await stage.told(stage.driver.presses(asked, "confirm"))
        await stage.until(lambda: stage.parrot.switched)
        await stage.quiet()
        await stage.told(stage.driver.presses(asked, "confirm"))
        await stage.until(lambda: "already" in stage.whispered("alice"))
        assert stage.parrot.switched == ["lamp"]

    async def test_a_strangers_press_is_answered_in_private(self, stage: Stage) -> None:
        asked = await stage.asked("switch lamp")
        before = stage.said()
        await stage.told(stage.driver.presses(asked, "confirm", user="mallory"))
        await stage.until(lambda: "not valid" in stage.whispered("mallory"))
        assert stage.parrot.switched == []
        if stage.driver.pushes:
            assert stage.said() == before
        await stage.told(stage.driver.presses(asked, "confirm"))
        await stage.until(lambda: stage.parrot.switched == ["lamp"])


class Stage:
    """A running app and the platform before it, on one clock."""

    def __init__(self, bot: Bot, driver: ChannelDriver, parrot: Parrot, intake: Intake) -> None:
        self.driver = driver
        self.parrot = parrot
        self._bot = bot
        self._intake = intake

    async def post(self, wire: Wire) -> Answered:
        """Let the platform send a request, and return the answer."""
        answered = await post(self._intake, wire)
        self.driver.hears(wire, answered)
        return answered

    async def told(self, wire: Wire) -> Answered:
        """Let the platform send a request that is to be taken."""
        answered = await self.post(wire)
        assert answered.status < 300 or not self.driver.pushes, answered
        return answered

    def said(self) -> list[Seen]:
        """Return what everybody sees of the bot."""
        return [item for item in self.driver.seen() if not item.to]

    def whispered(self, user: str) -> str:
        """Return what this person alone was told, or what was said if that is not possible."""
        alone = [item for item in self.driver.seen() if item.to == user]
        return "\n".join(item.text for item in (alone if self.driver.whispers else self.said()))

    async def asked(self, text: str) -> Seen:
        """Say something that asks for a confirmation, and return the question."""
        await self.told(self.driver.says(text))
        await self.until(lambda: any("confirm" in item.buttons for item in self.said()))
        (asked,) = [item for item in self.said() if "confirm" in item.buttons]
        return asked

    async def answer(self, text: str) -> Seen:
        """Say something, and return the answer, its parts put together."""
        await self.told(self.driver.says(text))
        await self.until(self.driver.seen)
        await self.quiet()
        parts = self.driver.seen()
        whole = "\n".join(item.text for item in parts)
        return Seen(whole, calls=tuple(name for item in parts for name in item.calls))

    async def until(self, wanted: Callable[[], bool | Sequence[object]]) -> None:
        """Let time pass until something is so."""
        with anyio.fail_after(10):
            while not wanted():
                await self._moment()

    async def quiet(self, seconds: float = 3.0) -> None:
        """Let time pass until nothing was said any more for some seconds."""
        seen, since = None, self._bot.clock.time()
        while self._bot.clock.time() - since < seconds:
            if (now := self.driver.seen()) != seen:
                seen, since = now, self._bot.clock.time()
            await self._moment()

    async def _moment(self) -> None:
        await anyio.sleep(0.002)
        self._bot.clock.advance(0.1)


def _squeezed(text: str) -> str:
    """Return the text without what nobody sees; spaces may be of any width."""
    return " ".join(_WIDTHLESS.sub("", text).split())
