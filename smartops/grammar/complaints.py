"""The errors for texts that cannot be parsed, with what to write instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from smartops.command import Command
from smartops.nearness import nearest
from smartops.parameter import Parameter

from . import usage
from .errors import (
    MissingArguments,
    ParseError,
    Place,
    UnknownCommand,
    visible,
)
from .index import Entry, key
from .phrases import Form, Part, Slot, Word
from .tokens import Line, Token

_OF_A_SHELL = frozenset({"|", "||", ">", ">>", "&&", ";"})


def quoted(text: str) -> str:
    """Return a text as an error message shows it: short, on one line, in quotation marks."""
    text = " ".join(visible(text[:200]).split())
    return f'"{text if len(text) <= 60 else text[:59] + "…"}"'


def did_you_mean(text: str) -> str:
    """Return the question that offers a near miss; empty if there is none."""
    return f"Did you mean {text}?" if text else ""


def _corrected(line: Line, place: Place, close: str) -> tuple[str, ...]:
    """Return the text with a near miss in place of the typed word; empty if there is none."""
    start, end = place
    return (f"{line.text[:start]}{close}{line.text[end:]}",) if close and " " not in close else ()


def _sentences(*parts: str) -> str:
    return " ".join(filter(None, parts))


def unclosed(line: Line, command: Command | None) -> ParseError:
    """Return the error for a quote that is never closed."""
    hint = "Close it, or put the other kind of quote mark round the text."
    if '\\"' in line.text[line.unclosed :]:
        hint += ' Inside double quotes, \\" is a quote mark of the text and closes nothing.'
    return ParseError(
        "The quote that opens here is never closed",
        text=line.text,
        place=(line.unclosed, line.unclosed + 1),
        hint=hint,
        command=command,
    )


def unknown_option(line: Line, token: Token, entry: Entry) -> ParseError:
    """Return the error for a word that looks like an option but is none."""
    name = token.text.partition("=")[0]
    meant = nearest(key(name[2:]), entry.options)
    close = f"--{meant}" if meant else ""
    listed = ", ".join(f"--{option}" for option in entry.options)
    place = (token.start, min(token.end, token.start + len(name)))
    return ParseError(
        f'{quoted(name)} is not an option of "{entry.command.name}"',
        text=line.text,
        place=place,
        hint=_sentences(
            did_you_mean(close),
            f"Its options are {listed}." if listed else "It has no options.",
            "" if close else "Put quotes round a word that begins with two hyphens.",
        ),
        command=entry.command,
        suggestions=_corrected(line, place, close),
    )


def bad_value(
    line: Line, place: Place, parameter: Parameter, value: str, command: Command
) -> ParseError:
    """Return the error for a word that is not of the argument's type."""
    words = parameter.choices or (("yes", "no") if parameter.type is bool else ())
    close = nearest(value, words)
    single = usage.kind(replace(parameter, many=False))
    return ParseError(
        f"{parameter.option} must be {single}, not {quoted(value)}",
        text=line.text,
        place=place,
        hint=did_you_mean(close),
        command=command,
        suggestions=_corrected(line, place, close),
    )


def unexpected(line: Line, token: Token, form: Form, expected: Part | None) -> UnknownCommand:
    """Return the error for a word where the form has another, or none."""
    command = form.command
    wanted = f': "{usage.parts([expected])}" is expected' if expected else ""
    close = _near_option(token, form)
    return UnknownCommand(
        f"Unexpected argument {quoted(token.text)}{wanted}",
        text=line.text,
        place=token.place,
        hint=_sentences(
            did_you_mean(close) or _unexpected_hint(line, token, form, expected),
            f"Usage: {usage.form(form)}",
        ),
        command=command,
        suggestions=_corrected(line, token.place, close) if token.plain else (),
    )


def _near_option(token: Token, form: Form) -> str:
    """Return the option that a word resembles, written like the word; empty if there is none."""
    name, equals, rest = token.text.partition("=")
    options = [key(item.name) for item in usage.options(form.command)]
    if equals and (close := nearest(key(name), options)):
        return f"{close}={rest}"
    if token.plain and token.text.startswith("-"):
        close = nearest(key(name.lstrip("-")), options)
        return f"--{close}" if close else ""
    return ""


def _unexpected_hint(line: Line, token: Token, form: Form, expected: Part | None) -> str:
    if any(item.plain and item.text in _OF_A_SHELL for item in line.tokens):
        return "This is no shell: there are no pipes, redirections or lists of commands."
    last = form.parts[-1]
    is_option = token.plain and token.text.startswith("-")
    if expected or is_option or not isinstance(last, Slot):
        return ""
    if last.parameter.many:
        return "Put commas between several values."
    if last.parameter.type is str and not last.parameter.choices:
        return f"Put quotes round {usage.metavar(last.parameter)} if it has several words."
    return ""


def missing(
    line: Line, form: Form, parts: Sequence[Part], arguments: Mapping[str, Any]
) -> MissingArguments:
    """Return the error for a text that ends too early."""
    words = [part.parameter for part in parts if isinstance(part, Slot)]
    options = [item for item in usage.options(form.command) if item.required]
    options = [item for item in options if item.name not in arguments]
    if isinstance(parts[0], Word):
        needs = [f'"{usage.parts(parts)}"']
    else:
        needs = list(map(usage.metavar, words))
    needs += [f"--{item.option}" for item in options]
    need = " and ".join(needs)
    return _missing(line, form, need, wanted=(*words, *options), arguments=arguments)


def missing_options(
    line: Line, form: Form, wanted: tuple[Parameter, ...], arguments: Mapping[str, Any]
) -> MissingArguments:
    """Return the error for missing options that have no default."""
    need = " and ".join(f"--{item.option}" for item in wanted)
    return _missing(line, form, need, wanted=wanted, arguments=arguments)


def _missing(
    line: Line,
    form: Form,
    need: str,
    *,
    wanted: tuple[Parameter, ...],
    arguments: Mapping[str, Any],
) -> MissingArguments:
    command = form.command
    end = len(line.text.rstrip())
    hint = [f"{usage.metavar(item)}: {usage.kind(item)}." for item in wanted]
    hint.append(f"Usage: {usage.form(form)}")
    if command.examples:
        hint.append(f"Example: {command.examples[0]}")
    return MissingArguments(
        f'"{command.name}" needs {need}',
        command=command,
        missing=wanted,
        arguments=arguments,
        text=line.text,
        place=(end, end + 1),
        hint="\n".join(hint),
    )


def unknown(line: Line, known: int, suggestions: Sequence[str], *, help: bool) -> UnknownCommand:
    """Return the error for an unknown command, of which the first ``known`` words are known."""
    text = line.text
    if suggestions:
        hint = f"Did you mean: {'; '.join(suggestions)}?"
    else:
        hint = 'Say "help" to see what you can do.' if help else ""
    if known == len(line.tokens):
        message = f"{quoted(text)} is the beginning of a command, but not all of it."
        place = (line.tokens[-1].end, line.tokens[-1].end + 1)
    else:
        message = f"No command matches {quoted(text)}."
        place = line.tokens[known].place
    return UnknownCommand(
        message, text=text, place=place, hint=hint, suggestions=tuple(suggestions)
    )
