"""Replies as messages within Slack's limits, with nothing left out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slack_payloads import ALICE, buttons, check_message, check_view, texts
from smartops import (
    Action,
    Cell,
    Code,
    Fields,
    Issue,
    Issues,
    Reply,
    Severity,
    Table,
    Text,
)
from smartops.channels import Form, FormField, json_size
from smartops_slack.address import Address
from smartops_slack.forms import dialog
from smartops_slack.rendering import MOST_MESSAGES, Rendered, beside_form, render
from smartops_slack.richtext import chunks

EVERYTHING = Reply.of(
    Text("Instances", style="title"),
    "Two <!channel> & *bold* `code` <@U1>",
    Text("It is well.", severity=Severity.GOOD),
    Text("since yesterday", style="note"),
    Fields((("Name", "web-1"), ("State", ""))),
    Table(("Name", "State"), (("web-1", Cell("running", Severity.GOOD)), ("db-1", "stopped"))),
    Code("$ df -h\n```\n<b>\t&amp;", title="Output"),
    Issues((Issue(Severity.CRITICAL, "db-1", "High CPU", "95 %", "scale"),)),
    actions=(
        Action("confirm", "Yes, proceed", "confirm_a"),
        Action("cancel", "Cancel", "cancel_a"),
        Action("command", "Next", "list instances --page 2"),
    ),
)


def checked(reply: Reply, **more: str) -> Rendered:
    made = render(reply, **more)
    for part in made.bodies:
        check_message(part.members())
    assert len(made.bodies) <= MOST_MESSAGES + 1
    return made


def text_of(made: Rendered) -> str:
    return "\n".join(texts(part.blocks) for part in made.bodies)


def test_a_reply_of_everything_is_one_message() -> None:
    made = checked(EVERYTHING)
    (part,) = made.bodies
    text = text_of(made)
    for expected in (
        "Instances",
        "Two <!channel> & *bold* `code` <@U1>",
        "It is well.",
        "since yesterday",
        "Name: web-1\nState: -",
        "NAME   STATE\nweb-1  🟢 running\ndb-1   stopped",
        "$ df -h\n```\n<b>\t&amp;",
        "CRITICAL  db-1: High CPU\n95 %\nscale",
    ):
        assert expected in text
    assert [item["value"] for item in buttons(part.members())] == [
        "confirm_a",
        "cancel_a",
        "list instances --page 2",
    ]
    assert made.files == ()


def test_nothing_is_parsed_as_markup() -> None:
    """Only rich text, headers and plain text: no mrkdwn anywhere, and an escaped fallback."""
    (part,) = checked(EVERYTHING).bodies
    assert '"mrkdwn"' not in json.dumps(part.blocks)
    assert "Two &lt;!channel&gt; &amp; *bold*" in part.text
    assert "<" not in part.text


def test_an_empty_reply_has_a_text() -> None:
    assert text_of(checked(Reply())) == "SmartOps answered."
    assert text_of(checked(Reply.of(Text(" \n "), Table((), ()), Fields(()), Issues(()))))


def test_a_slash_command_is_repeated_first() -> None:
    (part,) = checked(EVERYTHING, asker=ALICE, asked="/smartops list `x`").bodies
    first = part.blocks[0]["elements"][0]["elements"]
    assert first[0] == {"type": "user", "user_id": ALICE}
    assert first[2] == {"type": "text", "text": "/smartops list `x`", "style": {"code": True}}


def test_a_long_output_is_a_file() -> None:
    output = "\n".join(f"line {number}: {'x' * 60}" for number in range(10_000))
    made = checked(Reply.of(Code(output, title="Output of df")))
    (file,) = made.files
    assert file.content.decode() == output
    assert file.name == "output-of-df.txt"
    text = text_of(made)
    assert "line 0: " in text
    assert "line 9999: " in text
    assert "10,000 lines: all of it is in the file output-of-df.txt" in text
    assert len(made.bodies) == 1


def test_a_long_table_is_a_file() -> None:
    rows = tuple(
        (f"i-{number:017x}", f"web-server-{number:03}", Cell("running", Severity.GOOD), "10.0.1.45")
        for number in range(500)
    )
    made = checked(Reply.of(Table(("Id", "Name", "State", "Address"), rows)))
    (file,) = made.files
    assert all(f"web-server-{number:03}" in file.content.decode() for number in range(500))
    assert "All 500 rows are in the file table.txt." in text_of(made)


def test_every_message_of_a_long_table_has_the_header() -> None:
    rows = tuple((f"web-server-{number:03}", "running " * 2) for number in range(500))
    made = checked(Reply.of(Table(("Name", "State"), rows)))
    assert made.files == ()
    assert len(made.bodies) > 1
    text = text_of(made)
    assert all(f"web-server-{number:03}" in text for number in range(500))
    assert text.count("NAME") == len(made.bodies)


def test_a_wide_table_is_a_list() -> None:
    table = Table(
        ("Name", "ID", "State", "IP", "CPU %", "MEM %"),
        (
            ("web-1", "i-0abc", Cell("running", Severity.GOOD), "10.0.1.45", "47.9", "61.0"),
            ("db-1", "i-0def", Cell("stopped", Severity.INFO), "", "–", "–"),  # noqa: RUF001
        ),
        (("Name", "ID", "IP"), ("CPU %", "MEM %")),
    )
    made = checked(Reply.of(table))
    header, points = made.bodies[0].blocks
    assert header["elements"][0]["text"] == "Name\u00a0· State\u00a0· ID\u00a0· IP"
    (listed,) = points["elements"]
    assert (listed["type"], listed["style"]) == ("rich_text_list", "bullet")
    texts = ["".join(item["text"] for item in point["elements"]) for point in listed["elements"]]
    assert [text.replace("\u00a0", " ") for text in texts] == [
        "web-1 · 🟢 running · CPU 47.9% · MEM 61.0%\ni-0abc · 10.0.1.45",
        "db-1 · 🔵 stopped · CPU – · MEM –\ni-0def",  # noqa: RUF001
    ]
    assert listed["elements"][0]["elements"][0]["style"] == {"bold": True}


@pytest.mark.parametrize("size", [30, 3000])
def test_a_long_list_of_rows_is_complete_or_in_a_file(size: int) -> None:
    rows = tuple((f"web-server-{number:03}", "running " * 5) for number in range(size))
    made = checked(Reply.of(Table(("Name", "State"), rows)))
    text = "".join([text_of(made), *(file.content.decode() for file in made.files)])
    assert bool(made.files) == (size == 3000)
    assert all(f"web-server-{number:03}" in text for number in range(size))


def test_a_long_cell_is_complete_in_a_file() -> None:
    made = checked(Reply.of(Table(("Name", "Note"), (("web-1", "n" * 5000),))))
    assert "n" * 5000 in made.files[0].content.decode()
    assert "…" in text_of(made)


def test_the_beginning_and_end_of_a_file_are_in_the_message() -> None:
    few = "\n".join(f"line {number}" for number in range(200))
    assert checked(Reply.of(Code(few))).files == ()
    many = "\n".join(f"line {number}" for number in range(300))
    made = checked(Reply.of(Code(many)))
    assert made.files[0].content.decode() == many
    seen = text_of(made).split("\n")
    assert "line 0" in seen
    assert "line 299" in seen
    assert sum(line.startswith("line ") for line in seen) == 60
    assert any(line.startswith("300 lines: all of it is in the file") for line in seen)


def test_files_have_unique_names() -> None:
    long = "x\n" * 20_000
    made = checked(Reply.of(Code(long, title="../../etc/passwd"), Code(long), Code(long)))
    assert [file.name for file in made.files] == ["etc-passwd.txt", "output.txt", "output-2.txt"]


def test_a_reply_of_too_many_messages_is_a_file_and_keeps_its_buttons() -> None:
    issues = tuple(Issue(Severity.WARNING, f"web-{n}", "slow", "d" * 300) for n in range(1000))
    actions = (Action("confirm", "Yes", "confirm_a"),)
    made = checked(Reply.of(Issues(issues), actions=actions))
    assert "web-999" in made.files[0].content.decode()
    assert "The whole answer is in the file answer.txt." in text_of(made)
    assert buttons(made.bodies[made.deciding].members())
    assert made.deciding == len(made.bodies) - 1


def test_a_command_too_long_for_a_button_is_text() -> None:
    long = "execute " + "x" * 3000
    made = checked(Reply.of("?", actions=[Action("command", "Again", long)]))
    assert long in text_of(made).replace("\n", "")
    assert not buttons(made.bodies[0].members())


def test_a_button_of_a_dangerous_command_has_the_danger_style() -> None:
    made = checked(Reply.of("?", actions=[Action("confirm", "Yes", "confirm_a", danger=True)]))
    assert [item["style"] for item in buttons(made.bodies[0].members())] == ["danger"]


def test_many_buttons_are_several_rows() -> None:
    many = [Action("command", f"Page {n}", f"list --page {n}") for n in range(60)]
    made = checked(Reply.of("?", actions=many))
    assert sum(len(buttons(part.members())) for part in made.bodies) == 60


FIELDS = (
    FormField("target", "target", hint="a name"),
    FormField("count", "count", "number", value="5"),
    FormField("state", "state", "choice", ("running", "stopped"), value="stopped"),
    FormField("force", "force", "flag", required=False),
)


def test_a_form_in_a_message() -> None:
    cancel = Action("cancel", "Cancel", "cancel_a")
    made = checked(Reply.of(Form("stop", "Stop what?", FIELDS), actions=[cancel]))
    (part,) = made.bodies
    inputs = [block for block in part.blocks if block["type"] == "input"]
    assert [block["block_id"] for block in inputs] == [
        "smartops.field.target",
        "smartops.field.count",
        "smartops.field.state",
        "smartops.field.force",
    ]
    kinds = [block["element"]["type"] for block in inputs]
    assert kinds == ["plain_text_input", "plain_text_input", "static_select", "static_select"]
    assert inputs[2]["element"]["initial_option"]["value"] == "stopped"
    assert [block["optional"] for block in inputs] == [False, False, False, True]
    assert [block["type"] for block in part.blocks].count("actions") == 1  # a row of both
    button, other = buttons(part.members())
    assert (button["value"], other["value"]) == ("stop", "cancel_a")
    assert button["action_id"] == "smartops.form.0"
    assert "Stop what?" in text_of(made)


def test_a_form_as_a_dialog() -> None:
    address = Address("C1", ALICE, "1.2", response_url="https://hooks.slack.com/x")
    form = Form("stop", "Stop what?", FIELDS)
    view = dialog(form, address, beside_form(Reply.of("Careful.", form)))
    assert view is not None
    check_view(view)
    assert json.loads(view["private_metadata"])["command"] == "stop"
    assert "Careful." in texts(view["blocks"])
    assert [block["element"]["type"] for block in view["blocks"] if block["type"] == "input"] == [
        "plain_text_input",
        "number_input",
        "static_select",
        "static_select",
    ]


def test_a_choice_too_large_for_a_menu_is_typed() -> None:
    many = FormField("state", "state", "choice", tuple(f"choice-{n}" for n in range(101)))
    long = FormField("kind", "kind", "choice", ("x" * 80,))
    made = checked(Reply.of(Form("stop", "?", (many, long))))
    inputs = [block for block in made.bodies[0].blocks if block["type"] == "input"]
    assert {block["element"]["type"] for block in inputs} == {"plain_text_input"}
    assert "One of: choice-0" in inputs[0]["hint"]["text"]


@pytest.mark.parametrize(
    "form",
    [
        Form("x" * 2500, "?", FIELDS),
        Form("x", "?", ()),
        Form("x", "?", tuple(FormField(f"f{n}", "f") for n in range(41))),
        Form("x", "?", tuple(FormField(f"f{n}", "f", value="v" * 1900) for n in range(20))),
    ],
)
def test_a_form_too_large_for_a_message_is_text(form: Form) -> None:
    made = checked(Reply.of(form))
    assert "type the whole command" in text_of(made)
    assert not buttons(made.bodies[0].members())


def test_a_form_too_large_for_a_dialog() -> None:
    assert dialog(Form("x" * 3000, "?", FIELDS), Address("C1", ALICE), []) is None


lines = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
words = st.text(max_size=200) | st.text('a<>&`*_~😀\n\t"\\\u202e\x00', max_size=400)
long_words = st.builds(lambda word, count: word * count, words, st.integers(1, 400))
severities = st.sampled_from(list(Severity))


@st.composite
def tables(draw: Any) -> Table:
    width = draw(st.integers(0, 6))
    cell = words | st.builds(Cell, words, severities)
    row = st.tuples(*[cell] * width)
    rows = draw(st.lists(row, max_size=5)) * draw(st.sampled_from([1, 1, 100]))
    return Table(tuple(draw(words) for _ in range(width)), tuple(rows))


fields = st.builds(
    FormField,
    name=st.text("abc_", min_size=1, max_size=10),
    label=words,
    kind=st.sampled_from(["text", "number", "choice", "flag"]),
    choices=st.lists(words, max_size=5).map(tuple),
    required=st.booleans(),
    value=words,
    hint=words,
)
forms = st.builds(
    Form,
    words.filter(bool),
    words,
    st.lists(fields, max_size=4, unique_by=lambda field: field.name).map(tuple),
)
blocks = st.one_of(
    st.builds(Text, long_words, st.sampled_from(["normal", "title", "note"]),
              st.none() | severities),
    st.builds(Fields, st.lists(st.tuples(words, long_words), max_size=5).map(tuple)),
    tables(),
    st.builds(Code, long_words, words),
    st.builds(Issues, st.lists(st.builds(Issue, severities, words, words, long_words, words),
              max_size=5).map(tuple)),
)  # fmt: skip
actions = st.lists(
    st.builds(Action, st.sampled_from(["confirm", "cancel", "command"]), words,
              words.filter(bool)), max_size=8
)  # fmt: skip
replies = st.builds(
    lambda view, form, actions: Reply.of(*view, *form, actions=actions),
    st.lists(blocks, max_size=6),
    st.lists(forms, max_size=1),
    actions,
)


@given(reply=replies)
@settings(deadline=None, max_examples=25)
def test_any_reply_is_within_every_limit(reply: Reply) -> None:
    made = checked(reply)
    found = [item for part in made.bodies for item in buttons(part.members())]
    offered = [item["value"] for item in found if not item["action_id"].startswith("smartops.form")]
    assert offered == [action.value for action in reply.actions if len(action.value) <= 2000]
    if offered:
        last = buttons(made.bodies[made.deciding].members())
        assert last[-1]["value"] == offered[-1]


def test_a_reply_that_is_cut_before_its_form_has_all_buttons() -> None:
    long = [Text(f"{number} " + "word " * 1800) for number in range(12)]
    form = Form("deploy", "Where?", (FormField("where", "Where"),))
    reply = Reply.of(*long, form, actions=[Action("cancel", "Cancel", "no")])
    made = checked(reply)
    assert [item["value"] for item in buttons(made.bodies[made.deciding].members())] == ["no"]


@given(form=forms)
@settings(deadline=None, max_examples=50)
def test_any_dialog_is_within_every_limit(form: Form) -> None:
    view = dialog(form, Address("C1", ALICE, "1.2"), beside_form(Reply.of(form)))
    if view is not None:
        check_view(view)


@given(text=st.lists(lines, max_size=30).map("\n".join), room=st.integers(60, 400))
@settings(deadline=None, max_examples=50)
def test_chunks_are_complete_and_fit(text: str, room: int) -> None:
    parts = list(chunks(text, room))
    assert all(json_size(part) <= room for part in parts)
    assert "".join(parts).replace("\n", "") == text.replace("\n", "")
    if all(json_size(line) <= room - 2 for line in text.split("\n")):
        assert "\n".join(parts) == text
