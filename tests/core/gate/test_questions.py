"""Questions for missing arguments: answered once, and closed before they catch other words."""

from types import ModuleType

import pytest

from smartops import Identity, Message, Plan, Reply, ValidationFailed, command, hookimpl
from smartops.channels import Form, Place, plain
from smartops.reply import FormField
from smartops.testing import Bot

pytestmark = pytest.mark.anyio


@command("deploy {service}", effect="change")
async def deploy(service: str) -> str:
    """Deploy a service."""
    return f"Deploying {service}"


@deploy.plan
async def plan(service: str) -> Plan:
    if service == "nowhere":
        raise ValidationFailed("There is no service nowhere")
    return Plan(f"Deploy {service}", ())


@command("look")
async def look() -> str:
    """Look."""
    return "Nothing to see"


@command("show {what}")
async def show(what: str) -> str:
    """Show something."""
    return f"This is {what}"


@pytest.fixture
def bot(bot: Bot) -> Bot:
    module = ModuleType("deploys")
    module.register_commands = hookimpl(lambda: [deploy, look, show])  # type: ignore[attr-defined]
    bot.load(module)
    bot.asks = True
    return bot


async def test_the_answer_names_the_question(bot: Bot) -> None:
    assert (await bot.say("deploy")).text == "deploy: which service?"
    asked = await bot.say("web-1")
    assert "Deploy web-1" in asked.text
    assert 'Your answer to "deploy: which service?"' in asked.text
    assert (await bot.say("web-1")).code == "VALIDATION_ERROR"


async def test_a_refused_answer_names_the_question(bot: Bot) -> None:
    await bot.say("deploy")
    refused = await bot.say("nowhere")
    assert refused.code == "VALIDATION_ERROR"
    assert 'Your answer to "deploy: which service?"' in refused.text


async def test_another_command_closes_the_question(bot: Bot) -> None:
    await bot.say("deploy")
    assert (await bot.say("look")).text == "Nothing to see"
    assert "No command matches" in (await bot.say("web-1")).text


async def test_a_pressed_button_closes_the_question(bot: Bot) -> None:
    confirmation = await bot.say("deploy web-1")
    await bot.say("deploy")
    await bot.press(confirmation.action("confirm"))
    assert "No command matches" in (await bot.say("web-2")).text


async def test_a_submitted_form_closes_the_question(bot: Bot) -> None:
    await bot.say("deploy")
    form = Message(
        id="form",
        channel="bot",
        conversation="with-alice",
        sender=Identity("bot", "", "alice"),
        place=Place("bot"),
        at=bot.clock.now(),
        request_id="form",
        text="deploy",
        form={"service": "web-1"},
        asks=True,
    )
    assert "Deploy web-1" in plain(await (await bot.app()).handle(form))
    assert "No command matches" in (await bot.say("web-2")).text


async def test_a_question_elsewhere_stays_open(bot: Bot) -> None:
    await bot.say("deploy")
    await bot.say("look", conversation="elsewhere")
    await bot.say("look", user="bea")
    assert "Deploy web-1" in (await bot.say("web-1")).text


async def test_an_answer_can_resemble_a_command(bot: Bot) -> None:
    await bot.say("deploy")
    assert "Deploy shop" in (await bot.say("shop")).text


@pytest.mark.parametrize("word", ["hello", "Hi!", "thanks", "hey"])
async def test_a_greeting_is_welcomed_and_answers_no_question(bot: Bot, word: str) -> None:
    await bot.say("deploy")
    welcome = await bot.say(word)
    assert welcome.text.startswith("SmartOps is here")
    assert [action.value for action in welcome.reply.actions] == ["help"]
    assert "No command matches" in (await bot.say("web-1")).text


async def test_help_me_is_help(bot: Bot) -> None:
    assert (await bot.say("help me")).text == (await bot.say("help")).text


async def test_the_cancel_button_closes_the_question(bot: Bot) -> None:
    form = await bot.say("deploy")
    cancelled = await bot.press(form.action("cancel"))
    assert cancelled.text == "Cancelled: deploy\n\nNothing was changed."
    assert (await bot.press(form.action("cancel"))).text == cancelled.text
    assert "No command matches" in (await bot.say("web-1")).text


async def test_an_exact_command_is_not_an_answer(bot: Bot) -> None:
    await bot.say("deploy")
    assert (await bot.say("show shop")).text == "This is shop"


@pytest.mark.parametrize("word", ["cancel", "no", "No"])
async def test_a_word_closes_the_question(bot: Bot, word: str) -> None:
    await bot.say("deploy web-1")
    await bot.say("deploy")
    assert (await bot.say(word)).text == "Cancelled: deploy\n\nNothing was changed."
    assert "No command matches" in (await bot.say("web-2")).text
    assert "deploy web-1" in (await bot.say("approvals")).text


async def test_a_typed_no_cancels_a_pending_approval(bot: Bot) -> None:
    await bot.say("deploy web-1")
    assert "Cancelled: deploy web-1" in (await bot.say("no")).text
    assert "No command matches" in (await bot.say("no")).text


@pytest.mark.parametrize("word", ["yes", "Yes.", "confirm"])
async def test_a_typed_yes_is_answered_with_the_button(bot: Bot, word: str) -> None:
    await bot.say("deploy web-1")
    answer = await bot.say(word)
    assert answer.code == "VALIDATION_ERROR"
    assert answer.text.startswith('Press "Yes, proceed" on the card above')
    assert "deploy web-1" in answer.text
    assert "No command matches" in (await bot.say(word, conversation="elsewhere")).text


@command("release {service}")
async def release(service: str, channel: str = "stable", notes: str = "none") -> str:
    """Release a service."""
    return f"{service} to {channel}: {notes}"


@pytest.fixture
def own_forms(bot: Bot) -> Bot:
    """Return a bot with commands that answer with a form of their own."""

    def forms(phrase: str, incomplete: str, *names: str) -> object:
        @command(phrase)
        async def ask() -> Reply:
            """Ask with a form."""
            fields = tuple(FormField(name, name.capitalize()) for name in names)
            return Reply.of("Please choose.", Form(incomplete, "What shall it be?", fields))

        return ask

    commands = [
        release,
        forms("plan release", "release", "service", "notes"),
        forms("plan canary", "release web --channel canary", "notes"),
    ]
    module = ModuleType("forms")
    module.register_commands = hookimpl(lambda: commands)  # type: ignore[attr-defined]
    bot.load(module)
    return bot


async def test_a_form_of_a_handler_is_asked_in_words(own_forms: Bot) -> None:
    asked = await own_forms.say("plan release")
    assert "What shall it be?" in asked.text
    answered = await own_forms.say("web-1")
    assert answered.text.startswith("web-1 to stable: none")
    assert 'Your answer to "release: which service?"' in answered.text
    assert (await own_forms.say("web-1")).code == "VALIDATION_ERROR"


async def test_a_field_with_a_default_is_asked_in_words_and_filled_in(own_forms: Bot) -> None:
    await own_forms.say("plan canary")
    assert (await own_forms.say("be careful")).text.startswith("web to canary: be careful")
    form = next(
        it for it in (await own_forms.say("plan canary")).reply.view if isinstance(it, Form)
    )
    assert (await own_forms.fill(form, notes="fast")).text == "web to canary: fast"


async def test_without_asking_a_form_of_a_handler_opens_no_question(own_forms: Bot) -> None:
    own_forms.asks = False
    await own_forms.say("plan release")
    own_forms.asks = True
    assert (await own_forms.say("web-1")).code == "VALIDATION_ERROR"
