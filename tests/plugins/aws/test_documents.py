"""Scripts as documents with parameters: everything else is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from smartops import PermissionDenied
from smartops_aws.config import DocumentConfig, RunnerConfig
from smartops_aws.documents import Documents, Order, content
from smartops_aws.template import Template

MINUTE = timedelta(minutes=1)


def documents(*entries: dict[str, Any], raw: bool = False) -> Documents:
    return Documents(RunnerConfig.model_validate({"documents": entries, "raw_scripts": raw}))


RESTART = {"name": "ops-restart", "script": "systemctl restart {unit}"}


@pytest.mark.parametrize(
    ("script", "values"),
    [
        ("systemctl restart nginx", {"unit": "nginx"}),
        ("  systemctl restart nginx.service\n", {"unit": "nginx.service"}),
        ("systemctl restart php8.1-fpm", {"unit": "php8.1-fpm"}),
        ("systemctl restart -f", None),
        ("systemctl restart --force", None),
        ("systemctl restart a b", None),
        ("systemctl restart a;reboot", None),
        ("systemctl restart $(reboot)", None),
        ("systemctl restart 'a'", None),
        ("systemctl restart a\nreboot", None),
        ("systemctl restart é", None),
        ("systemctl restart", None),
        ("systemctl  restart nginx", None),
        ("sudo systemctl restart nginx", None),
        ("systemctl restart " + "a" * 257, None),
    ],
)
def test_a_placeholder_is_one_plain_word(script: str, values: dict[str, str] | None) -> None:
    assert Template(RESTART["script"], {}).match(script) == values


def test_patterns_narrow_what_a_placeholder_may_be() -> None:
    template = Template("tail -n {lines} {file}", {"lines": r"\d{1,4}", "file": "/var/log/[a-z]+"})
    assert template.match("tail -n 20 /var/log/syslog") == {
        "lines": "20",
        "file": "/var/log/syslog",
    }
    assert template.match("tail -n 20 /etc/passwd") is None
    assert template.match("tail -n 20x /var/log/syslog") is None


def test_what_is_special_in_patterns_is_plain_in_scripts() -> None:
    template = Template("df -h | grep {word} (all)", {"word": "a|bc"})
    assert template.match("df -h | grep bc (all)") == {"word": "bc"}
    assert template.match("df -h ") is None


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ({"script": "a {x} {x}"}, "appears twice"),
        ({"script": "a", "parameters": {"x": "b"}}, "no placeholder {x}"),
        ({"script": "a {x}", "parameters": {"x": "("}}, "no regular expression"),
        ({"script": "a {x}", "parameters": {"x": "(a)"}}, "has groups"),
        ({"script": "a {executionTimeout}"}, "is the time limit"),
        ({"script": ""}, "at least 1"),
        ({"script": "a", "name": "no spaces"}, "pattern"),
        ({"script": "a", "platforms": []}, "at least 1"),
        ({"script": "a", "unknown": 1}, "Extra"),
    ],
)
def test_an_invalid_document_is_refused(entry: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError) as refused:
        DocumentConfig.model_validate({"name": "ops-a", **entry})
    assert why in str(refused.value)


def test_the_first_document_that_fits_is_used() -> None:
    chosen = documents(
        RESTART,
        {"name": "ops-win", "script": "systemctl restart {unit}", "platforms": ["windows"]},
        {"name": "ops-any", "script": "systemctl {verb} {unit}", "timeout_parameter": ""},
    )
    script = "systemctl restart nginx"
    assert chosen.order(script, "linux", MINUTE) == Order(
        "ops-restart", {"unit": ["nginx"], "executionTimeout": ["60"]}
    )
    assert chosen.order(script, "windows", MINUTE).document == "ops-win"
    assert chosen.order("systemctl stop nginx", "linux", MINUTE) == Order(
        "ops-any", {"verb": ["stop"], "unit": ["nginx"]}
    )


def test_raw_scripts_are_sent_only_if_allowed() -> None:
    with pytest.raises(PermissionDenied):
        documents(RESTART).order("df -h", "linux", MINUTE)
    raw = documents(RESTART, raw=True)
    assert raw.order("df -h", "linux", MINUTE) == Order(
        "AWS-RunShellScript", {"commands": ["df -h"], "executionTimeout": ["60"]}
    )
    assert raw.order("Get-Date", "windows", MINUTE).document == "AWS-RunPowerShellScript"
    assert raw.order("systemctl restart nginx", "linux", MINUTE).document == "ops-restart"


def test_a_time_limit_is_at_least_a_second() -> None:
    order = documents(RESTART).order("systemctl restart a", "linux", timedelta(milliseconds=1))
    assert order.parameters["executionTimeout"] == ["1"]


def written(**entry: Any) -> dict[str, Any]:
    made = content(DocumentConfig.model_validate({"name": "ops-a", **entry}))
    return json.loads(json.dumps(made))


def test_a_printed_document_is_complete() -> None:
    made = written(script="systemctl restart {unit}", parameters={"unit": "[a-z]+"})
    assert made["schemaVersion"] == "2.2"
    assert made["parameters"]["unit"]["allowedPattern"] == "^(?:[a-z]+)$"
    assert made["parameters"]["unit"]["interpolationType"] == "ENV_VAR"
    (step,) = made["mainSteps"]
    assert step["action"] == "aws:runShellScript"
    assert step["precondition"] == {"StringEquals": ["platformType", "Linux"]}
    assert step["inputs"]["timeoutSeconds"] == "{{ executionTimeout }}"
    assert step["inputs"]["runCommand"] == ['systemctl restart "${SSM_unit}"']


def test_a_document_for_both_platforms_has_a_step_for_each() -> None:
    made = written(script="echo {word}", platforms=["linux", "windows"], timeout_parameter="")
    linux, windows = made["mainSteps"]
    assert linux["inputs"]["runCommand"][-1] == 'echo "${SSM_word}"'
    assert windows["action"] == "aws:runPowerShellScript"
    assert windows["inputs"]["runCommand"] == [
        "if (-not (Test-Path env:SSM_word)) { $env:SSM_word = '{{ word }}' }",
        'echo "$env:SSM_word"',
    ]
    assert "executionTimeout" not in made["parameters"]
    assert windows["inputs"]["timeoutSeconds"] == "3600"


def test_values_are_pasted_only_if_their_pattern_is_harmless() -> None:
    made = written(script="echo {word} {any}", parameters={"any": ".*"})
    lines = made["mainSteps"][0]["inputs"]["runCommand"]
    assert "'{{ word }}'" in lines[0]
    assert "{{ any }}" not in "\n".join(lines)


@pytest.mark.skipif(shutil.which("sh") is None, reason="there is no shell")
@pytest.mark.parametrize("value", ["nginx", "; echo pwned", "$(echo pwned)", '" ; echo pwned "'])
def test_a_value_never_becomes_a_part_of_the_script(value: str) -> None:
    made = written(script="printf '%s' {any}", parameters={"any": ".*"})
    script = "\n".join(made["mainSteps"][0]["inputs"]["runCommand"])
    done = subprocess.run(
        ["sh", "-c", script], env={"SSM_any": value}, capture_output=True, text=True, check=True
    )
    assert done.stdout == value


@pytest.mark.skipif(shutil.which("sh") is None, reason="there is no shell")
def test_an_old_agent_gets_the_value_pasted_in() -> None:
    script = "\n".join(written(script="printf '%s' {word}")["mainSteps"][0]["inputs"]["runCommand"])
    done = subprocess.run(
        ["sh", "-c", script.replace("{{ word }}", "pasted")],
        env={},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "pasted"
