"""A reply that is too large for one card is sent as several, complete."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adaptive import loaded, rows, shown
from smartops import Action, Code, Fields, Issue, Issues, Reply, Severity, Table, Text
from smartops.channels import Form, FormField, compact_json
from smartops_teams import pages as split
from smartops_teams.cards import card as made_card
from smartops_teams.forms import filled_in
from smartops_teams.pages import pages

CONFIRM = Action("confirm", "Yes", "confirm_x")
CUT = ("too long for a card", "do not fit in a card", "does not fit in a card")


def card(reply: Reply) -> str:
    return compact_json(made_card(reply)).decode()


def cards(reply: Reply) -> list[dict[str, object]]:
    """Return the cards of a reply; each is valid, small enough, and not cut."""
    texts = [compact_json(each).decode() for each in split.cards(reply)]
    assert not any(cut in text for cut in CUT for text in texts)
    return [loaded(text) for text in texts]


def test_a_reply_that_fits_is_one_card() -> None:
    reply = Reply.of("Done.", Code("x\n" * 100), actions=[CONFIRM])
    assert split.cards(reply) == [made_card(reply)]


@pytest.mark.parametrize("name", ["サーバー", "<&>[]\\", "\u202e\x00", "👩\u200d💻"])
def test_a_long_table_of_any_names_is_complete(name: str) -> None:
    body = tuple((f"{name}-{n}", str(n)) for n in range(600))
    tables = [rows(each) for each in cards(Reply.of(Table(("Name", "Number"), body)))]
    assert [row[1] for table in tables for row in table[1:]] == [f"{n}" for n in range(600)]


def test_a_row_that_is_larger_than_a_card_is_replaced_by_a_note() -> None:
    names = tuple(f"column {n}" for n in range(100))
    reply = Reply.of("Wide.", Table(names, (("x" * 400,) * 100,)), "The end.", actions=[CONFIRM])
    texts = [text for page in pages(reply) for text in shown(loaded(card(page)))]
    assert "The rest of the answer does not fit in a card." in texts
    assert texts[0] == "Wide."
    assert "The end." in texts


def test_a_form_that_is_larger_than_a_card_is_a_question() -> None:
    fields = tuple(FormField(f"f{n}", "label " * 30) for n in range(150))
    (page,) = pages(Reply.of(Form("do it", "Which values?", fields)))
    assert shown(loaded(card(page))) == ["Which values?"]


def test_pages_are_numbered_and_the_last_has_the_buttons() -> None:
    made = cards(Reply.of("Output follows.", Code("x" * 70_000), "The end.", actions=[CONFIRM]))
    total = len(made)
    assert total == 3
    for number, each in enumerate(made, 1):
        assert f"Part {number} of {total}" in shown(each)
        assert ("actions" in each) == (number == total)
    assert shown(made[0])[0] == "Output follows."
    assert shown(made[-1])[-1] == "The end."


def test_findings_and_fields_are_complete() -> None:
    findings = [Issue(Severity.WARNING, f"web-{n}", "Busy", "d" * 500, "r" * 90) for n in range(99)]
    pairs = tuple((f"name {n}", "v" * 300) for n in range(200))
    made = cards(Reply.of(Issues(tuple(findings)), Fields(pairs)))
    texts = [text for each in made for text in shown(each)]
    assert sum(text.startswith("WARNING") for text in texts) == 99
    assert [text for text in texts if text.startswith("name ")] == [name for name, _ in pairs]


PIECES = st.sampled_from(
    ["word ", "\n", "  ", "\t", "{{x}}", "é", "\U0001f600", '"', "\\", "\x00", "\u2028", "y" * 3000]
)


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(PIECES, max_size=12), st.integers(1, 2000))
def test_any_output_is_complete(parts: list[str], times: int) -> None:
    text = ("".join(parts) * times)[:100_000] + "."
    made = pages(Reply.of(Code(text, title="out"), actions=[CONFIRM]))
    for page in made:
        loaded(card(page))
    blocks = [block.text for page in made for block in page.view if isinstance(block, Code)]
    lines = "\n".join(blocks)
    assert lines.replace("\n", "") == text.replace("\n", "")


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(PIECES, max_size=12), st.integers(1, 500))
def test_any_text_is_complete(parts: list[str], times: int) -> None:
    text = ("".join(parts) * times)[:100_000] + "."
    made = pages(Reply.of(text))
    for page in made:
        loaded(card(page))
    sent = [
        block.text
        for page in made
        for block in page.view
        if isinstance(block, Text) and not block.text.startswith("Part ")
    ]
    assert "".join(sent).replace("\n", "") == text.replace("\n", "")


# --- forms -----------------------------------------------------------------------------------

FORM = Form(
    "execute on web-1",
    "execute: which script?",
    (
        FormField("script", "script", "choice", ("df -h", "free -m")),
        FormField("timeout", "timeout", "text", required=False, hint="such as 30s"),
        FormField("count", "count", "number", value="3"),
        FormField("all", "all", "flag"),
    ),
)


def test_a_form_has_an_input_for_each_field() -> None:
    made = loaded(card(Reply.of(FORM)))
    question, choice, text, number, flag = made["body"]
    assert question["inlines"] == ["execute: which script?"]
    assert [item["value"] for item in choice["choices"]] == ["df -h", "free -m"]
    assert (choice["isRequired"], text.get("isRequired"), number["value"]) == (True, None, 3)
    assert text["placeholder"] == "such as 30s"
    assert (flag["type"], flag["value"]) == ("Input.Toggle", "false")
    (button,) = made["actions"]
    assert button["data"] == button["fallback"]["data"] == {"form": "execute on web-1"}


def test_the_values_of_a_form_are_read_from_any_client() -> None:
    data = {
        "form": "execute on web-1",
        "field:script": " df -h ",
        "field:timeout": "",
        "field:count": 3,
        "field:share": 0.5,
        "field:all": True,
        "field:odd": ["x"],
        "script": "free -m",
    }
    assert filled_in(json.loads(json.dumps(data))) == {
        "script": "df -h",
        "count": "3",
        "share": "0.5",
        "all": "true",
    }


@settings(deadline=None, max_examples=30)
@given(
    st.lists(
        st.builds(
            FormField,
            st.text(max_size=20),
            st.text(max_size=300),
            st.sampled_from(["text", "number", "choice", "flag"]),
            st.lists(st.text(max_size=20), max_size=4).map(tuple),
            st.booleans(),
            st.text(max_size=10) | st.integers().map(str) | st.floats().map(str),
            st.text(max_size=300),
        ),
        max_size=6,
    ),
    st.text(max_size=300),
)
def test_any_form_is_a_card(fields: list[FormField], title: str) -> None:
    loaded(card(Reply.of(Form("do it", title, tuple(fields)))))
