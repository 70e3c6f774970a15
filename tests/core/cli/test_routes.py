"""Routes of alerts: what they take, what posts show, `routes test`, and mistakes in the file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from smartops.alerts import Group, Route, alert_of, lines_of, reply_of, state_of
from smartops.channels import Event
from smartops.cli import main, root
from smartops.config.settings import RouteSettings
from smartops.store import Alert, Silence

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def route(**settings: Any) -> Route:
    model = RouteSettings.model_validate({"name": "r", "to": "slack/T1/C1", **settings})
    return Route(model, {})


def alert(number: int = 1, **more: Any) -> Alert:
    labels = {"alertname": "Cpu", "host": f"web-{number}"}
    event = Event(f"f{number}", "firing", f"Cpu of web-{number}", NOON, "critical", labels=labels)
    made = alert_of("prometheus", event)
    values = {name: getattr(made, name) for name in Alert.__slots__}
    return Alert(**{**values, "id": f"al-{number}", **more})


@pytest.mark.parametrize(
    ("when", "taken"),
    [
        ({}, True),
        ({"severity": "critical"}, True),
        ({"severity": ["warning", "crit*"]}, True),
        ({"severity": "warning"}, False),
        ({"source": "prometheus", "host": "web-?"}, True),
        ({"source": "grafana", "host": "web-1"}, False),
        ({"team": "*"}, False),
    ],
)
def test_a_route_takes_what_meets_all_its_conditions(when: dict[str, Any], taken: bool) -> None:
    assert route(when=when).takes(alert()) == taken


def test_alerts_with_the_same_labels_share_a_post() -> None:
    by_name, by_host = route(), route(group_by=["host"])
    assert by_name.group(alert(1)) == by_name.group(alert(2))
    assert by_host.group(alert(1)) != by_host.group(alert(2))


@pytest.mark.parametrize(
    ("start", "until", "utc_hour", "quiet"),
    [
        ("22:00", "07:00", 22, True),  # 23:00 in Berlin
        ("22:00", "07:00", 5, True),
        ("22:00", "07:00", 6, False),
        ("22:00", "07:00", 20, False),
        ("09:00", "17:00", 8, True),
        ("09:00", "17:00", 16, False),
    ],
)
def test_quiet_hours_are_local(start: str, until: str, utc_hour: int, quiet: bool) -> None:
    hours: Mapping[str, str] = {"from": start, "until": until, "timezone": "Europe/Berlin"}
    assert route(quiet=hours).is_quiet(NOON.replace(hour=utc_hour)) == quiet


def test_suggestions_take_single_words_of_labels_only() -> None:
    named = alert(labels={"host": "web-1", "text": "a; stop b", "empty": ""})
    suggest = ["check health {host}", "x {text}", "y {empty}", "z {unknown}", "alerts"]
    shown = reply_of(Group([named], []), suggest)
    assert [item.value for item in shown.actions[2:]] == ["check health web-1", "alerts"]


def test_the_thread_says_what_has_changed() -> None:
    at = NOON.timestamp()
    before = state_of(Group([alert(1)], []))
    steps = [
        (Group([alert(1), alert(2)], []), "1 more firing: Cpu of web-2"),
        (Group([alert(1, acked_by="bob")], []), "bob works on this: Cpu of web-1"),
        (
            Group([alert(1)], [Silence("si-1", "bob", "", {"host": "web-1"}, at, at + 60)]),
            "Silenced until 2026-11-24 12:01 UTC",
        ),
        (Group([alert(1, resolved=at + 90)], []), "Resolved after 1m30s"),
    ]
    for group, line in steps:
        assert lines_of(group, before) == [line]
        assert lines_of(group, state_of(group)) == []
    acked = state_of(Group([alert(1, acked_by="bob")], []))
    assert lines_of(Group([alert(1)], []), acked) == ["No person works on this now: Cpu of web-1"]


CONFIG = """
plugins: {api: , slack: {bot_token: "${TOKEN}", signing_secret: "${TOKEN}", workspaces: [T1234567]},
          prometheus: {plugin: alertmanager, token: "${TOKEN}"}}
places: {ops: slack/T1234567/C1}
routes:
  - {name: critical, when: {severity: critical}, to: [ops]}
"""


def recorded(tmp_path: Path, severity: str) -> Path:
    labels = {"alertname": "Cpu", "severity": severity}
    known = {"fingerprint": "f1", "status": "firing", "startsAt": NOON.isoformat()}
    file = tmp_path / f"{severity}.json"
    file.write_text(json.dumps({"version": "4", "alerts": [{**known, "labels": labels}]}))
    return file


def test_recorded_events_are_tested_against_the_routes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "xoxb-1")
    config = tmp_path / "smartops.yaml"
    config.write_text(CONFIG)

    def run(severity: str, *more: str) -> Any:
        arguments = ["routes", "test", str(recorded(tmp_path, severity)), "--config", str(config)]
        return CliRunner().invoke(root, [*arguments, *more], standalone_mode=False)

    taken = run("critical")
    assert taken.stdout == "firing critical Cpu\n  critical: slack/T1234567/C1\n"
    assert taken.return_value == 0
    left = run("warning")
    assert left.stdout == "firing warning Cpu\n  no route\n"
    assert left.return_value == 1
    data = json.loads(run("critical", "--json").stdout)
    assert data["routes"] == {"critical": ["slack/T1234567/C1"]}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("[ops]", "[opps]"), "there is no place opps; did you mean ops?"),
        (("slack/T1", "slak/T1"), "there is no channel slak; did you mean slack?"),
        (("to: [ops]", 'to: [ops], quiet: {from: "22:00", until: "25:00"}'), "a time of day"),
        (("to: [ops]", "to: [ops], group_wait: 0s"), "group_wait"),
    ],
)
def test_mistakes_in_routes_are_found_by_check(
    change: tuple[str, str],
    problem: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TOKEN", "xoxb-1")
    config = tmp_path / "smartops.yaml"
    config.write_text(CONFIG.replace(*change))
    assert main(["check", "--config", str(config)]) == 2
    assert problem in capsys.readouterr().err


def test_mistakes_in_schedules_are_found_by_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "smartops.yaml"
    config.write_text(
        "plugins: {api: , fake: , instances: }\n"
        "schedules:\n"
        '  - {name: a, run: list instances, cron: "0 9 * *", as: "local:a", to: nowhere}\n'
    )
    assert main(["check", "--config", str(config)]) == 2
    shown = capsys.readouterr().err
    assert "it must have five fields" in shown
    config.write_text(config.read_text().replace("0 9 * *", "0 9 * * 1-5"))
    assert main(["check", "--config", str(config)]) == 2
    assert "there is no place nowhere" in capsys.readouterr().err
