r"""From text to tokens; outside quotes, what chat programs change in a text is reverted.

Quoting, in one place:

- A quote opens at the start of a word, or after ``=``, ``:`` or ``,`` in it
  (``--name="web 1"``). An apostrophe inside a word is an apostrophe.
- Straight quotes, curly quotes and backticks quote. Inside, every character is
  literal, except for the two ways to write the closing mark itself: ``\"`` within
  double quotes, ``''`` within single ones.
- A quote closes before a space, a comma or the end. Text that touches the
  closing mark is an error wherever the value is used as a single word.

Outside quotes, curly quotes become straight, long dashes hyphens (two where
an option begins), automatic links what was typed; any Unicode space separates
words, and invisible characters vanish.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from .errors import ParseError, Place

LIMIT = 8_000

_INVISIBLE = "\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff"
_CURLY_DOUBLE = "\u201c\u201d\u201e\u201f"
_CURLY_SINGLE = "\u2018\u2019\u201a\u201b"
_QUOTES = f"\"'`{_CURLY_DOUBLE}{_CURLY_SINGLE}"

_WORD = re.compile(r"\S+")
_GAP = re.compile(rf"[\s{_INVISIBLE}]*")
_UNSEEN = re.compile(rf"[{_INVISIBLE}]*")
_SIMPLE = re.compile(
    r"\s*(?:\"([^\"\\]*)\"|'([^']*)'|([!#-&(-;=-Z\\-_a-~]+))(?=\s|\Z)"  # not " ' < [ `
)
_SPECIAL = re.compile(r"[\"'`<\[]")
_NOT_TEXT = re.compile("[\0\ud800-\udfff]")
_OPENING = re.compile(rf"[=:,][{_INVISIBLE}]*(?=[{_QUOTES}])")
_LINK = re.compile(
    r"<(?:https?://|mailto:|tel:)[^\s<>|]*\|([^\s<>|]+)>"
    r"|<(?:mailto:|tel:)([^\s<>|]+)>"
    r"|<(https?://[^\s<>|]+)>"
    r"|\[([^\s\[\]]+)\]\((?:https?://|mailto:|tel:)[^\s()]*\)"
)
_LONG_DASH = re.compile(
    r"[-\u2010-\u2012\u2212]*[\u2013-\u2015][-\u2010-\u2015\u2212]*(?=[^\W\d_])"
)

_DOUBLE, _SINGLE = f'"{_CURLY_DOUBLE}', f"'{_CURLY_SINGLE}"
_CLOSERS = {
    **{mark: re.compile(f"[{_CURLY_DOUBLE}]") for mark in _CURLY_DOUBLE},
    **{mark: re.compile(f"[{_CURLY_SINGLE}]") for mark in _CURLY_SINGLE},
    **{mark: re.compile(mark) for mark in "\"'`"},
}
_ESCAPED = re.compile(rf"\\([{_DOUBLE}])")
_DOUBLED = re.compile(rf"([{_SINGLE}])\1")


def _mending() -> dict[int, str | None]:
    """Return the table for characters outside quotes."""
    table: dict[int, str | None] = {ord(mark): '"' for mark in _CURLY_DOUBLE}
    table |= {ord(mark): "'" for mark in _CURLY_SINGLE}
    table |= dict.fromkeys((0x2010, 0x2011, 0x2012, 0x2013, 0x2212), "-")
    table |= dict.fromkeys((0x2014, 0x2015), "--")
    table |= dict.fromkeys((0x85, 0xA0, 0x1680, *range(0x2000, 0x200B)), " ")
    table |= dict.fromkeys((0x2028, 0x2029, 0x202F, 0x205F, 0x3000), " ")
    return table


_TABLE = _mending()


class Piece(NamedTuple):
    """Part of a token; ``source`` is its text in the message, mended, with its quote marks."""

    text: str
    quoted: bool
    source: str


class Token(NamedTuple):
    """A word or a quoted text.

    ``text`` is the value: mended, without quote marks. ``start`` and ``end``
    are its place in the source. ``quoted`` says that all of it is one quoted
    text. ``pieces`` is given for tokens that are only partly quoted.
    ``glued`` is where text touches a closing quote, or -1.
    """

    text: str
    start: int
    end: int
    quoted: bool = False
    pieces: tuple[Piece, ...] = ()
    glued: int = -1

    @property
    def plain(self) -> bool:
        """Whether no part of it is quoted."""
        return not (self.quoted or self.pieces)

    @property
    def place(self) -> Place:
        """Where it stands in the source."""
        return self.start, self.end


class Line(NamedTuple):
    """A text and its tokens. ``unclosed`` is where a quote opens that is never closed, or -1."""

    text: str
    tokens: list[Token]
    unclosed: int = -1
    exact: bool = True

    def raw(self, first: int, last: int) -> str:
        """Return the source of ``tokens[first:last]`` to the character, quote marks included.

        Outside quotes, the changes that chat programs made are reverted.
        """
        start, end = self.tokens[first].start, self.tokens[last - 1].end
        if self.exact:
            return self.text[start:end]
        parts: list[str] = []
        for token in self.tokens[first:last]:
            parts.append(_UNSEEN.sub("", self.text[start : token.start]).translate(_TABLE))
            parts.append(_source(token, self.text))
            start = token.end
        return "".join(parts)


def _source(token: Token, text: str) -> str:
    if token.quoted:
        return _marked(text[token.start : token.end], token.text)
    return "".join(piece.source for piece in token.pieces) or token.text


def read(text: str) -> Line:
    """Cut ``text`` into tokens. Takes time in proportion to its length.

    Raises ParseError if it is longer than LIMIT or holds what is not text.
    """
    if len(text) > LIMIT:
        raise ParseError(
            f"The message is too long: a command may have {LIMIT:,} characters, "
            f"and this has {len(text):,}"
        )
    if found := _NOT_TEXT.search(text):
        raise ParseError(
            "The message holds a character that is not text", text=text, place=found.span()
        )
    if text.isascii() and not _SPECIAL.search(text):
        return Line(text, [Token(m.group(), m.start(), m.end()) for m in _WORD.finditer(text)])
    return _scan(text)


def _scan(text: str) -> Line:
    tokens: list[Token] = []
    exact = text.isascii() and "<" not in text and "](" not in text
    at = 0
    while True:
        while simple := _SIMPLE.match(text, at):
            group = simple.lastindex or 0
            at = simple.end()
            start = simple.start(group) - (group < 3)
            tokens.append(Token(simple[group], start, at, group < 3))
        at = _end(_GAP, text, at)
        if at == len(text):
            return Line(text, tokens, -1, exact)
        token = _token(text, at)
        if isinstance(token, int):
            return Line(text, tokens, token, exact)
        if token.text or token.quoted or token.pieces:
            tokens.append(token)
        at = token.end


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def _token(text: str, start: int) -> Token | int:
    """Read one token, or return where a quote opens that is never closed."""
    pieces: list[Piece] = []
    at, word_end, glued = start, start, -1
    quote = text[start] in _QUOTES
    while True:
        if quote:
            close = _closing(text, at)
            if close < 0:
                return at
            content = _content(text, at, close)
            pieces.append(Piece(content, True, _marked(text[at : close + 1], content)))
            at = _end(_UNSEEN, text, close + 1)
            if at == len(text) or text[at].isspace():
                return _joined(pieces, start, close + 1, glued)
            if text[at] != "," and glued < 0:
                glued = at
        # The end of the word is searched once and not for each quote, so that time stays linear.
        word_end = word_end if at < word_end else _end(_WORD, text, at)
        opening = _OPENING.search(text, at, word_end)
        stop = opening.end() if opening else word_end
        word = mend(text[at:stop])
        pieces.append(Piece(word, False, word))
        if not opening:
            return _joined(pieces, start, stop, glued)
        at, quote = stop, True


def _joined(pieces: list[Piece], start: int, end: int, glued: int) -> Token:
    if len(pieces) == 1:
        return Token(pieces[0].text, start, end, pieces[0].quoted)
    text = "".join(piece.text for piece in pieces)
    return Token(text, start, end, False, tuple(pieces), glued)


def _closing(text: str, opening: int) -> int:
    """Return where the quote that opens at ``opening`` closes, or -1."""
    mark = text[opening]
    closer = _CLOSERS[mark]
    at = opening + 1
    while found := closer.search(text, at):
        at = found.start()
        if mark in _DOUBLE and at - 1 > opening and text[at - 1] == "\\":
            at += 1
        elif mark in _SINGLE and text[at + 1 : at + 2] == text[at]:
            at += 2
        elif mark in _SINGLE and at - 1 > opening and _within_word(text, at):
            at += 1
        else:
            return at
    return -1


def _within_word(text: str, at: int) -> bool:
    return text[at - 1].isalnum() and text[at + 1 : at + 2].isalnum()


def _content(text: str, opening: int, close: int) -> str:
    content = text[opening + 1 : close]
    mark = text[opening]
    if mark in _DOUBLE:
        return _ESCAPED.sub(lambda m: m[1] if _CLOSERS[mark].match(m[1]) else m[0], content)
    if mark in _SINGLE:
        return _DOUBLED.sub(lambda m: m[1] if _CLOSERS[mark].match(m[1]) else m[0], content)
    return content


def _marked(written: str, content: str) -> str:
    """Return a quoted text as written, but with straight marks in place of curly ones."""
    mark = '"' if written[0] in _CURLY_DOUBLE else "'"
    if written[0] in "\"'`" or mark in content:
        return written
    return f"{mark}{written[1:-1]}{mark}"


def mend(word: str) -> str:
    """Revert, in a word outside quotes, the changes of chat programs and keyboards."""
    if "<" in word or "](" in word:
        word = _LINK.sub(lambda found: found[found.lastindex or 0], word)
    if word.isascii():
        return word
    word = _UNSEEN.sub("", word)
    if dash := _LONG_DASH.match(word):
        word = "--" + word[dash.end() :]
    return unicodedata.normalize("NFC", word.translate(_TABLE))
