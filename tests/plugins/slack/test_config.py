"""The plugin's section, and the URLs that SmartOps may call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import smartops_slack
from smartops import Secret
from smartops.config import read
from smartops.errors import StartupError
from smartops_slack.hosts import Hosts, base_url


def test_a_minimal_section(configured: Any) -> None:
    config = configured()
    assert config.api_url == "https://slack.com/api/"
    assert config.command == "/smartops"
    assert not config.app_token
    assert "xoxb" not in repr(config)


def test_socket_mode_needs_no_signing_secret(configured: Any, app_token: Secret) -> None:
    assert configured(signing_secret=None, app_token=app_token).app_token


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"signing_secret": None}, "signing_secret is missing"),
        ({"signing_secret": Secret("")}, "signing_secret is empty"),
        ({"signing_secret": Secret(" ")}, "signing_secret is empty"),
        ({"app_token": Secret("")}, "app_token is empty"),
        ({"app_token": Secret("xoxb-1")}, "begins with xapp-"),
        ({"bot_token": Secret("")}, "bot_token is empty"),
        ({"bot_token": Secret("xapp-very-secret")}, "begins with xoxb-"),
        ({"bot_token": None}, "bot_token"),
        ({"workspaces": []}, "workspaces"),
        ({"workspaces": ["example"]}, "id of a workspace"),
        ({"workspaces": ["t123"]}, "id of a workspace"),
        ({"command": "smartops"}, "must be a slash"),
        ({"command": "/Smart Ops"}, "must be a slash"),
        ({"api_url": "http://slack.com/api/"}, "https"),
        ({"api_url": "https://user@slack.com/api/"}, "URL"),
        ({"api_url": "slack.com"}, "URL"),
        ({"channel": "ops"}, "Extra inputs"),
    ],
)
def test_invalid_sections_are_refused(
    configured: Any, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        configured(**changes)
    assert reason in str(refused.value)
    assert "very-secret" not in str(refused.value)


def test_secrets_must_be_references(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_SIGNING_SECRET", "")
    path = tmp_path / "smartops.yaml"
    path.write_text(
        "plugins:\n  slack:\n    bot_token: xoxb-literal\n"
        "    signing_secret: ${SLACK_SIGNING_SECRET}\n    workspaces: [T123456]\n"
    )
    with pytest.raises(StartupError) as refused:
        read(path).plugin("slack", smartops_slack.config_type())
    text = str(refused.value)
    assert "smartops.yaml:3:5: plugins.slack.bot_token: do not put a secret in this file" in text
    assert "SLACK_SIGNING_SECRET" in text
    assert "literal" not in text


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://slack.com/api/", "https://slack.com/api/"),
        ("https://slack-gov.com/api", "https://slack-gov.com/api/"),
        ("http://127.0.0.1:8080/api", "http://127.0.0.1:8080/api/"),
        ("http://[::1]:1/", "http://[::1]:1/"),
    ],
)
def test_base_urls(url: str, expected: str) -> None:
    assert base_url(url) == expected


SLACK = Hosts("https://slack.com/api/")
GOV = Hosts("https://slack-gov.com/api/")
LOCAL = Hosts("http://127.0.0.1:8080/api/")


@pytest.mark.parametrize(
    ("hosts", "url", "answers"),
    [
        (SLACK, "https://hooks.slack.com/actions/T1/2/x", True),
        (SLACK, "https://hooks.slack.com:443/actions/T1/2/x", True),
        (SLACK, "http://hooks.slack.com/actions", False),
        (SLACK, "https://hooks.slack.com:8443/actions", False),
        (SLACK, "https://hooks.slack.com.evil.example/", False),
        (SLACK, "https://evil.example/hooks.slack.com/", False),
        (SLACK, "https://hooks.slack.com@evil.example/", False),
        (SLACK, "https://evil.example#hooks.slack.com/", False),
        (SLACK, "https://hooks.slack.com\\@evil.example/", False),
        (SLACK, "https://slack.com/x", False),
        (SLACK, "https://HOOKS.slack.com/x", True),
        (SLACK, "https://hooks.slack-gov.com/x", False),
        (SLACK, "http://169.254.169.254/", False),
        (SLACK, " https://hooks.slack.com/x", False),
        (SLACK, "", False),
        (GOV, "https://hooks.slack-gov.com/x", True),
        (GOV, "https://hooks.slack.com/x", False),
        (LOCAL, "http://127.0.0.1:8080/respond/1", True),
        (LOCAL, "http://127.0.0.1:8081/respond/1", False),
        (LOCAL, "http://localhost:8080/respond/1", False),
        (LOCAL, "https://hooks.slack.com/x", False),
    ],
)
def test_response_urls(hosts: Hosts, url: str, answers: bool) -> None:
    assert hosts.answers(url) is answers


@pytest.mark.parametrize(
    ("hosts", "url", "uploads", "sockets"),
    [
        (SLACK, "https://files.slack.com/upload/v1/x", True, False),
        (SLACK, "wss://wss-primary.slack.com/link/?ticket=1&app_id=2", False, True),
        (SLACK, "ws://wss-primary.slack.com/link/", False, False),
        (SLACK, "wss://slack.com.evil.example/link/", False, False),
        (SLACK, "wss://evilslack.com/link/", False, False),
        (SLACK, "https://hooks.slack.com/x", False, False),
        (LOCAL, "http://127.0.0.1:8080/upload/1", True, False),
        (LOCAL, "ws://127.0.0.1:8080/socket", False, True),
        (LOCAL, "wss://127.0.0.1:8080/socket", False, False),
    ],
)
def test_upload_and_socket_urls(hosts: Hosts, url: str, uploads: bool, sockets: bool) -> None:
    assert (hosts.uploads(url), hosts.sockets(url)) == (uploads, sockets)


def test_the_readme_names_every_key() -> None:
    readme = (Path(smartops_slack.__file__).parent / "README.md").read_text()
    fields = smartops_slack.SlackConfig.model_fields
    rows = [line.split("`")[1] for line in readme.splitlines() if line.startswith("| `")]
    assert rows == list(fields)
    assert all(field.description for field in fields.values())
