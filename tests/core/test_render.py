from typing import get_args

from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from smartops import Action, Cell, Code, Fields, Issue, Issues, Reply, Severity, Table, Text, render
from smartops.channels import Form, FormField, markdown, plain
from smartops.reply import Block

HOSTILE = (
    "**bold** _it_ `code` ~~gone~~ | a | b |",
    "[click](http://evil.example) ![x](http://evil.example/i.png) <http://evil.example>",
    "<script>alert(1)</script> &lt; &#64; <!-- hidden -->",
    "# heading",
    "- item",
    "1. first",
    "2) second",
    "> quoted",
    "=====",
    "-----",
    "***",
    "```\nfence",
    "    indented",
    "\tindented",
    "[x]: http://evil.example",
    "a\\",
    "a  ",
    "+ plus",
    "trailing \\\\* stars **",
    ": colon",
)


def shown(source: str) -> str:
    """Return what a reader sees, and fail if there is anything but paragraphs of text."""
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    seen = []
    for token in parser.parse(source):
        assert token.type in {"paragraph_open", "paragraph_close", "inline"}, token.type
        for child in token.children or ():
            assert child.type in {"text", "hardbreak"}, (child.type, source)
            seen.append("\n" if child.type == "hardbreak" else child.content)
    return "".join(seen)


def squeezed(text: str) -> str:
    return " ".join(text.split())


def test_plain_paragraphs_stand_apart():
    assert plain(Reply.of("one", Text("two", style="note"))) == "one\n\ntwo"


def test_plain_aligns_tables_by_what_the_eye_sees():
    table = Table(
        ("Name", "State"),
        (("web-1", Cell("running", Severity.GOOD)), ("日本", "stopped"), ("e\u0301", "x")),
    )

    assert plain(Reply.of(table)).splitlines() == [
        "NAME   STATE",
        "web-1  running",
        "日本   stopped",
        "e\u0301      x",
    ]


def test_plain_table_without_rows_is_its_heading():
    assert plain(Reply.of(Table(("Name", "State"), ()))) == "NAME  STATE"


def test_plain_fields_are_aligned():
    fields = Fields((("Name", "web-1"), ("Private IP", "10.0.0.1")))

    assert plain(Reply.of(fields)) == "Name:        web-1\nPrivate IP:  10.0.0.1"


def test_plain_keeps_code_to_the_character():
    assert plain(Reply.of(Code("a\n\tb  \n", title="output"))) == "output:\na\n\tb  \n"


def test_plain_issues_say_what_to_do():
    issues = Issues(
        (
            Issue(Severity.CRITICAL, "web-1", "High CPU usage", "CPU at 95%", "Scale out."),
            Issue(Severity.WARNING, "web-2", "Disk filling", ""),
        )
    )

    assert plain(Reply.of(issues)).splitlines() == [
        "CRITICAL  web-1: High CPU usage (CPU at 95%)",
        "  Scale out.",
        "WARNING  web-2: Disk filling",
    ]


def test_plain_lists_actions_where_they_must_be_typed():
    reply = Reply.of(
        "Stop it?",
        actions=[Action("confirm", "Yes, proceed", "c-1"), Action("cancel", "Cancel", "x-1")],
    )

    assert plain(reply) == "Stop it?"
    assert plain(reply, actions=True) == "Stop it?\n\nYes, proceed:  c-1\nCancel:        x-1"


def test_nothing_moves_the_cursor_or_runs_backwards():
    nasty = "a\x1b[2Jb\x07\u202ec\u2066d\u200be\r\x9bf\ud800"
    reply = Reply.of(
        nasty,
        Fields(((nasty, nasty),)),
        Table((nasty,), ((nasty,),)),
        Code(nasty, title=nasty),
        Issues((Issue(Severity.INFO, nasty, nasty, nasty, nasty),)),
    )

    for text in (plain(reply), markdown(reply)):
        assert all(letter == "\n" or letter.isprintable() for letter in text)
        assert "x1b" in text


def test_a_cell_stays_on_its_line():
    table = Table(("Name",), (("one\ntwo\u2028three",),))

    assert plain(Reply.of(table)).splitlines() == ["NAME", "one two\\u2028three"]


def test_markdown_shows_hostile_text_as_text():
    for text in HOSTILE:
        assert squeezed(shown(markdown(Reply.of(text)))) == squeezed(text)


@settings(deadline=None, max_examples=300)
@given(st.text(st.sampled_from("ab1 \n\t\\`*_{}[]()<>#+-.!|~&:=@$^\"'/;?%,"), max_size=40))
def test_markdown_shows_any_text_as_text(text):
    assert squeezed(shown(markdown(Reply.of(text)))) == squeezed(text)


def test_markdown_makes_no_links_of_bare_addresses():
    source = markdown(Reply.of("see http://evil.example and WWW.evil.example"))

    assert "://" not in source
    assert "WWW." not in source


@settings(deadline=None)
@given(st.text(st.sampled_from("`~a\n "), max_size=30), st.text(st.sampled_from("`*a|\n")))
def test_markdown_fences_cannot_be_left(code, cell):
    parser = MarkdownIt("commonmark")
    tokens = parser.parse(markdown(Reply.of(Code(code), Table(("n",), ((cell,),)))))

    assert [token.type for token in tokens] == ["fence", "fence"]
    assert tokens[0].content == code + "\n"


@settings(deadline=None)
@given(st.sampled_from(HOSTILE), st.sampled_from(HOSTILE))
def test_markdown_titles_fields_and_issues_hold_only_their_own_markup(one, two):
    reply = Reply.of(
        Text(one, style="title"),
        Fields(((one, two), (two, one))),
        Issues((Issue(Severity.WARNING, one, two, one, two),)),
    )
    inline = [
        child.type
        for token in MarkdownIt("commonmark").parse(markdown(reply))
        for child in token.children or ()
    ]

    assert set(inline) <= {"text", "strong_open", "strong_close", "hardbreak"}
    assert inline.count("strong_open") == 4


def test_markdown_of_a_whole_reply():
    reply = Reply.of(
        Text("Fleet", style="title"),
        Fields((("Total", "2"),)),
        Table(("Name", "State"), (("web-1", "running"),)),
        Code("df -h", title="It runs"),
        Issues((Issue(Severity.CRITICAL, "web-1", "Disk full", "99%", "Clean up."),)),
    )

    assert markdown(reply) == "\n\n".join(
        (
            "**Fleet**",
            "**Total:** 2",
            "```\nNAME   STATE\nweb-1  running\n```",
            "**It runs**\n\n```\ndf -h\n```",
            "- **critical** web-1: Disk full (99%)  \n  Clean up.",
        )
    )


def test_a_form_is_the_question_for_its_first_field():
    state = FormField("state", "state", "choice", choices=("running", "stopped"))
    form = Form("list instances", "list instances: which state?", (state,))
    reply = Reply(view=(form,))
    assert plain(reply) == "list instances: which state? One of: running, stopped"
    assert markdown(reply) == "list instances: which state? One of: running, stopped"
    assert plain(Reply(view=(Form("stop", "stop: which targets?", ()),))) == "stop: which targets?"
    name = FormField("target", "Target", hint="a name or an id")
    asked = Form("stop", "stop: which target?", (name,))
    assert plain(Reply(view=(asked,))) == "stop: which target? (a name or an id)"


def test_every_kind_of_block_has_a_rendering():
    for kind in get_args(Block):
        assert kind in render._PLAIN
        assert kind in render._MARKDOWN
