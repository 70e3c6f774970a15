from smartops import Action, Cell, Code, Fields, Issue, Issues, Reply, Severity, Table
from smartops.channels import Form, FormField, plain


def test_plain_aligns_tables_by_display_width():
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


def test_plain_fields_are_aligned():
    fields = Fields((("Name", "web-1"), ("Private IP", "10.0.0.1")))

    assert plain(Reply.of(fields)) == "Name:        web-1\nPrivate IP:  10.0.0.1"


def test_plain_shows_code_verbatim():
    assert plain(Reply.of(Code("a\n\tb  \n", title="output"))) == "output:\na\n\tb  \n"


def test_plain_issues_include_recommendations():
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


def test_plain_lists_actions_on_request():
    reply = Reply.of(
        "Stop it?",
        actions=[Action("confirm", "Yes, proceed", "c-1"), Action("cancel", "Cancel", "x-1")],
    )

    assert plain(reply) == "Stop it?"
    assert plain(reply, actions=True) == "Stop it?\n\nYes, proceed:  c-1\nCancel:        x-1"


def test_control_and_bidirectional_characters_are_escaped():
    nasty = "a\x1b[2Jb\x07\u202ec\u2066d\u200be\r\x9bf\ud800"
    reply = Reply.of(
        nasty,
        Fields(((nasty, nasty),)),
        Table((nasty,), ((nasty,),)),
        Code(nasty, title=nasty),
        Issues((Issue(Severity.INFO, nasty, nasty, nasty, nasty),)),
    )

    text = plain(reply)
    assert all(letter == "\n" or letter.isprintable() for letter in text)
    assert "x1b" in text


def test_line_breaks_in_cells_are_escaped():
    table = Table(("Name",), (("one\ntwo\u2028three",),))

    assert plain(Reply.of(table)).splitlines() == ["NAME", "one two\\u2028three"]


def test_a_form_is_shown_as_the_question_for_its_first_field():
    state = FormField("state", "state", "choice", choices=("running", "stopped"))
    form = Form("list instances", "list instances: which state?", (state,))
    reply = Reply(view=(form,))
    assert plain(reply) == "list instances: which state? One of: running, stopped"
    assert plain(Reply(view=(Form("stop", "stop: which targets?", ()),))) == "stop: which targets?"
    name = FormField("target", "Target", hint="a name or an id")
    asked = Form("stop", "stop: which target?", (name,))
    assert plain(Reply(view=(asked,))) == "stop: which target? (a name or an id)"
