"""Typed text: tokens and escaping are undone once."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slack_payloads import BOT
from smartops.channels import without_residue
from smartops_slack.text import escaped, mentions, typed_text, unescaped


@pytest.mark.parametrize(
    ("sent", "typed"),
    [
        (f"<@{BOT}> list instances", "list instances"),
        (f"<@{BOT}|smartops> list instances", "list instances"),
        (f"  <@{BOT}>\u00a0list instances ", "list instances"),
        (f"please <@{BOT}> list instances", "please list instances"),
        (f"<@{BOT}> list <@{BOT}> instances", "list instances"),
        (f"<@{BOT}>", ""),
        (f"<@{BOT}>: list instances", "list instances"),
        (f"<@{BOT}> , list instances", "list instances"),
        (f"hey <@{BOT}>, list", "hey, list"),
        (f"<@{BOT}> *list instances*", "list instances"),
        (f"<@{BOT}>: _stop web_1_", "stop web_1"),
        ("*-web-*", "*-web-*"),
        ("list instances --name *web*", "list instances --name *web*"),
        ("<@U2> list", "@U2 list"),
        ("ask <@U2|bob> first", "ask @bob first"),
        ("<#C1|ops> <#C2> <#C3|>", "#ops #C2 #C3"),
        ("<!here> <!channel|channel> <!everyone>", "@here channel @everyone"),
        ("<!subteam^S1|@ops> <!subteam^S2>", "@ops @S2"),
        ("<!date^1392734382^{date}|18 February>", "18 February"),
        ("stop <http://web-1.example.com|web-1.example.com>", "stop web-1.example.com"),
        ("stop <http://Web-1.example.com/|web-1.example.com>", "stop web-1.example.com"),
        ("<https://example.com/a?b=1&amp;c=2>", "https://example.com/a?b=1&c=2"),
        ("<https://example.com/a|https://example.com/a>", "https://example.com/a"),
        ("<https://evil.example|harmless>", "https://evil.example"),
        ("tell <mailto:a@example.com|a@example.com>", "tell a@example.com"),
        ("<tel:+15551234|+15551234>", "+15551234"),
        ("run <|x> <|> <>", "run <|x> <|> <>"),
        ("a &lt;b&gt; &amp;&amp; c", "a <b> && c"),
        ("&amp;lt;", "&lt;"),
        ("&amp;amp;", "&amp;"),
        ("&lt;@U2&gt;", "<@U2>"),
        ("a < b", "a < b"),
        ("`list instances`", "list instances"),
        ("``` list instances ```", "list instances"),
        ("execute `df` on `web`", "execute `df` on `web`"),
        ("“df -h” — it\u2019s", "“df -h” — it\u2019s"),
        ("stop\u200b web\u2060-1\u00a0now", "stop web-1 now"),
        ("one\r\ntwo\u2028three", "one\ntwo\nthree"),
        ("<>", "<>"),
        ("", ""),
    ],
)
def test_tokens_escaping_and_residue_are_removed(sent: str, typed: str) -> None:
    assert typed_text(sent, BOT) == typed


def test_the_first_mention_is_removed_if_the_bots_id_is_unknown() -> None:
    assert typed_text("<@U1> stop <@U2>", mentioned=True) == "stop @U2"
    assert typed_text("<@U1> stop <@U2>") == "@U1 stop @U2"


def test_only_the_whole_id_is_a_mention() -> None:
    assert mentions(f"hey <@{BOT}>", BOT)
    assert mentions(f"hey <@{BOT}|smartops>", BOT)
    assert not mentions(f"hey <@{BOT}X>", BOT)
    assert not mentions(f"hey {BOT}", BOT)
    assert typed_text(f"<@{BOT}X> stop", BOT) == f"@{BOT}X stop"


texts = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Zl", "Zp"]), max_size=60)


@given(text=texts)
@settings(deadline=None, max_examples=50)
def test_escaping_can_be_undone(text: str) -> None:
    assert unescaped(escaped(text)) == text
    assert not set("<>") & set(escaped(text))


@given(text=texts)
@settings(deadline=None, max_examples=50)
def test_typed_text_cannot_become_a_token(text: str) -> None:
    plain = without_residue(f"say {text} x").strip()
    assert typed_text(f"<@{BOT}> {escaped(plain)}", BOT) == plain
