"""The app package, from the command line."""

from __future__ import annotations

import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from smartops import Command, command
from smartops.cli import main
from smartops_teams.cli import manifest_command
from smartops_teams.manifest import command_list
from teams_activities import APP_ID, TENANT

CONFIG = f"""
roles: {{operator: {{}}}}
rules: [{{name: all, allow: {{roles: operator}}}}]
plugins:
  fake: {{instances: 2}}
  instances:
  health:
  teams: {{app_id: {APP_ID}, tenants: [{TENANT}]}}
"""


def packed(path: Path) -> tuple[dict[str, Any], zipfile.ZipFile]:
    archive = zipfile.ZipFile(path)
    return json.loads(archive.read("manifest.json")), archive


def test_the_package_of_a_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("smartops.yaml").write_text(CONFIG)
    assert main(["teams", "manifest", "--out", "bot.zip"]) == 0
    assert capsys.readouterr().out.startswith("bot.zip: upload it")
    made, archive = packed(tmp_path / "bot.zip")
    assert sorted(archive.namelist()) == ["color.png", "manifest.json", "outline.png"]
    assert made["manifestVersion"] == "1.17"
    assert made["$schema"].endswith("/teams/v1.17/MicrosoftTeams.schema.json")
    (bot,) = made["bots"]
    assert bot["botId"] == made["id"] == APP_ID
    assert bot["scopes"] == ["personal", "team", "groupChat"]
    assert [item["scopes"] for item in bot["commandLists"]] == [[name] for name in bot["scopes"]]
    titles = [item["title"] for item in bot["commandLists"][0]["commands"]]
    assert titles[0] == "help"
    assert {"list instances", "stop", "check health"} <= set(titles)
    assert len(titles) <= 10
    assert made["icons"] == {"color": "color.png", "outline": "outline.png"}
    archive.close()


def run(folder: Path, *options: str) -> Result:
    """Run the command without a configuration."""
    out = ["--out", str(folder / "bot.zip")]
    return CliRunner().invoke(manifest_command(None, list), [*out, *options])


def test_the_package_without_a_configuration(tmp_path: Path) -> None:
    options = ["--bot-id", APP_ID, "--app-version", "2.3.4rc1", "--name", "n" * 40]
    options += ["--developer", "Ops", "--website", "https://ops.example/", "--app-id", TENANT]
    assert run(tmp_path, *options).exit_code == 0
    made, archive = packed(tmp_path / "bot.zip")
    for name, side in (("color.png", 192), ("outline.png", 32)):
        picture = archive.read(name)
        assert picture[:8] == b"\x89PNG\r\n\x1a\n"
        assert struct.unpack_from(">II", picture, 16) == (side, side)
    archive.close()
    assert (made["id"], made["bots"][0]["botId"]) == (TENANT, APP_ID)
    assert made["version"] == "2.3.0"
    assert len(made["name"]["short"]) == 30
    assert made["developer"] == {
        "name": "Ops",
        "websiteUrl": "https://ops.example/",
        "privacyUrl": "https://ops.example/privacy",
        "termsOfUseUrl": "https://ops.example/terms",
    }


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ([], "--bot-id"),
        (
            ["--bot-id", APP_ID, "--website", "http://ops.example"],
            "http://ops.example is not an https URL",
        ),
    ],
)
def test_wrong_options_are_usage_errors(tmp_path: Path, options: list[str], problem: str) -> None:
    result = run(tmp_path, *options)
    assert result.exit_code == 2
    assert problem in result.output


def named(phrase: str, text: str, owner: str) -> Command:
    async def run() -> str:
        return ""

    run.__doc__ = text
    return command(phrase)(run).owned(owner)


def test_the_menu_keeps_the_limits_of_teams() -> None:
    many = [named(f"do thing {number:02d} {'x' * 30}", "t" * 200, "acme") for number in range(20)]
    listed = command_list([named("whoami", "Say.", "core"), *many, named("help", "Help.", "core")])
    assert len(listed) == 10
    assert listed[0] == {"title": "help", "description": "Help."}
    for item in listed:
        assert 0 < len(item["title"]) <= 32
        assert 0 < len(item["description"]) <= 128
    assert len({item["title"] for item in listed}) == 10
    assert command_list([named("whoami", "Say.", "core")]) == [
        {"title": "whoami", "description": "Say."}
    ]
