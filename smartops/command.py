"""Commands: declared, typed functions, and calls: a command with bound arguments.

From one declaration come the parser, help, suggestions, the JSON schema, forms
and the platforms' command manifests. Signatures are read once, here; the path
of a message never inspects anything.
"""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import Enum, StrEnum
from typing import Any, Literal, Self

from .backend import Backend, Instance
from .message import Message, Person
from .parameter import Parameter, has_parse
from .plan import Plan
from .reply import Reply
from .work import Work


class Effect(StrEnum):
    """What a command does to its targets. ``change`` and ``dangerous`` need approval."""

    READ = "read"
    CHANGE = "change"
    DANGEROUS = "dangerous"


REASON, EMERGENCY = "reason", "emergency"
"""The options of changes that SmartOps adds."""


class Core:
    """The base of parameter types that only SmartOps' own commands may have."""


class DeclarationError(TypeError):
    """A command is declared incorrectly; the text says what to write instead."""


@dataclass(frozen=True, slots=True)
class Call:
    """A command with bound, typed arguments, a person and a place.

    ``command`` is the name, ``text`` the canonical text: parsing it gives the
    same call. ``arguments`` holds every parameter, defaults included, with
    targets resolved. ``idempotency_key`` names the one effect this call may have.
    ``owner`` is the plugin whose command it is. ``emergency`` is the reason for which
    the person runs it without approval by others; empty if it is no emergency.
    """

    command: str
    arguments: Mapping[str, Any]
    person: Person
    message: Message
    text: str = ""
    idempotency_key: str = ""
    owner: str = ""
    emergency: str = ""

    @property
    def targets(self) -> tuple[Instance, ...]:
        """Every instance that the arguments name."""
        found: list[Instance] = []
        for value in self.arguments.values():
            items = value if isinstance(value, tuple | list) else (value,)
            found.extend(item for item in items if isinstance(item, Instance))
        return tuple(found)


Handler = Callable[..., Any]
"""A function of a command; one that is not a coroutine function runs in threads."""


@dataclass(frozen=True, slots=True)
class Command:
    """A declared command. Made by :func:`command`; stays callable as the function it was.

    ``wants`` maps the names of parameters that SmartOps fills to what they are
    filled with: Call, Plan, Work or a capability. Those in ``optional`` are None
    where no backend offers the capability. One that is ``by_hand`` is for people
    alone: no interpreter can run it. One that is ``resumable`` is called again
    after a crash, whatever it has done before. A rule allows one that is
    ``sensitive`` only if it names it. ``aliases`` are the words of the phrases that
    the configuration adds, and ``added`` the options that SmartOps does.
    """

    name: str
    phrases: tuple[str, ...]
    handler: Handler
    help: str
    parameters: tuple[Parameter, ...]
    wants: Mapping[str, type]
    effect: Effect = Effect.READ
    examples: tuple[str, ...] = ()
    deadline: timedelta = timedelta(seconds=60)
    owner: str = ""
    aliases: tuple[str, ...] = ()
    added: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    by_hand: bool = False
    resumable: bool = False
    sensitive: bool = False
    companions: dict[str, Handler] = field(default_factory=dict, repr=False, compare=False)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the decorated function."""
        return self.handler(*args, **kwargs)

    @property
    def summary(self) -> str:
        """The first line of the help."""
        return self.help.partition("\n")[0]

    @property
    def takes_work(self) -> bool:
        """Whether the handler asks for its :class:`~smartops.work.Work`."""
        return Work in self.wants.values()

    @property
    def capabilities(self) -> frozenset[type[Backend]]:
        """The capabilities that the command requires."""
        return frozenset(
            kind
            for name, kind in self.wants.items()
            if issubclass(kind, Backend) and name not in self.optional
        )

    def plan(self, function: Handler) -> Handler:
        """Decorate the function that plans this command.

        It takes any of the handler's parameters by name, returns a Plan, and
        changes nothing.
        """
        self.companions["plan"] = _companion(self, function, "plan")
        return function

    def classify(self, function: Handler) -> Handler:
        """Decorate the function that says which Effect one call has.

        For commands whose effect lies in their arguments. It takes any of the
        handler's parameters by name; the declared effect is the worst case.
        It may refuse the call by raising PermissionDenied.
        """
        self.companions["classify"] = _companion(self, function, "classify")
        return function

    def guard(self, function: Handler) -> Handler:
        """Decorate the coroutine that may refuse a call of this command.

        It takes any of the handler's parameters by name, refuses by raising a
        Refusal, and is asked when the guards of plugins are: see ``register_guards``.
        """
        self.companions["guard"] = _companion(self, function, "guard")
        return function

    def undo(self, function: Handler) -> Handler:
        """Decorate the function that returns the call which undoes a call of this command.

        It takes any of the handler's parameters by name, and ``plan``, the plan that was
        approved; it is called before the change. It returns a command of the same plugin
        and its arguments by name, or None if there is nothing to undo. The plan of that
        call shows as ``before`` what this one's plan shows as ``after``: else it is refused.
        """
        self.companions["undo"] = _companion(self, function, "undo", "plan")
        return function

    def with_options(self, names: Iterable[str]) -> Self:
        """Return the command with further options, which its handler does not get."""
        own = {item.name for item in self.parameters}
        added = [Parameter(name, str, required=False) for name in names if name not in own]
        options = frozenset(item.name for item in added)
        return replace(self, parameters=(*self.parameters, *added), added=options)

    def emergency(self, arguments: Mapping[str, Any]) -> str:
        """Return the reason of the emergency in which it is called; empty if it is none."""
        return str(arguments.get(EMERGENCY) or "") if EMERGENCY in self.added else ""

    def owned(self, owner: str, prefix: str = "") -> Self:
        """Return the command as registered by ``owner``, each phrase after ``prefix``."""
        if not prefix:
            return replace(self, owner=owner)
        return replace(
            self,
            owner=owner,
            name=f"{prefix} {self.name}",
            phrases=tuple(f"{prefix} {phrase}" for phrase in self.phrases),
            examples=tuple(f"{prefix} {example}" for example in self.examples),
        )


def command(
    *phrases: str,
    effect: Effect | Literal["read", "change", "dangerous"] = Effect.READ,
    examples: tuple[str, ...] = (),
    deadline: timedelta = timedelta(seconds=60),
    by_hand: bool = False,
    resumable: bool = False,
    sensitive: bool = False,
) -> Callable[[Handler], Command]:
    """Declare a function as a command. One that is not ``async`` runs in a thread.

    Each phrase is literal words with ``{placeholders}``; the part in square
    brackets may be left out: ``"check health [{target}]"``. The words that the
    first phrase begins with name the command. The first line of the docstring is its help.
    Parameters that stand in no phrase are options (``--timeout 30s``). A
    parameter annotated with Call, Plan, Work or a capability is filled by SmartOps; one
    annotated ``Costs | None`` is None where no backend offers that capability.
    A command that changes something without approval, such as cancelling one, is
    ``by_hand``: interpreters cannot run it. One that reveals what its readers should
    not all see is ``sensitive``: a rule allows it only if its ``commands`` name it in full,
    without wildcards.

    Should SmartOps stop in the middle of a call, the handler is not called
    again, and the outcome is reported as unknown, unless it has begun a step of
    :meth:`Work.once() <smartops.work.Work.once>`. With ``resumable`` it is called
    again in any case: declare that only if running it from the start is harmless.

    Raises DeclarationError if the declaration cannot work.
    """
    if not phrases:
        raise DeclarationError('a command needs a phrase, such as @command("list instances")')

    def declare(function: Handler) -> Command:
        where = f"command {phrases[0]!r}"
        help_text = inspect.getdoc(function)
        if not help_text:
            raise DeclarationError(f"{where}: its docstring is its help, and it has none")
        parameters, wants, optional = _signature(function, where)
        return Command(
            name=_name(phrases[0]),
            phrases=phrases,
            handler=function,
            help=help_text,
            parameters=parameters,
            wants=wants,
            effect=Effect(effect),
            examples=examples,
            deadline=deadline,
            optional=optional,
            by_hand=by_hand,
            resumable=resumable,
            sensitive=sensitive,
        )

    return declare


def _name(phrase: str) -> str:
    """Return the literal words that the phrase begins with: what rules and help call it."""
    return " ".join(re.split(r"[\[{]", phrase, maxsplit=1)[0].split())


def _signature(
    function: Handler, where: str
) -> tuple[tuple[Parameter, ...], Mapping[str, type], frozenset[str]]:
    """Return the arguments, the parameters that SmartOps fills, and the optional ones of these."""
    hints = _hints(function, where)
    _check_result(hints.get("return", Any), where)
    parameters: list[Parameter] = []
    wants: dict[str, type] = {}
    optional: set[str] = set()
    for name, item in inspect.signature(function).parameters.items():
        if item.kind not in (item.POSITIONAL_OR_KEYWORD, item.KEYWORD_ONLY):
            raise DeclarationError(f"{where}: parameter {name} must have a plain name")
        if name in ("self", "cls") and name not in hints:
            raise DeclarationError(
                f"{where}: a method cannot be a command; declare a function in register_commands, "
                "where it can use self"
            )
        if name not in hints:
            raise DeclarationError(f"{where}: parameter {name} needs a type annotation")
        hint = hints[name]
        kind = _without_none(hint)
        if hint in (Call, Plan, Work):
            wants[name] = hint
        elif isinstance(kind, type) and issubclass(kind, Backend | Core):
            if issubclass(kind, Backend) and not inspect.isabstract(kind):
                raise DeclarationError(
                    f"{where}: parameter {name} has type {kind.__name__}, which is a backend; "
                    "annotate it with the abstract class that the backend implements"
                )
            wants[name] = kind
            if kind is not hint:
                optional.add(name)
        else:
            parameters.append(_parameter(name, hint, item.default, where))
    return tuple(parameters), wants, frozenset(optional)


def _hints(function: Handler, where: str) -> dict[str, Any]:
    """Return the annotations, evaluated; only names of the module can be found."""
    try:
        return typing.get_type_hints(function)
    except NameError as error:
        annotations = getattr(function, "__annotations__", {})
        names = [
            name for name, text in annotations.items() if re.search(rf"\b{error.name}\b", str(text))
        ]
        raise DeclarationError(
            f"{where}: the type {error.name} of {' and '.join(names)} is not known in the module "
            f"{function.__module__}; import it at the top of the module"
        ) from error


def _check_result(hint: Any, where: str) -> None:
    """Raise DeclarationError for a function that says that it returns something else."""
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    for kind in typing.get_args(hint) if union else (hint,):
        if kind in (Any, object) or not isinstance(kind, type):
            continue
        if not issubclass(kind, str | Reply):
            name = "None" if kind is type(None) else kind.__name__
            raise DeclarationError(f"{where}: it returns {name}; return a Reply or a str")


_SCALARS = (str, int, float, bool, timedelta, Instance)


def _parameter(name: str, hint: Any, default: Any, where: str) -> Parameter:
    required = default is inspect.Parameter.empty
    hint = _without_none(hint)
    many = False
    if typing.get_origin(hint) is list:
        many, hint = True, typing.get_args(hint)[0]
    choices: tuple[str, ...] = ()
    if typing.get_origin(hint) is Literal:
        choices, hint = tuple(map(str, typing.get_args(hint))), str
    elif isinstance(hint, type) and issubclass(hint, Enum):
        choices = tuple(str(member.value) for member in hint)
    elif hint not in _SCALARS and not (isinstance(hint, type) and has_parse(hint)):
        raise DeclarationError(
            f"{where}: parameter {name} has type {hint!r}; use str, int, float, bool, timedelta, "
            "Literal, an Enum, Instance, a class with a classmethod parse(text), a list of these, "
            "Call, Plan, Work or a capability"
        )
    return Parameter(name, hint, required, None if required else default, many, choices)


def _without_none(hint: Any) -> Any:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        kinds = [kind for kind in typing.get_args(hint) if kind is not type(None)]
        if len(kinds) == 1:
            return kinds[0]
    return hint


def _companion(owner: Command, function: Handler, role: str, *more: str) -> Handler:
    known = {*(parameter.name for parameter in owner.parameters), *owner.wants, *more}
    stray = [name for name in inspect.signature(function).parameters if name not in known]
    if stray:
        raise DeclarationError(
            f"{role} of {owner.name!r}: {', '.join(stray)} is no parameter of the command"
        )
    return function


Layer = Callable[[Call, Callable[[Call], Awaitable[Reply]]], Awaitable[Reply]]
