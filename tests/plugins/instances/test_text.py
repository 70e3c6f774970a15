from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

import smartops_instances
from smartops import Clock, Services
from smartops.grammar import Grammar
from smartops_instances.text import written

GRAMMAR = Grammar(
    list(
        smartops_instances.register_commands(
            smartops_instances.config_type()(), Services(Clock(), None, None)
        )
    )
)
WORDS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12
) | st.text("a'\"\\ ,=-b", min_size=1, max_size=8)


@given(
    st.lists(WORDS, max_size=3),
    st.lists(WORDS, max_size=2),
    st.lists(st.sampled_from(["running", "stopped"]), max_size=2),
    WORDS,
)
@settings(deadline=None)
def test_the_text_of_a_command_parses_to_its_arguments(names, tags, states, page):
    meant = {"state": states, "tag": tags, "name": names, "platform": None, "page": page}
    parsed = GRAMMAR.parse(written("list instances", meant), lambda command: True)
    assert parsed.command.name == "list instances"
    for name, value in meant.items():
        found = parsed.arguments.get(name)
        assert (list(found) if isinstance(found, tuple) else found) == (value or None)
