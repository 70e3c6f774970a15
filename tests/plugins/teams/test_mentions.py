"""The typed text without the mention of the bot."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smartops_teams.mentions import typed_text
from teams_activities import BOT, MENTION, activity

ALICE = {"id": "29:1alice", "name": "Alice"}


def mention(text: str | None = None, **mentioned: Any) -> dict[str, Any]:
    entity: dict[str, Any] = {"type": "mention", "mentioned": {**BOT, **mentioned}}
    return entity if text is None else {**entity, "text": text}


@pytest.mark.parametrize(
    ("text", "entities", "left"),
    [
        pytest.param("<at>SmartOps</at> list", [MENTION], "list", id="at the beginning"),
        pytest.param("list <at>SmartOps</at>", [MENTION], "list", id="at the end"),
        pytest.param("list <at>SmartOps</at> all", [MENTION], "list all", id="in the middle"),
        pytest.param("list<at>SmartOps</at>all", [MENTION], "list all", id="without blanks"),
        pytest.param("<at>SmartOps</at>\n list", [MENTION], "list", id="before a line end"),
        pytest.param("<at>SmartOps</at>", [MENTION], "", id="alone"),
        pytest.param("<at>SmartOps</at>: list", [MENTION], "list", id="with a colon"),
        pytest.param("<at>SmartOps</at> , list", [MENTION], "list", id="with a comma"),
        pytest.param("hey <at>SmartOps</at>, list", [MENTION], "hey , list", id="not first"),
        pytest.param("<at>SmartOps</at> **list all**", [MENTION], "list all", id="strong"),
        pytest.param("<at>SmartOps</at>: _stop a_b_", [MENTION], "stop a_b", id="emphasis"),
        pytest.param("*-web-*", [], "*-web-*", id="a pattern is no emphasis"),
        pytest.param(
            "<at>SmartOps</at> <at>SmartOps</at> list", [MENTION, MENTION], "list", id="twice"
        ),
        pytest.param(
            "<at>SmartOps</at> say <at>SmartOps</at>",
            [MENTION],
            "say <at>SmartOps</at>",
            id="once, and the same text typed",
        ),
        pytest.param(
            "<at>Bot (*.+?)[x]$</at> list",
            [mention("<at>Bot (*.+?)[x]$</at>", name="Bot (*.+?)[x]$")],
            "list",
            id="name of a pattern's characters",
        ),
        pytest.param(
            "<at>Bot \\1 \\g<0></at> list",
            [mention("<at>Bot \\1 \\g<0></at>", name="Bot \\1 \\g<0>")],
            "list",
            id="name of a replacement's characters",
        ),
        pytest.param(
            '<at id="0">SmartOps</at> list', [MENTION], "list", id="attributes in the text only"
        ),
        pytest.param(
            '<at id="0">SmartOps</at> list',
            [mention('<at id="0">SmartOps</at>')],
            "list",
            id="attributes in both",
        ),
        pytest.param(
            "<at>SmartOps</at> list",
            [mention('<at id="0">SmartOps</at>', name="")],
            "list",
            id="attributes in the entity only",
        ),
        pytest.param("<at>SmartOps</at> list", [mention()], "list", id="entity without text"),
        pytest.param(
            "<at>SmartOps</at> list",
            [mention("<at>SmartOps</at>", name=None)],
            "list",
            id="no name",
        ),
        pytest.param(
            "<at>SmartOps</at> list",
            [mention(name=None)],
            "<at>SmartOps</at> list",
            id="neither text nor name",
        ),
        pytest.param("list all", [MENTION], "list all", id="entity without a tag in the text"),
        pytest.param(
            "<at>SmartOps</at> list",
            [],
            "<at>SmartOps</at> list",
            id="tag without an entity is only text",
        ),
        pytest.param(
            "<at>SmartOps</at> tell <at>Alice</at>",
            [MENTION, {"type": "mention", "mentioned": ALICE, "text": "<at>Alice</at>"}],
            "tell <at>Alice</at>",
            id="another's mention stays",
        ),
        pytest.param(
            "<at>SmartOps</at> list",
            [{"type": "mention", "mentioned": {**BOT, "id": "28:else"}, "text": MENTION["text"]}],
            "<at>SmartOps</at> list",
            id="another bot of our name",
        ),
        pytest.param(
            "<at>SmartOps</at> list",
            [{"type": "clientInfo"}, None, "mention", 3, {"type": "mention"}, MENTION],
            "list",
            id="other entities",
        ),
        pytest.param("list", {"type": "mention"}, "list", id="entities that are no list"),
    ],
)
def test_the_mention_of_the_bot_is_removed(text: str, entities: Any, left: str) -> None:
    assert typed_text(activity(text=text, entities=entities)) == left


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("\u00a0list&nbsp;instances\u00a0", "list instances"),
        ("list&#160;instances", "list instances"),
        ("stop i-0\u200babc\ufeff", "stop i-0abc"),
        ("list\r\ninstances", "list\ninstances"),
        ('execute "a  b" on web', 'execute "a  b" on web'),
        ("execute “df —h” on web", "execute “df —h” on web"),
        ("a &amp; b &lt;c&gt;", "a &amp; b &lt;c&gt;"),
    ],
)
def test_invisible_characters_are_removed(text: str, left: str) -> None:
    assert typed_text(activity(text=text)) == left


def test_nothing_is_removed_without_a_recipient() -> None:
    sent = activity(text="<at>SmartOps</at> list", entities=[MENTION], recipient=None)
    assert typed_text(sent) == "<at>SmartOps</at> list"


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(name=st.text(min_size=1), words=st.lists(st.from_regex(r"[a-z]{1,8}", fullmatch=True)))
def test_any_name_is_removed_and_nothing_else(name: str, words: list[str]) -> None:
    tag = f"<at>{name}</at>"
    sent = activity(text=" ".join([tag, *words]), entities=[mention(tag, name=name)])
    assert typed_text(sent) == " ".join(words)
