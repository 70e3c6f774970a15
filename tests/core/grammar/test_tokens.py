# ruff: noqa: RUF001 -- these characters are test input

import pytest

from smartops.grammar import ParseError
from smartops.grammar.tokens import LIMIT, Line, mend, read


def texts(text: str) -> list[str]:
    return [token.text for token in read(text).tokens]


def quoted(text: str) -> list[bool]:
    return [token.quoted for token in read(text).tokens]


def test_words_are_split_at_any_whitespace() -> None:
    assert texts("  list\tinstances\n--all ") == ["list", "instances", "--all"]
    assert texts("list\u00a0instances\u2003--all\u202fx\u3000y") == [
        "list",
        "instances",
        "--all",
        "x",
        "y",
    ]


def test_a_token_has_its_position_in_the_source() -> None:
    text = "  show\u200b “web 1” --x='a b'"
    line = read(text)
    assert [text[token.start : token.end] for token in line.tokens] == [
        "show\u200b",
        "“web 1”",
        "--x='a b'",
    ]


@pytest.mark.parametrize(
    "text",
    ['"df -h"', "'df -h'", "`df -h`", "“df -h”", "”df -h”", "„df -h“", "‘df -h’", "‚df -h‘"],
)
def test_all_kinds_of_quotation_marks_quote(text: str) -> None:
    assert texts(f"run {text} now") == ["run", "df -h", "now"]
    assert quoted(f"run {text} now") == [False, True, False]


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ('"  two  spaces  "', "  two  spaces  "),
        ('"line\nline\ttab"', "line\nline\ttab"),
        ('"a — b – c"', "a — b – c"),
        ('"say “hi” and ‘ho’"', "say “hi” and ‘ho’"),
        ('"non\u00a0breaking zero\u200bwidth"', "non\u00a0breaking zero\u200bwidth"),
        ('"<http://a.b|a.b> [x](http://x)"', "<http://a.b|a.b> [x](http://x)"),
        (r'"C:\temp\x \\server\share \n"', r"C:\temp\x \\server\share \n"),
        (r"'C:\temp\'", "C:\\temp\\"),
        (r"`a \` ", "a \\"),
        ("\"it's 'fine'\"", "it's 'fine'"),
        ("'say \"hi\"'", 'say "hi"'),
        (r'"say \"hi\" now"', 'say "hi" now'),
        (r'"a\\"b"', r"a\"b"),
        ("'it''s'", "it's"),
        ("''''", "'"),
        ("'don't'", "don't"),
        ('""', ""),
        ("''", ""),
        ('"e\u0301"', "e\u0301"),
        ('“say "hi"”', 'say "hi"'),
        (r"“say \”hi\” ”", "say ”hi” "),
    ],
)
def test_quoted_text_is_tokenized_verbatim(text: str, content: str) -> None:
    (token,) = read(text).tokens
    assert token.text == content
    assert token.quoted


@pytest.mark.parametrize("word", ["it's", "web's", "5'10", "rock'n'roll", 'a"b', "x`y"])
def test_quotation_marks_inside_a_word_are_part_of_it(word: str) -> None:
    (token,) = read(word).tokens
    assert token.text == word
    assert token.plain


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('--name="web 1"', "--name=web 1"),
        ("--name=“web 1”", "--name=web 1"),
        ("tag:Name='web 1'", "tag:Name=web 1"),
        ('a,"b c",d', "a,b c,d"),
        ('"b c",d', "b c,d"),
        ('key:"x y"', "key:x y"),
    ],
)
def test_a_quote_may_open_after_a_sign_within_a_word(text: str, value: str) -> None:
    (token,) = read(text).tokens
    assert token.text == value
    assert not token.quoted
    assert token.glued < 0


@pytest.mark.parametrize(
    ("text", "at"), [('say "a"b', 7), ("say 'a b';x", 9), ('"a".', 3), ("x=“a”b", 5)]
)
def test_text_adjacent_to_a_closing_quote_is_detected(text: str, at: int) -> None:
    assert read(text).tokens[-1].glued == at


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ('run "df', 4),
        ("'", 0),
        ("x “a", 2),
        ("a,'b", 2),
        ("say 'it's", 4),
        (r'"a\"', 0),
        ('“a"', 0),
    ],
)
def test_an_unclosed_quote_is_detected(text: str, at: int) -> None:
    assert read(text).unclosed == at


@pytest.mark.parametrize(
    ("word", "mended"),
    [
        ("—timeout", "--timeout"),
        ("–timeout", "--timeout"),
        ("―timeout=30s", "--timeout=30s"),
        ("-–timeout", "--timeout"),
        ("——all", "--all"),
        ("—", "--"),
        ("–5", "-5"),
        ("−5", "-5"),
        ("web‑server‐01", "web-server-01"),
        ("web–01", "web-01"),
        ("it’s", "it's"),
        ("5”", '5"'),
        ("we\u200bb-\ufeff01\u00ad", "web-01"),
        ("\u202eweb\u202c", "web"),
        ("caf\u0065\u0301", "caf\u00e9"),
        ("<http://web-1.example.com|web-1.example.com>", "web-1.example.com"),
        ("<https://a.b/c?d=e>", "https://a.b/c?d=e"),
        ("<mailto:a@b.c|a@b.c>", "a@b.c"),
        ("<mailto:a@b.c>", "a@b.c"),
        ("<tel:123|123>", "123"),
        ("[web-1.example.com](http://web-1.example.com)", "web-1.example.com"),
        ("[x](https://x/),[y](https://y/)", "x,y"),
        ("<http://a.b|a.b>,<http://c.d|c.d>", "a.b,c.d"),
        ("tag:Url=<http://a.b|a.b>", "tag:Url=a.b"),
        ("<@U123>", "<@U123>"),
        ("a<b", "a<b"),
        ("[0](x)", "[0](x)"),
        ("<http://", "<http://"),
    ],
)
def test_words_are_normalized(word: str, mended: str) -> None:
    assert mend(word) == mended
    assert texts(f"show {word} now") == ["show", mended, "now"]


def test_invisible_characters_alone_are_not_a_word() -> None:
    assert texts("list \u200b\ufeff instances\u200b \u200d") == ["list", "instances"]
    assert texts("\ufefflist “a b”\u200b \u200b‘c’") == ["list", "a b", "c"]


def raw(text: str) -> str:
    line: Line = read(text)
    return line.raw(0, len(line.tokens))


@pytest.mark.parametrize(
    "text",
    [
        "awk  '{print $1}'   /tmp/x | sort\n\t-u",
        'echo "a  b"; FOO="x y" cmd \'it\'',
        'grep -E "a\\"b" <in >out 2>&1 [x]',
        'echo "a"b"c d',
    ],
)
def test_raw_text_is_the_source_verbatim(text: str) -> None:
    assert raw(text) == text


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("df —h\u00a0/tmp", "df --h /tmp"),
        ("echo “a  b”  ‘c’", "echo \"a  b\"  'c'"),
        ('echo “say "x"” y', 'echo “say "x"” y'),
        ("curl <http://a.b/c|a.b/c> '<http://a.b>'", "curl a.b/c '<http://a.b>'"),
        ("FOO=“a  b”\u200b cmd", 'FOO="a  b" cmd'),
        ("a\u200b \u200bb", "a b"),
    ],
)
def test_raw_text_is_normalized_only_outside_quotes(text: str, source: str) -> None:
    assert raw(text) == source


@pytest.mark.parametrize("text", ["a\0b", "a\ud800", '"\0"', "\udfff"])
def test_control_characters_are_refused(text: str) -> None:
    with pytest.raises(ParseError, match="not text"):
        read(text)


def test_the_maximum_length_of_a_text() -> None:
    assert len(read("x" * LIMIT).tokens[0].text) == LIMIT
    with pytest.raises(ParseError, match=r"8,000 characters, and this has 8,001"):
        read("x" * (LIMIT + 1))
