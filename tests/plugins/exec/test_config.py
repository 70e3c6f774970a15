from __future__ import annotations

import pytest
from pydantic import ValidationError

from smartops_exec.config import ExecConfig, ScriptEntry


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({}, "needs either script"),
        ({"script": " "}, "needs either script"),
        ({"script": "a", "template": "b {c}"}, "needs either script"),
        ({"script": "a {b}", "parameters": {"b": "x"}}, "belong to a template"),
        ({"script": "a\0b"}, "NUL"),
        ({"template": "df -h"}, "needs a {placeholder}"),
        ({"template": "{program} -h"}, "first word may not be a placeholder"),
        ({"template": "echo {a}{b}"}, "two placeholders in one word"),
        ({"template": "echo ${home}"}, "would be a shell variable"),
        ({"template": "echo {a} {a}"}, "appears twice"),
        ({"template": "echo {a}", "parameters": {"b": "x"}}, "b is no placeholder"),
        ({"template": "echo {a}", "parameters": {"a": "("}}, "no regular expression"),
        ({"script": "a", "platforms": ["solaris"]}, "linux"),
        ({"script": "a", "timeout": "0s"}, "greater than"),
        ({"script": "a", "readonly": True}, "Extra inputs"),
    ],
)
def test_invalid_entries_are_refused(entry, problem):
    with pytest.raises(ValidationError, match=problem.replace("{", r"\{").replace("(", r"\(")):
        ScriptEntry(**entry)


def test_an_exact_script_may_contain_any_text():
    text = "awk '{print $1}' /etc/hosts | sort -u && echo ${HOME} {a} {a}"
    assert ScriptEntry(script=f"{text}\n").compiled.match(text)


def test_a_blank_script_with_a_template_is_a_template():
    entry = ScriptEntry(script=" \n", template="echo {word}")
    assert entry.text == "echo {word}"
    assert entry.compiled.match("echo hello")


@pytest.mark.parametrize(
    "settings",
    [
        {"timeout": "11m"},
        {"max_timeout": "30s"},
        {"scripts": [{"script": "a", "timeout": "11m"}]},
    ],
)
def test_a_timeout_above_max_timeout_is_refused(settings):
    with pytest.raises(ValidationError, match="longer than max_timeout"):
        ExecConfig(**settings)
