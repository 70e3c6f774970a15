"""The manifest of the Slack app, and the command that prints it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from smartops import Command, Secret, command
from smartops.cli import main
from smartops_slack import SlackConfig, register_cli
from smartops_slack.manifest import manifest


def declared(count: int = 1) -> list[Command]:
    @command("stop {target} [now]", effect="change")
    async def stop(target: str) -> str:
        """Stop: "machines" & more."""
        return target

    made = []
    for number in range(count):
        name = f"{stop.phrases[0]} {number}" if number else stop.phrases[0]
        fields = {name: getattr(stop, name) for name in ("handler", "help", "parameters", "wants")}
        made.append(Command(name=name, phrases=(name,), **fields))
    return made


def printed(*arguments: str, config: SlackConfig | None = None) -> Any:
    (made,) = [item for item in register_cli(config, declared) if item.name == "manifest"]
    return CliRunner().invoke(made, arguments)


def test_an_app_over_http() -> None:
    result = printed("--url", "https://ops.example.com", "--format", "json", "--name", "Ops")
    assert result.exit_code == 0, result.output
    document = json.loads(result.output)
    url = "https://ops.example.com/api/messages"
    (slash,) = document["features"]["slash_commands"]
    assert (slash["command"], slash["url"]) == ("/smartops", url)
    assert slash["should_escape"]
    assert slash["usage_hint"] == "help | stop TARGET [now]"
    assert document["settings"]["event_subscriptions"] == {
        "request_url": url,
        "bot_events": ["app_mention", "message.im"],
    }
    assert document["settings"]["interactivity"] == {"is_enabled": True, "request_url": url}
    assert document["settings"]["socket_mode_enabled"] is False
    assert document["display_information"]["name"] == "Ops"
    assert 'Stop: "machines" & more.' in document["display_information"]["long_description"]
    assert {"chat:write", "commands", "files:write"} <= set(
        document["oauth_config"]["scopes"]["bot"]
    )


def test_an_app_in_socket_mode_has_no_url(configured: Any, app_token: Secret) -> None:
    config = configured(app_token=app_token, command="/ops")
    document = yaml.safe_load(printed(config=config).output)
    assert document == yaml.safe_load(printed("--socket-mode", config=config).output)
    assert document["settings"]["socket_mode_enabled"] is True
    assert "https://" not in json.dumps(document)
    assert document["features"]["slash_commands"][0]["command"] == "/ops"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://ops.example.com/", "https://ops.example.com/api/messages"),
        ("https://ops.example.com:8443", "https://ops.example.com:8443/api/messages"),
        ("https://ops.example.com/prod/api/messages", "https://ops.example.com/prod/api/messages"),
    ],
)
def test_the_path_is_added_to_a_bare_url(given: str, expected: str) -> None:
    document = yaml.safe_load(printed("--url", given).output)
    assert document["settings"]["interactivity"]["request_url"] == expected


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--url", "http://ops.example.com"),
        ("--url", "https://ops example"),
        ("--url", "https://ops.example.com", "--socket-mode"),
        ("--format", "xml"),
    ],
)
def test_wrong_options_are_usage_errors(arguments: tuple[str, ...]) -> None:
    assert printed(*arguments).exit_code == 2


def test_the_texts_are_within_slacks_limits() -> None:
    document = manifest("n" * 90, "/smartops", "", declared(300))
    information, features = document["display_information"], document["features"]
    assert len(information["name"]) <= 35
    assert len(information["description"]) <= 140
    assert 174 <= len(information["long_description"]) <= 4000
    assert len(features["slash_commands"][0]["usage_hint"]) <= 1000
    assert len(features["slash_commands"][0]["description"]) <= 2000
    assert len(features["bot_user"]["display_name"]) <= 80
    assert len(manifest("n", "/n", "", ())["display_information"]["long_description"]) >= 174


def test_the_manifest_lists_the_commands_of_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BOT", "xoxb-1")
    monkeypatch.setenv("SIGN", "secret")
    path = tmp_path / "smartops.yaml"
    path.write_text(
        "plugins:\n  slack:\n    bot_token: ${BOT}\n    signing_secret: ${SIGN}\n"
        "    workspaces: [T123456]\n  fake: {instances: 1}\n  instances: {}\n"
    )
    monkeypatch.chdir(tmp_path)
    assert main(["slack", "manifest", "--config", str(path), "--url", "https://x.example"]) == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert "list instances" in printed["features"]["slash_commands"][0]["usage_hint"]
