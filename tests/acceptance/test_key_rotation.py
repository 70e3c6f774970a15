"""The local issuer's key is rotated while a server runs."""

from __future__ import annotations

from collections.abc import Callable

from serving import ROOT, Server, smartops


def test_a_new_key_is_accepted_without_a_restart_and_old_tokens_stay_valid(
    serve: Callable[[str], Server], demo_text: str
) -> None:
    server = serve(demo_text)
    old = server.token("user123")
    assert server.say(old, "whoami").status == 200

    done = smartops("token", "--config", str(server.config), "--new-key", cwd=ROOT)
    assert done.returncode == 0, done.stderr

    assert server.say(server.token("user123"), "whoami").status == 200
    assert server.say(old, "whoami").status == 200
