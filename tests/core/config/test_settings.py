"""The core's sections: valid values, and the error for each mistake."""

from datetime import timedelta

import pytest

FULL = """
server:
  host: 0.0.0.0
  port: 8080
  base_path: /prod/
  max_body: 1MB
  max_depth: 16
  body_timeout: 2s
  shutdown_timeout: 1m30s
  wait: 500ms
store:
  url: sqlite:///data/smartops.db
  retention: 365d
auth:
  issuers:
    - name: local
      kind: local
      key: keys/local.pem
      lifetime: 12h
    - name: corp
      kind: oidc
      issuer: https://login.example.com/T/v2.0
      audience: [api://smartops, 0123]
      metadata: https://login.example.com/T/.well-known/openid-configuration
      claims: {tid: 42}
      subject: oid
      tenant: tid
people:
  alice:
    roles: [operator]
    identities: ["local:alice", "corp:T:29:x", "chat::a:b"]
guests:
  - {provider: local, roles: [viewer]}
roles:
  viewer:
  operator: {includes: [viewer]}
rules:
  - name: read
    allow: {roles: viewer, effects: read}
  - name: no-databases
    deny: {commands: [stop, reboot], tags: {Role: database, Protected: [true, yes]}}
limits:
  url: valkey://cache.internal:6379/0
  user: {limit: 5, window: 30s}
confirmation: {expires: 5m}
log: {level: debug, format: json}
plugins:
  api:
"""


def test_a_full_file_is_read(document, tmp_path):
    settings = document(FULL).settings()
    server = settings.server
    assert (server.host, server.port, server.base_path) == ("0.0.0.0", 8080, "/prod")
    assert (server.max_body, server.max_depth) == (1_000_000, 16)
    assert server.shutdown_timeout == timedelta(seconds=90)
    assert server.wait == timedelta(milliseconds=500)
    assert settings.store.url.reveal() == f"sqlite:///{tmp_path}/data/smartops.db"
    assert settings.store.retention == timedelta(days=365)
    local, corp = settings.auth.issuers
    assert (local.kind, local.key) == ("local", tmp_path / "keys/local.pem")
    assert (local.issuer, local.audience) == ("https://smartops.local", "smartops")
    assert corp.kind == "oidc"
    assert corp.issuer == ("https://login.example.com/T/v2.0",)
    assert corp.audience == ("api://smartops", "0123")
    assert corp.claims == {"tid": "42"}
    assert settings.people["alice"].identities == ("local:alice", "corp:T:29:x", "chat::a:b")
    assert settings.roles["operator"].includes == ("viewer",)
    read, databases = settings.rules
    assert read.allow is not None
    assert (read.allow.roles, read.allow.effects) == (("viewer",), ("read",))
    assert databases.deny is not None
    assert databases.deny.tags == {"Role": ("database",), "Protected": ("true", "yes")}
    assert settings.limits.user.limit == 5
    assert settings.limits.team.limit == 100
    assert settings.limits.url.reveal() == "valkey://cache.internal:6379/0"
    assert settings.confirmation.expires == timedelta(minutes=5)


def test_paths_are_relative_to_the_file_by_default_too(document, tmp_path):
    settings = document("auth: {issuers: [{name: local, kind: local}]}").settings()
    assert settings.store.url.reveal() == f"sqlite:///{tmp_path}/smartops.db"
    (issuer,) = settings.auth.issuers
    assert issuer.kind == "local"
    assert issuer.key == tmp_path / ".smartops/local.pem"


def test_absolute_paths_and_servers_are_unchanged(document):
    made = document("store: {url: sqlite:////var/lib/s.db}")
    assert made.settings().store.url.reveal() == "sqlite:////var/lib/s.db"
    made = document("store: {url: 'postgresql://ops@db/smartops'}")
    assert made.settings().store.url.reveal() == "postgresql+psycopg://ops@db/smartops"


def test_five_mistakes_are_five_lines_in_file_order(problems):
    text = """
    server:
      port: high
    store:
      url: mysql://db
    auth:
      isuers: []
    people:
      alice: {roles: [oprator]}
    roles:
      operator:
    log:
      level: verbose
    """
    assert problems(text) == [
        "smartops.yaml:3:3: server.port: must be a whole number",
        "smartops.yaml:5:3: store.url: must be sqlite:///FILE or "
        "postgresql+psycopg://USER@HOST/DATABASE",
        "smartops.yaml:7:3: auth.isuers: unknown key; did you mean issuers?",
        "smartops.yaml:9:19: people.alice.roles.0: there is no role oprator; "
        "did you mean operator?",
        "smartops.yaml:13:3: log.level: must be debug, info, warning or error",
    ]


ONE = "{name: n, kind: oidc, issuer: i, audience: a, metadata: 'https://m'}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        # unknown keys
        ("sever: {}", "1:1: sever: unknown key; did you mean server?"),
        ("log: {x: 1}", "1:7: log.x: unknown key; the keys here are level, format"),
        # the wrong kind of value
        ("server: 1", "1:1: server: must be a section of keys and values"),
        ("server: {port: }", "1:10: server.port: has no value"),
        ("server: {port: 1.5}", "1:10: server.port: must be a whole number"),
        ("rules: {}", "1:1: rules: must be a list"),
        ("guests:", "1:1: guests: has no value"),
        ("people: [a]", "1:1: people: must be a mapping of keys to values"),
        ("plugins: [api]", "1:1: plugins: must be a mapping of plugin names to their settings"),
        ("plugins: api", "1:1: plugins: must be a mapping of plugin names to their settings"),
        # bounds
        ("server: {port: 70000}", "1:10: server.port: must be at most 65535"),
        ("server: {port: 99999999999999999999}", "1:10: server.port: must be at most 65535"),
        ("server: {host: ''}", "1:10: server.host: must not be empty"),
        ("server: {base_path: prod}", "1:10: server.base_path: must be a path such as /prod, or"),
        ("server: {max_body: 10 parsecs}", "1:10: server.max_body: must be a number of bytes"),
        ("server: {max_body: 1B}", "1:10: server.max_body: must be at least 1024"),
        ("server: {wait: 0s}", "1:10: server.wait: must be more than 0s"),
        ("server: {wait: 10}", "1:10: server.wait: a duration needs a unit, such as 30s"),
        ("limits: {user: {limit: 0, window: 1m}}", "1:17: limits.user.limit: must be at least 1"),
        ("limits: {user: {limit: 1}}", "1:10: limits.user.window: is missing"),
        ("limits: {url: http://x}", "1:10: limits.url: must be memory, or a URL such as redis://"),
        ("store: {url: 'sqlite://'}", "1:9: store.url: must be sqlite:///FILE or postgresql"),
        ("store: {url: 'sqlite:///:memory:'}", "1:9: store.url: must name a file, because the"),
        # booleans and words
        ("auth: {anonymous: yes}", "1:8: auth.anonymous: must be true or false, not yes"),
        ("log: {level: warn}", "1:7: log.level: must be debug, info, warning or error; did you "),
        # issuers
        ("auth: {issuers: [{name: a}]}", "1:18: auth.issuers.0.kind: is missing"),
        (
            "auth: {issuers: [{name: a, kind: oicd}]}",
            "1:28: auth.issuers.0.kind: must be local or oidc; did you mean oidc?",
        ),
        (
            "auth: {issuers: [{name: 'a b', kind: local}]}",
            "1:19: auth.issuers.0.name: must be one word of letters, digits, - and _, beginning",
        ),
        (
            "auth: {issuers: [{name: console, kind: local}]}",
            "1:25: auth.issuers.0.name: the name console belongs to SmartOps itself; choose",
        ),
        (
            "auth: {issuers: [{name: a, kind: local}, {name: a, kind: local}]}",
            "1:49: auth.issuers.1.name: an issuer a is given twice; first in line 1",
        ),
        (
            f"auth: {{issuers: [{ONE.replace('https', 'http')}]}}",
            "1:64: auth.issuers.0.metadata: must be an https:// URL; plain http only for a loop",
        ),
        (
            f"auth: {{issuers: [{ONE.replace('audience: a', 'audience: []')}]}}",
            "1:51: auth.issuers.0.audience: must not be empty",
        ),
        (
            f"auth: {{issuers: [{ONE.replace('audience: a, ', '')}]}}",
            "1:18: auth.issuers.0.audience: is missing",
        ),
        (
            f"auth: {{issuers: [{ONE}]}}\nguests: [{{provider: m, roles: []}}, {{provider: nn}}]",
            "2:47: guests.1.provider: there is no issuer nn; did you mean n?",
        ),
        (
            "server: {host: 0.0.0.0}\nauth: {anonymous: true}",
            "2:8: auth.anonymous: may only be true while server.host is a loopback address",
        ),
        (
            f"auth: {{issuers: [{ONE[:-1]}, roles: {{claim: g, values: {{x: b}}}}}}]}}",
            "1:117: auth.issuers.0.roles.values.x: there is no role b; name it under roles:",
        ),
        # people and roles
        ("people: {a b: {}}", "1:10: people.a b: a person's name must be one word without colons"),
        (
            "people: {a: {identities: [alice]}}",
            "1:27: people.a.identities.0: must be provider:id or provider:tenant:id, such as",
        ),
        ("people: {a: {identities: ['x:']}}", "1:27: people.a.identities.0: must be provider:id"),
        ("people: {a: {identities: ['x:t:']}}", "1:27: people.a.identities.0: must be provider"),
        (
            "people:\n  a: {identities: ['x:1']}\n  b: {identities: ['x:1']}",
            "3:20: people.b.identities.0: the identity x:1 is given twice; first in line 2",
        ),
        ("people: {a: {roles: [b]}}", "1:22: people.a.roles.0: there is no role b; name it under"),
        ("guests: [{provider: x, roles: [b]}]", "1:32: guests.0.roles.0: there is no role b"),
        ("roles: {a: {includes: [b]}}", "1:24: roles.a.includes.0: there is no role b"),
        (
            "roles:\n  a: {includes: [b]}\n  b: {includes: [c]}\n  c: {includes: [a]}",
            "2:7: roles.a.includes: a role contains itself: a → b → c → a",
        ),
        (
            "guests: [{provider: x}, {provider: x}]",
            "1:36: guests.1.provider: the provider x is given twice; first in line 1",
        ),
        # rules
        ("rules: [{name: a}]", "1:9: rules.0: needs either allow or deny, and only one of them"),
        (
            "rules: [{name: a, allow: {channels: a}, deny: {channels: b}}]",
            "1:9: rules.0: needs either allow or deny, and only one of them",
        ),
        ("rules: [{name: a, allow: {}}]", "1:19: rules.0.allow: needs at least one condition"),
        ("rules: [{name: a, allow: {roles: []}}]", "1:27: rules.0.allow.roles: must not be empty"),
        ("rules: [{name: a, allow: {roles: }}]", "1:27: rules.0.allow.roles: has no value"),
        ("rules: [{name: a, deny: {tags: {}}}]", "1:26: rules.0.deny.tags: must not be empty"),
        ("rules: [{name: a, deny: {tags: {R: []}}}]", "1:33: rules.0.deny.tags.R: must not be"),
        ("rules: [{name: a, deny: {tags: }}]", "1:26: rules.0.deny.tags: must not be empty"),
        (
            "rules: [{name: a, deny: {effects: [raed]}}]",
            "1:36: rules.0.deny.effects.0: must be read, change or dangerous; did you mean read?",
        ),
        (
            "rules: [{name: a, deny: {people: bob}}]",
            "1:34: rules.0.deny.people: there is no person called bob under people",
        ),
        (
            "rules: [{name: a, alow: {roles: x}}]",
            "1:19: rules.0.alow: unknown key; did you mean allow?",
        ),
        (
            "rules:\n- {name: a, deny: {channels: x}}\n- {name: a, deny: {channels: x}}",
            "3:10: rules.1.name: a rule a is given twice; first in line 2",
        ),
    ],
)
def test_each_mistake_is_one_line(problems, text, problem):
    found = problems(text)
    assert len(found) == 1, found
    assert found[0].startswith(f"smartops.yaml:{problem}")


def test_a_chain_of_roles_that_leads_into_a_cycle_is_not_one(problems):
    text = "roles:\n  a: {includes: [b]}\n  b: {includes: [c]}\n  c: {includes: [b]}"
    assert problems(text) == [
        "smartops.yaml:3:7: roles.b.includes: a role contains itself: b → c → b"
    ]


def test_anonymous_is_for_loopback(document):
    made = document("server: {host: '::1'}\nauth: {anonymous: true}")
    assert made.settings().auth.anonymous is True


def test_plain_http_metadata_is_for_loopback(document):
    text = f"auth: {{issuers: [{ONE.replace('https://m', 'http://127.0.0.1:1/m')}]}}"
    assert document(text).settings().auth.issuers[0].kind == "oidc"


def test_guests_may_be_of_a_channel(document):
    made = document("guests: [{provider: console}, {provider: teams}]\nplugins: {teams: }")
    assert [guest.provider for guest in made.settings().guests] == ["console", "teams"]


def test_the_command_line_overrides(document):
    made = document("server:\n  port: 1\n", overrides={"server.port": 2, "log.level": "debug"})
    assert (made.settings().server.port, made.settings().log.level) == (2, "debug")


def test_a_mistake_on_the_command_line_is_named_as_such(problems):
    found = problems("log: {level: x}", overrides={"server.port": 70000})
    assert found == [
        "command line: server.port: must be at most 65535",
        "smartops.yaml:1:7: log.level: must be debug, info, warning or error",
    ]


def test_an_override_makes_an_exposed_anonymous_server_a_problem(problems):
    found = problems("auth: {anonymous: true}", overrides={"server.host": "0.0.0.0"})
    assert [line.partition(": ")[2][:30] for line in found] == ["auth.anonymous: may only be tr"]


def test_a_home_folder_is_expanded(document, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", "/home/ops")
    made = document("store: {url: 'sqlite:///~/s.db'}")
    assert made.settings().store.url.reveal() == "sqlite:////home/ops/s.db"
    made = document("auth: {issuers: [{name: a, kind: local, key: ~nobody-at-all/k}]}")
    (issuer,) = made.settings().auth.issuers
    assert issuer.kind == "local"
    assert issuer.key == tmp_path / "~nobody-at-all/k"
