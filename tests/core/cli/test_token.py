"""``smartops token``."""

import io
import json
import sqlite3
import time
from contextlib import closing

import jwt
import pytest


def claims(token: str) -> dict:
    return jwt.decode(token, options={"verify_signature": False})


def test_only_the_token_is_printed(spawn, config):
    done = spawn("token", "--user", "alice")
    assert done.status == 0
    assert done.err == ""
    assert done.out.count("\n") == 1
    found = claims(done.out.strip())
    assert (found["iss"], found["aud"], found["sub"]) == (
        "https://smartops.local",
        "smartops",
        "alice",
    )
    assert "scope" not in found
    assert found["exp"] - found["iat"] == 30 * 86400


def test_the_claims_of_a_token_can_be_set(run, config):
    done = run("token", "--user", "ci", "--team", "core", "--act-for-others", "--lifetime", "1h30m")
    found = claims(done.out.strip())
    assert (found["sub"], found["team"], found["scope"]) == ("ci", "core", "act")
    assert found["exp"] - found["iat"] == 5400


def test_a_token_for_a_user_without_roles_is_noted(run, config):
    done = run("token", "--user", "zoe")
    assert done.status == 0
    assert done.err == "smartops token: local:zoe has no roles yet; add it under people:\n"


def test_a_token_needs_a_local_issuer(run, folder):
    (folder / "smartops.yaml").write_text("auth: {}")
    assert run("token", "--user", "a").errors == [
        "smartops token: the configuration has no local issuer; "
        "add {name: local, kind: local} to auth.issuers"
    ]


def test_the_issuer_option_selects_among_several(run, folder):
    (folder / "smartops.yaml").write_text(
        "auth: {issuers: [{name: a, kind: local, key: a.pem}, "
        "{name: b, kind: local, key: b.pem, issuer: 'https://b'}]}"
    )
    assert run("token", "--user", "u").errors == [
        "smartops token: there are several local issuers; choose --issuer a or b"
    ]
    assert claims(run("token", "--user", "u", "--issuer", "b").out.strip())["iss"] == "https://b"


def test_keys_are_added_and_dropped(run, config):
    kids = [jwt.get_unverified_header(run("token", "--user", "alice").out.strip())["kid"]]
    done = run("token", "--new-key")
    assert (done.status, done.out) == (0, "")
    assert done.errors == [
        "smartops token: a new key signs from now on; older keys that stay valid: 1"
    ]
    kids += [jwt.get_unverified_header(run("token", "--user", "alice").out.strip())["kid"]]
    assert kids[0] != kids[1]
    assert run("token", "--drop-old-keys").errors == ["smartops token: older keys removed: 1"]
    kids += [jwt.get_unverified_header(run("token", "--user", "alice").out.strip())["kid"]]
    assert kids[1] == kids[2]
    assert (config.parent / "state" / "local.pem").read_text().count("BEGIN") == 1


@pytest.mark.parametrize("way", ["token", "id", "input"])
def test_a_token_is_revoked(run, config, monkeypatch, way):
    token = run("token", "--user", "alice").out.strip()
    jti = claims(token)["jti"]
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{token}\n"))
    done = run("token", "--revoke", {"token": token, "id": jti, "input": "-"}[way])
    assert (done.status, done.out) == (0, "")
    assert done.err == f"smartops token: revoked {jti}\n"
    assert jti in revoked(config)
    texts = [line["text"] for line in map(json.loads, run("audit", "export").out.splitlines())]
    assert texts[0].startswith(f"token {jti} made for local:alice, until 20")
    assert texts[1].startswith(f"token {jti} revoked until 20")
    assert run("audit", "verify").status == 1  # no server has made a checkpoint
    (config.parent / "smartops.yaml").write_text(
        config.read_text() + "audit: {key: state/audit.pem}\n"
    )
    run("say", "--user", "alice", "help")  # and a checkpoint at its end
    assert run("audit", "verify").out.endswith("unchanged\n")
    with closing(sqlite3.connect(config.parent / "state" / "store.db")) as database, database:
        database.execute("DELETE FROM revoked")
    assert f"the revocation of the token {jti} was removed" in run("audit", "verify").out


@pytest.mark.parametrize("part", ["abc", "x.y", "tok_", "claims", "signature", "start", "old id"])
def test_a_fragment_of_a_token_is_not_revoked(run, config, part):
    token = run("token", "--user", "alice").out.strip()
    _, payload, signature = token.split(".")
    parts = {"claims": payload, "signature": signature, "start": token[:40]}
    done = run("token", "--revoke", parts.get(part, part))
    assert (done.status, done.out) == (2, "")
    assert done.errors == [
        "smartops token: not revoked: this is neither a whole token nor the id of one (tok_…)"
    ]
    assert revoked(config) == set()


def test_a_token_of_another_issuer_is_not_revoked(run, config, tmp_path):
    foreign = tmp_path / "other.yaml"
    foreign.write_text(
        "auth: {issuers: [{name: local, kind: local, key: other.pem}]}\nplugins: {api: }\n"
    )
    token = run("token", "--config", str(foreign), "--user", "alice").out.strip()
    done = run("token", "--revoke", token)
    assert done.status == 2
    assert "was not issued here" in done.err
    assert revoked(config) == set()


def revoked(config):
    import anyio

    from smartops.services import Clock
    from smartops.store import Store

    async def ask() -> set[str]:
        store = await Store.open(f"sqlite:///{config.parent}/state/store.db", Clock())
        try:
            return await store.revoked()
        finally:
            await store.aclose()

    return anyio.run(ask)


def test_an_invalid_token_is_not_revoked(run, config):
    token = run("token", "--user", "alice").out.strip()
    header, payload, _ = token.split(".")
    done = run("token", "--revoke", f"{header}.{payload}.AAAA")
    assert done.status == 2
    assert done.errors == [
        "smartops token: not revoked: the token is expired or was not issued here"
    ]
    assert token not in done.err
    assert claims(token)["exp"] > time.time()
