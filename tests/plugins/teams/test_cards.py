"""Every block of a view as a card, with any content."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adaptive import kinds, loaded, parts, rows, runs, shown
from contrast import faint
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
from smartops.channels import clean, compact_json
from smartops_teams import cards
from smartops_teams.pages import pages

HOSTILE = [
    "[click me](https://evil.example)",
    "![x](https://evil.example/x.png)",
    "**bold** _italic_ ~~gone~~ `code`",
    "a_b __c__ _d e_",
    "- item",
    "-- --",
    "---",
    "***",
    "+ item",
    "1. first",
    "12) twelfth",
    "# heading",
    "###### heading",
    "> quote",
    "===",
    "<b>bold</b> <script>alert(1)</script>",
    "<https://evil.example>",
    "&amp; &#42; &lt;",
    "\\*not escaped\\*",
    "back\\slash\\",
    "| a | b |",
    "\"quoted\" 'single'",
    "<at>Everyone</at>",
    "{{DATE(2026-11-24T09:00:00Z, SHORT)}} {{TIME(2026-11-24T09:00:00Z)}}",
    "{{{{",
    "${jndi:ldap://evil.example}",
    "%s %d {0} %(x)s",
    "日本語 ünïcode 👩\u200d💻",
    "https://plain.example/a_b_c",
    "10.0.1.45 -5% +15% 3. i-0abc",
]
UNSEEN = ["web\u202egnp.exe", "\x1b[31mred", "zero\u200bwidth", "half \ud800 pair", "nul\x00"]


def card(reply: Reply) -> str:
    return compact_json(cards.card(reply)).decode()


def show(*view: Any, **more: Any) -> dict[str, Any]:
    return loaded(card(Reply.of(*view, **more)))


# --- each block ------------------------------------------------------------------------------


def test_text_has_its_style() -> None:
    made = show(
        Text("All is well", style="title"),
        Text("Nothing to do."),
        Text("as of noon", style="note"),
        Text("Disk is filling", severity=Severity.WARNING),
    )
    assert shown(made) == ["All is well", "Nothing to do.", "as of noon", "Disk is filling"]
    title, normal, note, warning = made["body"]
    assert (title["type"], title["style"], title["wrap"]) == ("TextBlock", "heading", True)
    assert normal == {"type": "RichTextBlock", "inlines": ["Nothing to do."]}
    assert note["inlines"][0]["isSubtle"]
    assert (warning["type"], warning["style"]) == ("Container", "warning")


@pytest.mark.parametrize(
    ("severity", "style"),
    [
        (Severity.GOOD, "good"),
        (Severity.INFO, "accent"),
        (Severity.WARNING, "warning"),
        (Severity.CRITICAL, "attention"),
    ],
)
def test_a_severity_is_a_container_and_in_a_cell_a_mark(severity: Severity, style: str) -> None:
    made = show(
        Text("text", severity=severity),
        Text("title", style="title", severity=severity),
        Table(("State",), ((Cell("cell", severity),),)),
        Issues((Issue(severity, "web-1", "High CPU", "at 95 %", "Look at it."),)),
    )
    assert [box["style"] for box in kinds(made, "Container")] == [style] * 3
    assert rows(made)[1] == [f"{severity.mark}\u00a0cell"]
    assert shown(made)[-3] == f"{severity.value.upper()}  web-1: High CPU"


def test_all_text_has_enough_contrast() -> None:
    made = show(
        *(
            Text(style, style=style, severity=severity)
            for style in ("title", "normal", "note")
            for severity in (None, *Severity)
        ),
        Issues(tuple(Issue(severity, "web-1", "High", "95 %", "Look.") for severity in Severity)),
        Code("df", title="Disks"),
    )
    assert faint(made) == []
    made["body"] += [{"type": "TextBlock", "text": "pale", "color": "warning"}]
    assert faint(made) == ["light: 1.47: pale"]


def test_fields_are_facts() -> None:
    made = show(Fields((("Name", "web-server-01"), ("Type", "t3.medium"), ("Public IP", ""))))
    assert made["body"] == [
        {
            "type": "FactSet",
            "facts": [
                {"title": "Name", "value": "web-server-01"},
                {"title": "Type", "value": "t3.medium"},
                {"title": "Public IP", "value": r"\-"},
            ],
        }
    ]


PHONE = 317
"""Pixels between the edges of a card on a phone."""

NAMES = ("Name", "ID", "State", "Type", "Platform", "IP", "CPU %", "MEM %", "DISK %")
TOGETHER = (("Name", "ID", "IP"), ("State", "Type", "Platform"), ("CPU %", "MEM %", "DISK %"))
INSTANCES = tuple(
    (
        f"web-server-{number:02}",
        f"i-{number:017x}",
        Cell(state, Severity.GOOD),
        "t3.2xlarge",
        "windows",
        f"10.0.123.{number} / 54.123.145.{number}",
        "100.0",
        "–",  # noqa: RUF001 - what is not measured
        "61.3",
    )
    for number, state in enumerate(["running", "stopped"] * 10)
)


def test_on_a_phone_each_column_has_room_for_its_longest_word() -> None:
    (table,) = show(Table(NAMES, INSTANCES, TOGETHER))["body"]
    widths = [column["width"] for column in table["columns"]]
    longest = ["i-00000000000000001", "t3.2xlarge", "CPU\u00a0100.0%"]
    for width, word in zip(widths, longest, strict=True):
        room = PHONE * width / sum(widths) - 17  # padding and border
        assert room >= 6.2 * len(word)


def test_columns_that_belong_together_are_stacked() -> None:
    header, first = rows(show(Table(NAMES, INSTANCES[:1], TOGETHER)))
    assert header == ["Name, ID, IP", "State, Type, Platform", "CPU, MEM, DISK"]
    assert first == [
        "web-server-00\ni-00000000000000000\n10.0.123.0 / 54.123.145.0",
        "🟢\u00a0running\nt3.2xlarge\nwindows",
        "CPU\u00a0100.0%\nMEM\u00a0–\nDISK\u00a061.3%",  # noqa: RUF001
    ]


def test_a_table_has_a_header_and_marked_cells() -> None:
    made = show(
        Table(
            ("Name", "State", "Id"),
            (
                ("web-server-01", Cell("running", Severity.GOOD), "i-0abc123def4567890"),
                ("", Cell("stopped", Severity.WARNING), "i-0def"),
            ),
        )
    )
    assert rows(made) == [
        ["Name", "State", "Id"],
        ["web-server-01", "🟢\u00a0running", "i-0abc123def4567890"],
        [" ", "🟠\u00a0stopped", "i-0def"],
    ]
    (table,) = made["body"]
    name, state, ident = (column["width"] for column in table["columns"])
    assert state < name < ident
    header = table["rows"][0]
    assert all(cell["items"][0]["inlines"][0]["weight"] == "Bolder" for cell in header["cells"])


def test_code_is_monospace_with_its_columns() -> None:
    text = "Filesystem      Size\n/dev/xvda1\t8G\n  indented\nplain one blank"
    made = show(Code(text, title="df -h on web-server-01"))
    (container,) = made["body"]
    title, code = container["items"]
    assert container["style"] == "emphasis"
    assert title["inlines"][0] == {
        "type": "TextRun",
        "text": "df -h on web-server-01",
        "weight": "Bolder",
    }
    assert code["inlines"][0]["fontType"] == "Monospace"
    nb = "\u00a0"
    assert runs(code) == (
        f"Filesystem{nb * 6}Size\n/dev/xvda1{nb * 6}8G\n{nb * 2}indented\nplain one blank"
    )


def test_a_finding_has_details_and_a_recommendation() -> None:
    made = show(
        Issues(
            (
                Issue(Severity.CRITICAL, "web-1", "High CPU", "CPU at 95 %", "Look at it."),
                Issue(Severity.INFO, "", "Cost is up", "", ""),
            )
        )
    )
    assert shown(made) == [
        "CRITICAL  web-1: High CPU",
        "CPU at 95 %",
        "Look at it.",
        "INFO  Cost is up",
    ]


@pytest.mark.parametrize("view", [(), (Fields(()),), (Table((), ()),), (Issues(()),), (Text(""),)])
def test_a_card_is_never_empty(view: Any) -> None:
    made = loaded(card(Reply(view=view)))
    assert made["body"]
    assert made["fallbackText"] == "SmartOps answered."


# --- buttons ---------------------------------------------------------------------------------


def test_buttons_have_their_value_for_new_and_old_clients() -> None:
    actions = [
        Action("confirm", "Yes, proceed", "confirm_abc"),
        Action("command", "Details", 'show "web server"'),
    ]
    confirm, details = show("Stop web-server-01?", actions=actions)["actions"]
    shared = {"title": "Yes, proceed", "data": {"action": "confirm_abc"}, "style": "positive"}
    fallback = {"type": "Action.Submit", **shared}
    execute = {"type": "Action.Execute", "verb": "confirm"}
    assert confirm == {**execute, **shared, "fallback": fallback}
    assert details["data"] == details["fallback"]["data"] == {"command": 'show "web server"'}


def test_a_button_of_a_dangerous_command_has_the_destructive_style() -> None:
    [button] = show("Wipe?", actions=[Action("confirm", "Yes", "a", danger=True)])["actions"]
    assert button["style"] == button["fallback"]["style"] == "destructive"


def test_later_buttons_go_into_the_menu() -> None:
    actions = [Action("command", f"Page {number}", f"page {number}") for number in range(8)]
    modes = [action.get("mode") for action in show("Pages", actions=actions)["actions"]]
    assert modes == [None] * 5 + ["secondary"] * 3


def test_buttons_that_do_not_fit_are_counted() -> None:
    actions = [Action("command", "Again", "x" * 1000) for _ in range(10)]
    made = show("Done.", actions=actions)
    assert len(made["actions"]) == 3
    assert shown(made)[-1] == "7 more buttons do not fit in a card."


# --- literal text --------------------------------------------------------------------------------


def everywhere(text: str) -> dict[str, Any]:
    return show(
        Text(text, style="title"),
        Text(text),
        Text(text, style="note", severity=Severity.INFO),
        Fields(((text, text),)),
        Table((text, "x"), ((text, Cell(text, Severity.GOOD)),)),
        Code(text, title=text),
        Issues((Issue(Severity.INFO, text, text, text, text),)),
        actions=[Action("confirm", text, text), Action("command", text, text)],
    )


@pytest.mark.parametrize("text", HOSTILE + UNSEEN)
def test_text_is_displayed_literally(text: str) -> None:
    seen = clean(text)  # what cannot be seen is made visible
    assert (seen != text) == (text in UNSEEN)
    fields, table, code, finding = (
        [seen] * 2,
        [seen, "x", seen, f"🟢\u00a0{seen}"],
        [seen] * 2,
        [seen] * 2,
    )
    assert shown(everywhere(text)) == [
        *[seen] * 3,
        *fields,
        *table,
        *code,
        f"INFO  {seen}: {seen}",
        *finding,
    ]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_client_finds_a_date_to_convert(text: str) -> None:
    for part in parts(everywhere(text)["body"]):
        for value in (part.get("text"), part.get("title"), part.get("value")):
            assert "{{" not in (value or "")
        for inline in part.get("inlines", ()):
            assert "{{" not in (inline if isinstance(inline, str) else inline["text"])


def test_lines_of_a_title_or_a_fact_become_one() -> None:
    made = show(Text("a\n- b\r\n# c", style="title"), Fields((("x\n> y", "1\n\n2. z"),)))
    assert shown(made) == ["a - b # c", "x > y", "1 2. z"]


# --- small enough ----------------------------------------------------------------------------


def test_a_table_that_just_fits_is_complete() -> None:
    table = Table(("Name",), tuple((f"web-server-{n:03}",) for n in range(230)))
    assert len(rows(show(table))) == 231


def test_a_long_cell_is_cut() -> None:
    made = show(Table(("Name",), (("x" * 5000,), ("short",))))
    assert rows(made) == [["Name"], ["x" * 399 + "…"], ["short"]]


# --- anything --------------------------------------------------------------------------------

TEXTS = st.text(max_size=60) | st.sampled_from(HOSTILE + UNSEEN) | st.just("long " * 300)
SEVERITIES = st.sampled_from(Severity)
CELLS = TEXTS | st.builds(Cell, TEXTS, SEVERITIES)
TABLES = st.integers(1, 4).flatmap(
    lambda width: st.builds(
        Table,
        st.tuples(*[TEXTS] * width),
        st.lists(st.tuples(*[CELLS] * width), max_size=5).map(tuple),
    )
)
BLOCKS = (
    st.builds(Text, TEXTS, st.sampled_from(["normal", "title", "note"]), st.none() | SEVERITIES)
    | st.builds(Fields, st.lists(st.tuples(TEXTS, TEXTS), max_size=4).map(tuple))
    | TABLES
    | st.builds(Code, TEXTS, TEXTS)
    | st.builds(
        Issues,
        st.lists(st.builds(Issue, SEVERITIES, TEXTS, TEXTS, TEXTS, TEXTS), max_size=3).map(tuple),
    )
)
ACTIONS = st.builds(Action, st.sampled_from(["confirm", "cancel", "command"]), TEXTS, TEXTS)


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(BLOCKS, max_size=6), st.lists(ACTIONS, max_size=8))
def test_any_view_is_a_card(view: list[Any], actions: list[Action]) -> None:
    for page in pages(Reply(view=tuple(view), actions=tuple(actions))):
        shown(loaded(card(page)))
