"""Secrets are masked in whatever leaves the gate: replies, the history, logs."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import structlog
from pydantic import BaseModel

from smartops import (
    BackendUnavailable,
    Code,
    Fields,
    Reply,
    Secret,
    StartupError,
    Table,
    ValidationFailed,
    Work,
    command,
    hookimpl,
)
from smartops.app import compose
from smartops.masking import Masker
from smartops.message import Identity, Message, Place
from smartops.middleware import Gate, ProgressReporter
from smartops.middleware.steps import Claimed
from smartops.reply import Action, Form, FormField
from smartops.telemetry import configure
from smartops.testing import Bot

pytestmark = pytest.mark.anyio

PASSWORD = 'correct "horse" bättery'
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----"
CREDENTIALS = {
    "AKIA" + "Q" * 16: "AWS access key",
    "ghp_" + "a1B2" * 9: "GitHub token",
    "xoxb-" + "123456789012-abcdefGHIJKL": "Slack token",
    PEM: "private key",
    "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiJhbGljZSJ9" + ".c2lnbmF0dXJl": "JWT",
}


class Settings(BaseModel):
    password: Secret


def plugin(*commands: Any) -> ModuleType:
    module = ModuleType("acme")
    module.config_type = hookimpl(lambda: Settings)  # type: ignore[attr-defined]
    module.register_commands = hookimpl(lambda: list(commands))  # type: ignore[attr-defined]
    return module


@pytest.mark.parametrize(
    ("secret", "kind"), [(PASSWORD, "configured secret"), *CREDENTIALS.items()]
)
async def test_secrets_in_every_block_and_in_data_are_masked(
    bot: Bot, secret: str, kind: str
) -> None:
    @command("dump")
    async def dump() -> Reply:
        """Dump everything."""
        return Reply.of(
            f"it is {secret}.",
            Code(f"export X={secret}\nexit 0", title=secret),
            Fields((("X", secret),)),
            Table(("a", "b", "c"), ((secret, "one", "two"),)),
            data={"output": f"X={secret}", "list": [{"inner": secret}], "count": 1},
        )

    bot.load(plugin(dump), password=Secret(PASSWORD))
    answer = await bot.say("dump")
    masked = f"[masked: {kind}]"
    assert answer.text.count(masked) == 5
    assert answer.data == {
        "output": f"X={masked}",
        "list": [{"inner": masked}],
        "count": 1,
    }
    assert secret not in answer.text + json.dumps(answer.data)


async def test_secrets_beside_text_that_is_no_unicode_are_masked(bot: Bot) -> None:
    @command("dump")
    async def dump() -> str:
        """Dump."""
        return f"\ud800 {PASSWORD}"

    bot.load(plugin(dump), password=Secret(PASSWORD))
    assert (await bot.say("dump")).text.endswith(" [masked: configured secret]")


async def test_an_aws_secret_key_is_masked_by_its_context(bot: Bot) -> None:
    key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

    @command("credentials")
    async def credentials() -> Reply:
        """Show credentials."""
        pairs = Fields((("SecretAccessKey", key), ("Digest", "a" * 40)))
        return Reply.of(
            pairs,
            f"aws_secret_access_key = {key}",
            data={"SecretAccessKey": key, "text": json.dumps({"SessionToken": key})},
        )

    bot.load(plugin(credentials), password=Secret("unused"))
    answer = await bot.say("credentials")
    assert key not in answer.text + json.dumps(answer.data)
    assert "aws_secret_access_key = [masked: AWS secret key]" in answer.text
    assert answer.data["SecretAccessKey"] == "[masked: AWS secret key]"
    assert "a" * 40 in answer.text


async def test_secrets_in_changes_are_masked_before_they_are_stored(
    bot: Bot, tmp_path: Path
) -> None:
    outcomes = iter(["done", "refused", "away"])

    @command("rotate", effect="change")
    async def rotate(work: Work) -> str:
        """Rotate the password."""
        outcome = next(outcomes)
        if outcome == "refused":
            raise ValidationFailed(f"{PASSWORD} is too old", details=f"not {PASSWORD}")
        if outcome == "away":
            raise BackendUnavailable("away", details=PASSWORD)
        return f"was {PASSWORD}"

    bot.load(plugin(rotate), password=Secret(PASSWORD))
    assert (await bot.confirm("rotate")).text == "was [masked: configured secret]"
    refused = await bot.confirm("rotate")
    assert refused.code == "VALIDATION_ERROR"
    assert "[masked: configured secret] is too old" in refused.text
    assert (await bot.confirm("rotate")).code == "BACKEND_UNAVAILABLE"
    await bot.aclose()
    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("bot.db*"))
    assert b"horse" not in stored
    assert b"masked: configured secret" in stored


async def test_progress_is_masked(bot: Bot) -> None:
    shown: list[str] = []

    class Recorder(ProgressReporter):
        async def show(self, text: str, done: int, total: int) -> None:
            shown.append(text)

    @command("crawl")
    async def crawl(work: Work) -> str:
        """Crawl."""
        await work.progress(f"with {PASSWORD}")
        return "done"

    bot.load(plugin(crawl), password=Secret(PASSWORD))
    parts = (await bot.app()).parts
    alice = Identity("bot", "", "alice")
    message = Message(
        id="",
        channel="bot",
        conversation="a",
        sender=alice,
        place=Place("bot"),
        at=bot.clock.now(),
        request_id="r",
        text="crawl",
    )
    await Gate(parts).answer(Claimed(message), Recorder())
    assert shown == ["with [masked: configured secret]"]


async def test_a_typed_secret_is_masked_in_the_history_but_runs_as_it_was_typed(bot: Bot) -> None:
    ran: list[str] = []
    token = "ghp_" + "x" * 36

    @command("login {with_token}", effect="change")
    async def login(with_token: str) -> str:
        """Log in."""
        ran.append(with_token)
        return "ok"

    bot.load(plugin(login), password=Secret("unused"))
    assert (await bot.confirm(f"login {token}")).status == "success"
    assert ran == [token]
    history = await bot.say("history")
    assert token not in history.text + json.dumps(history.data)
    assert "login [masked: GitHub token]" in history.text


def test_what_buttons_and_forms_send_is_not_masked() -> None:
    token = "ghp_" + "x" * 36
    form = Form(f"deploy --token {token}", f"which {token}?", (FormField("a", token),))
    reply = Reply(view=(form,), actions=(Action("command", token, f"deploy {token}"),))
    masked = Masker().reply(reply)
    assert masked.view == (
        Form(
            form.command,
            "which [masked: GitHub token]?",
            (FormField("a", "[masked: GitHub token]"),),
        ),
    )
    assert masked.actions == (Action("command", "[masked: GitHub token]", f"deploy {token}"),)


async def test_masking_can_be_switched_off(bot: Bot) -> None:
    @command("dump")
    async def dump() -> str:
        """Dump."""
        return PASSWORD

    bot.settings["mask_secrets"] = False
    bot.load(plugin(dump), password=Secret(PASSWORD))
    assert (await bot.say("dump")).text == PASSWORD


@pytest.mark.parametrize("hook", ["register_backends", "lifespan"])
async def test_errors_that_plugins_raise_at_start_are_masked(bot: Bot, hook: str) -> None:
    def fail(config: Settings) -> Any:
        raise OSError(f"cannot log in with {config.password.reveal()}")

    broken = plugin()
    setattr(broken, hook, hookimpl(fail))
    bot.load(broken, name="acme", password=PASSWORD)
    with pytest.raises(StartupError) as refused:
        await bot.app()
    assert f"acme: {hook}: OSError: cannot log in with [masked: configured secret]" in str(
        refused.value
    )


def test_secrets_of_a_file_are_all_values_of_files_and_of_keys_with_a_secret_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "license").write_text("line-one-of-license\nline-two-of-license\n")
    (tmp_path / "words.py").write_text(
        "from pydantic import BaseModel\n"
        "from smartops import hookimpl\n"
        "class Words(BaseModel):\n"
        "    license: str\n    region: str\n    bot_token: str\n"
        "config_type = hookimpl(lambda: Words)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("REGION", "eu-west-1")
    monkeypatch.setenv("BOT", "bot-token-value")
    monkeypatch.setenv("PASSWORD", "p%40ssw0rd-of-db")
    (tmp_path / "smartops.yaml").write_text(
        "limits: {url: 'redis://user:${PASSWORD}@cache-host-1:6379/0'}\n"
        "plugins:\n"
        "  words: {license: '${file:license}', region: '${REGION}', bot_token: '${BOT}'}\n"
    )
    masker = compose(tmp_path / "smartops.yaml", writes=False).masker
    masked = "[masked: configured secret]"
    for secret in ("line-two-of-license", "bot-token-value", "p%40ssw0rd-of-db", "p@ssw0rd-of-db"):
        assert masker.text(f"a {secret} b") == f"a {masked} b"
    for word in ("eu-west-1", "cache-host-1"):
        assert masker.text(word) == word


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield io.StringIO()
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize("form", ["json", "console"])
def test_log_lines_and_tracebacks_are_masked(log: io.StringIO, form: Any) -> None:
    configure("info", form, log, masker=Masker([PASSWORD]))
    try:
        raise ValueError(f"bad password: {PASSWORD}")
    except ValueError:
        logging.getLogger("acme").exception("cannot use %s", PEM)
    structlog.get_logger("acme").info("login", token="ghp_" + "x" * 36)
    text = log.getvalue()
    assert "horse" not in text
    assert "MIIEow" not in text
    assert "ghp_" not in text
    assert text.count("[masked: configured secret]") >= 1
