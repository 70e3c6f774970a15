"""Matching a text with a form: which words fill which placeholder, which are options."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import NamedTuple

from smartops.parameter import Parameter

from . import complaints, usage
from .errors import OptionWithoutValue, ParseError, Place
from .index import Entry, key
from .phrases import Form, Part, Slot, Word
from .tokens import Line, Piece, Token


class Value(NamedTuple):
    """The words given for a parameter, and their place in the text."""

    pieces: Sequence[Piece]
    place: Place

    @property
    def text(self) -> str:
        """The value as one text."""
        return "".join(piece.text for piece in self.pieces)


Given = dict[str, list[Value]]


class Short(Exception):
    """The text ends before the form does: ``parts`` are missing.

    ``placed`` are the names of the placeholders that words have filled.
    """

    def __init__(self, form: Form, parts: Sequence[Part], given: Given, placed: Set[str]) -> None:
        super().__init__()
        self.form = form
        self.parts = parts
        self.given = given
        self.placed = placed


def fit(form: Form, entry: Entry, line: Line) -> tuple[int, Given]:
    """Return how many placeholders are given as options, and what is given for each parameter.

    Raises Short, or ParseError if the text does not fit the form.
    """
    if len(line.tokens) == form.lead == len(form.parts):
        return 0, {}
    matcher = Matcher(form, entry, line)
    given = matcher.match()
    return matcher.skipped, given


def by_options(short: Short) -> bool:
    """Whether only literal words are missing, between placeholders that options fill."""
    slots = [slot.parameter.name for slot in short.form.slots]
    return bool(slots) and not short.placed and all(name in short.given for name in slots)


class Matcher:
    """One attempt to match one text with one form."""

    def __init__(self, form: Form, entry: Entry, line: Line) -> None:
        self.form = form
        self.entry = entry
        self.line = line
        self.tokens = line.tokens
        self.given: Given = {}
        self.skipped = 0
        self.placed: set[str] = set()

    def match(self) -> Given:
        """Return what the text gives for each parameter; raises what :func:`fit` raises."""
        if self.form.greedy >= 0:
            self._match_greedy()
        else:
            self._finish(self.form.lead, self.form.lead)
        return self.given

    def _finish(self, at: int, part: int) -> None:
        """Match the parts from ``part`` with the tokens from ``at`` to the end."""
        words = self._without_options(at)
        parts = self.form.parts[part:]
        at = 0
        for index, item in enumerate(parts):
            if self._skips(item):
                continue
            if at == len(words):
                raise self._short(parts[index:])
            at = self._take(item, words, at)
        if at < len(words):
            raise complaints.unexpected(self.line, words[at], self.form, None)

    def _skips(self, part: Part) -> bool:
        """Return whether an option fills the part."""
        if isinstance(part, Word) or part.parameter.name not in self.given:
            return False
        self.skipped += 1
        return True

    def _short(self, parts: Sequence[Part]) -> Short:
        wanted = [
            part
            for part in parts
            if not (isinstance(part, Slot) and part.parameter.name in self.given)
        ]
        return Short(self.form, wanted, self.given, self.placed)

    def _take(self, part: Part, words: Sequence[Token], at: int) -> int:
        """Match one part with the words from ``at``; return where the next part begins."""
        if not _fits(words[at], part):
            raise complaints.unexpected(self.line, words[at], self.form, part)
        if isinstance(part, Slot):
            value, at = self._value(words, at, part.parameter)
            self._place(part.parameter, value)
            return at
        return at + 1

    def _place(self, parameter: Parameter, value: Value) -> None:
        """Take a placeholder's value; it cannot be given as an option too."""
        self.placed.add(parameter.name)
        self._give(parameter, value)

    def _give(self, parameter: Parameter, value: Value) -> None:
        values = self.given.setdefault(parameter.name, [])
        if values and (not parameter.many or parameter.name in self.placed):
            raise self._error(value.place, f"{parameter.option} is given twice", "Give it once.")
        values.append(value)

    def _value(self, words: Sequence[Token], at: int, parameter: Parameter) -> tuple[Value, int]:
        """Read one value: a word, or for a list all words that commas join."""
        token = words[at]
        return self._joined(list(self._pieces(token)), token, words, at + 1, parameter)

    def _joined(
        self,
        pieces: list[Piece],
        token: Token,
        words: Sequence[Token],
        at: int,
        parameter: Parameter,
    ) -> tuple[Value, int]:
        end = token.end
        while parameter.many and at < len(words) and _continues(pieces, words[at]):
            pieces.extend(self._pieces(words[at]))
            end = words[at].end
            at += 1
        return Value(pieces, (token.start, end)), at

    def _pieces(self, token: Token) -> tuple[Piece, ...]:
        if token.glued >= 0:
            raise self._glued(token)
        return token.pieces or (Piece(token.text, token.quoted, ""),)

    def _glued(self, token: Token) -> ParseError:
        """Return the error for text that touches a closing quote."""
        return self._error(
            (token.glued, max(token.end, token.glued + 1)),
            "The quoted text ends here, and more text touches it",
            "Put a space after the closing quote mark. If the mark belongs to the text, "
            "put the other kind of quote mark round the whole.",
        )

    def _error(self, place: Place, message: str, hint: str) -> ParseError:
        return ParseError(
            message, text=self.line.text, place=place, hint=hint, command=self.entry.command
        )

    # Options

    def _without_options(self, at: int) -> list[Token]:
        """Take the options from ``at`` on and return the words between them."""
        words: list[Token] = []
        while at < len(self.tokens):
            token = self.tokens[at]
            if token.text == "--" and token.plain:
                words.extend(self.tokens[at + 1 :])
                break
            after = self._option(at)
            if after == at:
                words.append(token)
                after += 1
            at = after
        return words

    def _option(self, at: int, *, bare: bool = True) -> int:
        """Take the option at ``at``, if there is one; return where it ends."""
        token = self.tokens[at]
        head = _head(token)
        if head.startswith("--") and len(head) > 2:
            return self._explicit(at, head)
        if bare and "=" in head:
            name, _, rest = head.partition("=")
            parameter = self.entry.bare.get(key(name))
            if parameter:
                return self._assigned(at, parameter, rest)
        return at

    def _explicit(self, at: int, head: str) -> int:
        token = self.tokens[at]
        name, equals, rest = head[2:].partition("=")
        parameter, negated = self._named(name)
        if parameter is None:
            raise complaints.unknown_option(self.line, token, self.entry)
        if equals:
            if negated:
                raise self._error(
                    token.place,
                    f"--no-{parameter.option} takes no value",
                    f"Write --no-{parameter.option}, or --{parameter.option}=yes.",
                )
            return self._assigned(at, parameter, rest)
        if parameter.is_flag:
            word = "false" if negated else "true"
            self._give(parameter, Value((Piece(word, True, ""),), token.place))
            return at + 1
        if at + 1 == len(self.tokens) or _head(self.tokens[at + 1]).startswith("--"):
            raise OptionWithoutValue(
                f"--{parameter.option} needs a value",
                parameter=parameter,
                text=self.line.text,
                place=token.place,
                hint=f"Write {usage.option(parameter)}: {usage.kind(parameter)}.",
                command=self.entry.command,
            )
        value, after = self._value(self.tokens, at + 1, parameter)
        self._give(parameter, value)
        return after

    def _named(self, name: str) -> tuple[Parameter | None, bool]:
        spelling = key(name)
        parameter = self.entry.options.get(spelling)
        if parameter or not spelling.startswith("no-"):
            return parameter, False
        parameter = self.entry.options.get(spelling[3:])
        return (parameter if parameter and parameter.is_flag else None), True

    def _assigned(self, at: int, parameter: Parameter, rest: str) -> int:
        """Take ``name=value``, where ``rest`` is what follows the sign up to any quote."""
        token = self.tokens[at]
        pieces = [Piece(rest, False, ""), *self._pieces(token)[1:]]
        value, after = self._joined(pieces, token, self.tokens, at + 1, parameter)
        self._give(parameter, value)
        return after

    # Greedy placeholders

    def _match_greedy(self) -> None:
        """Match a form with a greedy slot, within which nothing is an option."""
        at = self.form.lead
        parts = self.form.parts
        for index in range(self.form.lead, self.form.greedy):
            at = self._leading_options(at)
            part = parts[index]
            if self._skips(part):
                continue
            if at == len(self.tokens):
                raise self._short(parts[index:])
            at = self._take(part, self.tokens, at)
        at = self._leading_options(at)
        slot = self.form.parts[self.form.greedy]
        assert isinstance(slot, Slot)
        if not self._skips(slot):
            at = self._swallow(slot, at)
        self._finish(at, self.form.greedy + 1)

    def _leading_options(self, at: int) -> int:
        while at < len(self.tokens):
            token = self.tokens[at]
            if token.text == "--" and token.plain:
                return at + 1
            after = self._option(at, bare=False)
            if after == at:
                break
            at = after
        return at

    def _swallow(self, slot: Slot, at: int) -> int:
        """Fill the greedy slot with the tokens from ``at``; return where it ends."""
        rest = self.form.parts[self.form.greedy :]
        if at == len(self.tokens):
            raise self._short(rest)
        first = self.tokens[at]
        if first.quoted and self._ends_after(at + 1):
            self._place(slot.parameter, self._value(self.tokens, at, slot.parameter)[0])
            return at + 1
        if first.glued >= 0 and first.pieces[0].quoted:
            raise self._glued(first)
        end = self._last(rest[1], at + 1) if len(rest) > 1 else len(self.tokens)
        if first.quoted and len(rest) > 1 and at + 1 < end == len(self.tokens):
            raise complaints.unexpected(self.line, self.tokens[at + 1], self.form, rest[1])
        raw = Piece(self.line.raw(at, end), True, "")
        self._place(slot.parameter, Value((raw,), (first.start, self.tokens[end - 1].end)))
        return end

    def _ends_after(self, at: int) -> bool:
        """Whether a quoted text before ``at`` is all of the greedy slot."""
        if at == len(self.tokens):
            return True
        if self.form.greedy + 1 < len(self.form.parts):
            return _says(self.tokens[at], self.form.parts[self.form.greedy + 1])
        return (
            _head(self.tokens[at]).startswith("--")
            and self._named(_head(self.tokens[at])[2:].partition("=")[0])[0] is not None
        )

    def _last(self, literal: Part, first: int) -> int:
        """Return the last index of ``literal`` that is not an option's value."""
        for at in range(len(self.tokens) - 1, first - 1, -1):
            if _says(self.tokens[at], literal) and not self._is_value(at):
                return at
        return len(self.tokens)

    def _is_value(self, at: int) -> bool:
        head = _head(self.tokens[at - 1])
        if not head.startswith("--") or "=" in head:
            return False
        parameter, _ = self._named(head[2:])
        return parameter is not None and parameter.type is not bool


def _head(token: Token) -> str:
    """Return the part of the token before any quote."""
    if token.pieces:
        return "" if token.pieces[0].quoted else token.pieces[0].text
    return "" if token.quoted else token.text


def _fits(token: Token, part: Part) -> bool:
    if isinstance(part, Word):
        return _says(token, part)
    return not part.prefix or (token.plain and part.takes(token.text))


def _says(token: Token, part: Part) -> bool:
    return isinstance(part, Word) and token.plain and token.text.casefold() == part.text


def _continues(pieces: Sequence[Piece], following: Token) -> bool:
    """Whether a comma joins what was read to the next token."""
    head = _head(following)
    if head.startswith("--"):
        return False
    last = pieces[-1]
    return (not last.quoted and last.text.endswith(",")) or head.startswith(",")


def items(value: Value) -> list[str] | None:
    """Return the values between unquoted commas, or None if one is missing.

    Nothing at all, as in ``--tag=``, is an empty list.
    """
    text, quoted, _ = value.pieces[0]
    if len(value.pieces) == 1 and (quoted or "," not in text):
        return [text] if text or quoted else []
    found: list[str] = []
    current: list[str] = []
    for piece in value.pieces:
        if piece.quoted:
            current.append(piece.text)
            continue
        before, *after = piece.text.split(",")
        if before:
            current.append(before)
        for part in after:
            if not current:
                return None
            found.append("".join(current))
            current = [part] if part else []
    if not current:
        return None
    return [*found, "".join(current)]
