from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from machines import ALICE, VIEWER, machine
from smartops import Effect, PermissionDenied, ValidationFailed
from smartops_exec.allowlist import AllowList
from smartops_exec.config import ScriptEntry

pytestmark = pytest.mark.anyio
SCRIPTS = (
    {"script": "df -h", "read_only": True},
    {"template": "df {path}", "parameters": {"path": "/?[a-z/]*"}, "read_only": True},
    {"template": "systemctl status {unit}", "read_only": True},
    {"script": "systemctl restart nginx", "roles": ["operator"], "timeout": "2m"},
    {"script": "ps aux | sort -k3 | head -5", "read_only": True, "platforms": ["linux"]},
    {"template": "cat /var/log/{file}", "parameters": {"file": ".*"}, "read_only": True},
    {"template": "tail {anything}", "parameters": {"anything": r"(?s).*"}, "read_only": True},
)


@pytest.fixture
def allowed() -> AllowList:
    return AllowList([ScriptEntry(**entry) for entry in SCRIPTS])


@pytest.mark.parametrize(
    ("script", "effect"),
    [
        ("df -h", Effect.READ),
        ("df /var/lib", Effect.READ),
        ("systemctl status nginx", Effect.READ),
        ("systemctl status getty@tty1.service", Effect.READ),
        ("systemctl restart nginx", Effect.CHANGE),
        ("ps aux | sort -k3 | head -5", Effect.READ),
        ("cat /var/log/nginx/error.log", Effect.READ),
    ],
)
def test_listed_scripts_may_run(allowed, script, effect):
    assert allowed.choose(script, ALICE, [machine("i-1")]).effect is effect


@pytest.mark.parametrize(
    "script",
    [
        "",
        " ",
        "rm -rf /",
        "df  -h",
        " df -h",
        "df -h\n",
        "\u00a0systemctl restart nginx",
        "systemctl status nginx\r\n",
        "DF -H",
        "df -h /",
        "df -h; rm -rf /",
        "df -h\nrm -rf /",
        "df -h && reboot",
        "df -h\x00",
        "systemctl status",
        "systemctl status nginx sshd",
        "systemctl restart nginx\nreboot",
        "sudo df -h",
        "d\u0066 -h\u200b",
        "ps aux | sort -k3 | head -5 | sh",
    ],
)
def test_other_scripts_may_not_run(allowed, script):
    with pytest.raises(PermissionDenied):
        allowed.choose(script, ALICE, [machine("i-1")])


ATTACKS = (
    "nginx;reboot",
    "nginx; reboot",
    "nginx&reboot",
    "nginx&&reboot",
    "nginx||reboot",
    "nginx|sh",
    "nginx | sh",
    "$(reboot)",
    "nginx$(reboot)",
    "${IFS}reboot",
    "$IFS",
    "`reboot`",
    "nginx>/etc/passwd",
    "nginx</etc/shadow",
    "<(reboot)",
    "nginx\nreboot",
    "nginx\rreboot",
    "nginx\treboot",
    "nginx\x00",
    "nginx\x0breboot",
    "nginx\x1creboot",
    "nginx\x85reboot",
    "nginx\u2028reboot",
    "nginx\u00a0reboot",
    "nginx'",
    'nginx"',
    "'nginx;reboot'",
    '"$(reboot)"',
    "nginx\\",
    "nginx\\;reboot",
    "*",
    "nginx?",
    "[a-z]",
    "{a,b}",
    "~root",
    "!!",
    "nginx#",
    "nginx^C",
    "(reboot)",
    "-H",
    "--host=evil.example",
    "-",
    "--",
    "../../etc/shadow",
    "a/../../../etc/shadow",
    "..",
    "/../x",
    "nginx\u037ereboot",
    "\uff1breboot",
    "\uff4eginx",
    "a" * 257,
    "%{}",
    "$env:PATH",
    "(Get-Process)",
    "@(reboot)",
    "\u2013Force",
)


@pytest.mark.parametrize("value", ATTACKS)
@pytest.mark.parametrize("template", ["systemctl status {}", "df {}", "cat /var/log/{}", "tail {}"])
def test_a_value_cannot_change_the_rest_of_the_script(allowed, template, value):
    with pytest.raises(PermissionDenied):
        allowed.choose(template.format(value), ALICE, [machine("i-1")])


@given(st.text(max_size=30))
@settings(deadline=None)
def test_a_value_never_contains_shell_metacharacters(value):
    anything = AllowList(
        [ScriptEntry(template="tail {it}", parameters={"it": "(?s).*"}, read_only=True)]
    )
    try:
        anything.choose(f"tail {value}", ALICE, [])
    except PermissionDenied:
        return
    assert not set(value) & set(";&|$`<>()\\\"'*?[]{}~!#^ \t\r\n\0")
    assert not value.startswith("-")


def test_a_path_cannot_climb_using_the_template_s_text():
    hidden = AllowList([ScriptEntry(template="cat /var/log/.{name}", parameters={"name": ".*"})])
    assert hidden.choose("cat /var/log/.profile", ALICE, [])
    with pytest.raises(PermissionDenied):
        hidden.choose("cat /var/log/../etc/shadow", ALICE, [])


def test_near_misses_are_limited_to_scripts_of_the_person(allowed):
    with pytest.raises(PermissionDenied) as caught:
        allowed.choose("systemctl restart ngnix", ALICE, [machine("i-1")])
    assert "plugins.exec" not in caught.value.details
    assert '"systemctl restart nginx"' in caught.value.details
    with pytest.raises(PermissionDenied) as caught:
        allowed.choose("systemctl restart ngnix", VIEWER, [machine("i-1")])
    assert "restart nginx" not in caught.value.details


def test_the_error_names_the_invalid_value(allowed):
    with pytest.raises(PermissionDenied) as caught:
        allowed.choose("systemctl status nginx;reboot", ALICE, [machine("i-1")])
    assert "unit: may hold only letters" in caught.value.details


def test_an_entry_with_roles_requires_one_of_them(allowed):
    with pytest.raises(PermissionDenied) as caught:
        allowed.choose("systemctl restart nginx", VIEWER, [machine("i-1")])
    assert "for the role operator" in caught.value.details
    assert [entry.text for entry in allowed.of(VIEWER)] == [
        entry.get("script", entry.get("template")) for entry in SCRIPTS if "roles" not in entry
    ]


def test_the_error_names_instances_of_a_wrong_platform(allowed):
    mixed = [machine("i-1", "web"), machine("i-2", "win-1", platform="windows")]
    with pytest.raises(ValidationFailed, match="is for linux only") as caught:
        allowed.choose("ps aux | sort -k3 | head -5", ALICE, mixed)
    assert caught.value.details.startswith("win-1 is windows;")


def test_the_entry_for_the_platform_is_used():
    both = AllowList(
        [
            ScriptEntry(script="hostname", platforms=["windows"]),
            ScriptEntry(script="hostname", platforms=["linux"], read_only=True),
        ]
    )
    assert both.choose("hostname", ALICE, [machine("i-1")]).effect is Effect.READ
    windows = machine("i-2", platform="windows")
    assert both.choose("hostname", ALICE, [windows]).effect is Effect.CHANGE
    with pytest.raises(ValidationFailed):
        both.choose("hostname", ALICE, [machine("i-1"), windows])


def test_read_only_of_an_entry_for_other_roles_does_not_apply():
    two = AllowList(
        [
            ScriptEntry(script="sync", roles=["admin"], read_only=True),
            ScriptEntry(script="sync"),
        ]
    )
    assert two.choose("sync", ALICE, [machine("i-1")]).effect is Effect.CHANGE


def test_an_empty_allow_list_allows_nothing():
    with pytest.raises(PermissionDenied):
        AllowList([]).choose("true", ALICE, [machine("i-1")])


@pytest.mark.parametrize("script", ["x" * 5000, "rm\n\x1b[2J\x00", "\ud83d" * 3, "a|b" * 200])
def test_the_error_shows_an_excerpt_of_the_script(allowed, script):
    with pytest.raises(PermissionDenied) as caught:
        allowed.choose(script, ALICE, [])
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 130
