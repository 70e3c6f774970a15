"""The grammar: parses texts into calls of the commands it is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from smartops.command import Command
from smartops.errors import Problem, StartupError
from smartops.nearness import near
from smartops.parameter import Parameter
from smartops.reply import Reply

from . import complaints, usage
from .complete import Choices, complete, no_choices
from .errors import MissingArguments, NotPermitted, ParseError, Place, UnknownCommand
from .help import listing, manual, nothing
from .index import Entry, Node, clashes, entry
from .match import Given, Short, Value, by_options, fit, items
from .phrases import Form, Literals
from .schema import filled
from .suggest import known_words, suggest
from .tokens import LIMIT, Line, read
from .write import incomplete, write

Permitted = Callable[[Command], bool]


@dataclass(frozen=True, slots=True)
class Parsed:
    """A command and its typed arguments.

    ``arguments`` holds every parameter, defaults included; lists are tuples
    and targets :class:`Reference`. ``text`` is canonical: parsing it gives an
    equal value.
    """

    command: Command
    arguments: dict[str, Any]
    text: str


class Grammar:
    """Parses texts into calls of its commands.

    A text belongs to the form with the most literal words at its beginning,
    then with the most literal words. Raises StartupError for malformed
    phrases, for commands of one name, and for commands that can match the same
    text equally well.
    """

    def __init__(self, commands: Sequence[Command]) -> None:
        self.commands = tuple(commands)
        self._entries: dict[str, Entry] = {}
        self._root = Node()
        problems: list[Problem] = []
        made: list[Entry] = []
        for command in self.commands:
            item, found = entry(command)
            made.append(item)
            problems.extend(found)
        problems.extend(clashes(made))
        if problems:
            raise StartupError(*problems)
        for item in made:
            self._entries[item.command.name] = item
            for form in item.forms:
                self._root.add(form)
        self._literals = Literals(form for item in made for form in item.forms)
        # Commands without arguments are the most frequent ones.
        self._bare = {
            item.command.name: write(item, item.blank, self._literals)
            for item in made
            if not item.required and any(not names for names, _ in item.ways)
        }

    def parse(self, text: str, permitted: Permitted) -> Parsed:
        """Return the command and arguments of ``text``, whether or not the sender may run it.

        Raises ParseError (a ValidationFailed) and nothing else: UnknownCommand
        if no phrase matches, MissingArguments if something is left out,
        NotPermitted for a faulty text of a command that is not permitted. No
        error names a command that is not.
        """
        line = read(text)
        try:
            form, given = self._select(line, permitted)
            found = self._entries[form.command.name]
            arguments = _bind(line, form, found, given)
        except ParseError as error:
            if error.command is None or permitted(error.command):
                raise
            raise NotPermitted("You may not run this command", command=error.command) from None
        canonical = self._bare.get(found.command.name) if not given else None
        if canonical is None:
            canonical = write(found, arguments, self._literals)
        if len(canonical) > LIMIT:
            raise ParseError(
                "The command is too long: with all that it needs written out, it has more "
                f"than {LIMIT:,} characters"
            )
        return Parsed(form.command, arguments, canonical)

    def fill(
        self, command: Command, arguments: Mapping[str, Any], values: Mapping[str, str]
    ) -> Parsed:
        """Return the call of ``arguments`` completed by the written ``values``.

        Raises ValidationFailed for a value that cannot be read, and
        MissingArguments while something is still left out.
        """
        bound = filled(command, arguments, values)
        return self.parse(incomplete(command, bound), lambda _: True)

    def text(self, command: Command, arguments: Mapping[str, Any]) -> str:
        """Return the canonical text of a call.

        Instances are written by id; what is left out has its default. Raises
        ValueError if an argument is missing or cannot be written.
        """
        return write(self._entries[command.name], arguments, self._literals)

    def help(
        self,
        permitted: Permitted,
        name: str | None = None,
        refused: Mapping[str, str] = MappingProxyType({}),
    ) -> Reply:
        """Return help about everything permitted, or about one command.

        ``name`` may also be the words that several begin with. ``refused`` says why
        commands are refused at present. Raises UnknownCommand, and NotPermitted for a
        command that is not permitted.
        """
        visible = [item for item in self.commands if permitted(item)]
        if not name:
            return listing(visible, refused) if visible else nothing()
        words = name.casefold().split()
        found = [item for item in visible if self._is_called(item, words)]
        if len(found) == 1:
            return manual(found[0], refused.get(found[0].name, ""))
        found += [item for item in visible if item not in found and self._begins(item, words)]
        if len(found) == 1:
            return manual(found[0], refused.get(found[0].name, ""))
        if found:
            return listing(found, refused, f"Commands that begin with {' '.join(words)}")
        hidden = next((item for item in self.commands if self._is_called(item, words)), None)
        if hidden is not None:
            raise NotPermitted("You may not run this command", command=hidden)
        known = [each for item in visible for each in (item.name, *item.aliases)]
        names = near(" ".join(words), known, 3)
        raise UnknownCommand(
            f"There is no command {complaints.quoted(name)}",
            hint=complaints.did_you_mean(" or ".join(names)),
            suggestions=tuple(f"help {item}" for item in names),
        )

    def complete(self, text: str, permitted: Permitted, choices: Choices = no_choices) -> list[str]:
        """Return the words that can replace the last, unfinished word of ``text``.

        If it ends in a space they are the words that can follow. ``choices`` returns
        the values of an argument that are known at run time only.
        """
        try:
            line = read(text)
        except ParseError:
            return []
        return complete(line, self._visible(permitted), choices)

    def _is_called(self, command: Command, words: Sequence[str]) -> bool:
        if command.name.casefold().split() == words:
            return True
        forms = self._entries[command.name].forms
        return any(list(form.words) == words and not form.prefixed for form in forms)

    def _begins(self, command: Command, words: Sequence[str]) -> bool:
        named = (command.name, *command.aliases)
        return any(name.casefold().split()[: len(words)] == words for name in named)

    def _visible(self, permitted: Permitted) -> list[Entry]:
        return [item for item in self._entries.values() if permitted(item.command)]

    def _matches(self, text: str) -> bool:
        try:
            line = read(text)
            form, given = self._select(line, lambda _: True)
            _bind(line, form, self._entries[form.command.name], given)
        except ParseError:
            return False
        return True

    def _select(self, line: Line, permitted: Permitted) -> tuple[Form, Given]:
        """Return the form that the text is of, and what it gives for each parameter."""
        nodes = self._walk(line)
        if line.unclosed >= 0 and nodes:
            raise complaints.unclosed(line, nodes[-1].groups[0][0].command)
        for node in reversed(nodes):
            shorts: list[Short] = []
            for group in node.groups:
                found = self._fitting(line, group, shorts)
                if found:
                    return found
            for short in filter(by_options, shorts):
                return short.form, short.given
            if shorts:
                raise self._missing(line, shorts, permitted)
        raise self._unknown(line, nodes, permitted)

    def _fitting(
        self, line: Line, forms: Sequence[Form], shorts: list[Short]
    ) -> tuple[Form, Given] | None:
        """Return the form with the fewest placeholders given as options.

        Those that would fit with more words are added to ``shorts``.
        """
        fitting: list[tuple[int, Form, Given]] = []
        for form in forms:
            try:
                skipped, given = fit(form, self._entries[form.command.name], line)
            except Short as short:
                shorts.append(short)
            except ParseError:
                continue
            else:
                if not skipped:
                    return form, given
                fitting.append((skipped, form, given))
        return min(fitting, key=lambda item: item[0])[1:] if fitting else None

    def _failures(self, line: Line, nodes: Sequence[Node]) -> Iterator[ParseError]:
        """Yield an error for each form that begins like the text and does not match."""
        for node in nodes:
            for form in node.forms:
                try:
                    fit(form, self._entries[form.command.name], line)
                except ParseError as error:
                    yield error

    def _walk(self, line: Line) -> list[Node]:
        """Return the nodes with forms along the first words of the text."""
        node = self._root
        nodes: list[Node] = []
        for token in line.tokens:
            found = node.children.get(token.text.casefold()) if token.plain else None
            if found is None:
                break
            node = found
            if node.groups:
                nodes.append(node)
        return nodes

    def _missing(self, line: Line, shorts: list[Short], permitted: Permitted) -> MissingArguments:
        """Return the error for the form that needs least, preferring permitted commands."""
        shorts.sort(
            key=lambda item: (
                not permitted(item.form.command),
                len(item.parts),
                item.form.literals,  # of two that need a value, the one that takes any value
            )
        )
        short = shorts[0]
        found = self._entries[short.form.command.name]
        arguments = _values(line, found, short.given)
        return complaints.missing(line, short.form, short.parts, arguments)

    def _unknown(self, line: Line, nodes: Sequence[Node], permitted: Permitted) -> ParseError:
        """Return the error that is furthest in the text, of those about permitted commands."""
        failures = self._failures(line, nodes)
        permitted_ones = [item for item in failures if item.command and permitted(item.command)]
        if permitted_ones:
            return max(permitted_ones, key=lambda item: item.place or (0, 0))
        if not line.tokens:
            if line.unclosed >= 0:
                return complaints.unclosed(line, None)
            return ParseError("The message is empty", hint='Say "help" to see what you can do.')
        visible = self._visible(permitted)
        return complaints.unknown(
            line,
            known_words(line, visible),
            suggest(line, visible, self._matches),
            help=any(item.command.name == "help" for item in visible),
        )


def _bind(line: Line, form: Form, found: Entry, given: Given) -> dict[str, Any]:
    """Return all arguments, typed."""
    arguments = dict(found.blank)
    if given:
        arguments.update(_values(line, found, given))
    if len(given) < len(arguments):
        wanted = tuple(item for item in found.required if item.name not in given)
        if wanted:
            bound = {name: arguments[name] for name in given}
            raise complaints.missing_options(line, form, wanted, bound)
    return arguments


def _values(line: Line, found: Entry, given: Given) -> dict[str, Any]:
    return {
        name: _value(line, found, found.parameters[name], values) for name, values in given.items()
    }


def _value(line: Line, found: Entry, parameter: Parameter, values: Sequence[Value]) -> Any:
    if not parameter.many:
        return _read(line, found, parameter, values[0], values[0].text)
    read: list[Any] = []
    for value in values:
        texts = items(value)
        if texts is None:
            raise ParseError(
                f"A value of {parameter.option} is missing beside a comma",
                text=line.text,
                place=value.place,
                hint=f"Write {usage.kind(parameter)}.",
                command=found.command,
            )
        read.extend(_read(line, found, parameter, value, text) for text in texts)
    return tuple(read)


def _read(line: Line, found: Entry, parameter: Parameter, value: Value, text: str) -> Any:
    try:
        return found.readers[parameter.name](text)
    except ValueError:
        place = _within(line, value.place, text)
        raise complaints.bad_value(line, place, parameter, text, found.command) from None


def _within(line: Line, place: Place, text: str) -> Place:
    """Return where ``text`` stands within ``place``, or all of it if that cannot be told."""
    at = line.text.find(text, *place) if text else -1
    return (at, at + len(text)) if at >= 0 else place
