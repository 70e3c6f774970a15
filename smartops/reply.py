"""What goes out: a typed result and a neutral view of it.

``data`` is for programs and follows the wire contract. ``view`` is for people:
a short tuple of blocks that every channel renders in its own way. Handlers
never see a platform's JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Literal, get_args

from .errors import RateLimited, Refusal
from .jsonable import jsonable
from .stack import Stack, stacked


class Severity(StrEnum):
    """How a state should strike the reader."""

    GOOD = "good"
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def mark(self) -> str:
        """A picture of it, for places where coloured text cannot be read."""
        return _MARKS[self]


_MARKS = {
    Severity.GOOD: "🟢",
    Severity.INFO: "🔵",
    Severity.WARNING: "🟠",
    Severity.CRITICAL: "🔴",
}


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph. ``style`` is how loud it is; the text itself is plain, never markup."""

    text: str
    style: Literal["normal", "title", "note"] = "normal"
    severity: Severity | None = None

    def __post_init__(self) -> None:
        """Raise TypeError if it is no text."""
        _expect("the text of a Text", self.text, str)


@dataclass(frozen=True, slots=True)
class Fields:
    """Name and value pairs about one thing."""

    pairs: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        """Raise TypeError or ValueError if a pair is not two texts."""
        for name, value in self.pairs:
            _expect("a name in Fields", name, str)
            _expect(f"the value of {name!r} in Fields", value, str)


@dataclass(frozen=True, slots=True)
class Cell:
    """A table cell that should strike the reader, such as a state."""

    text: str
    severity: Severity


Row = tuple[str | Cell, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of like things. Each row has as many cells as there are columns.

    ``together`` names columns that belong together: a chat, which has little
    space, stacks them in one column, led by the first. Text and data keep all.
    """

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    together: tuple[tuple[str, ...], ...] = ()

    @property
    def stacks(self) -> tuple[Stack, ...]:
        """The columns as they are shown where there is little space."""
        return stacked(self.columns, self.together)

    def __post_init__(self) -> None:
        """Raise ValueError if a row has too few or too many cells, TypeError if one is no cell."""
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"a row has {len(row)} cells under {len(self.columns)} columns")
            for cell in row:
                if cell.__class__ is not str:
                    _expect("a cell of a Table", cell, str, Cell)


@dataclass(frozen=True, slots=True)
class Code:
    """Text to be shown to the character, in monospace. ``title`` says what it is."""

    text: str
    title: str = ""

    def __post_init__(self) -> None:
        """Raise TypeError if it is no text."""
        _expect("the text of a Code", self.text, str)


@dataclass(frozen=True, slots=True)
class Issue:
    """One finding: what, where, how bad, and what to do about it."""

    severity: Severity
    target: str
    title: str
    details: str
    recommendation: str = ""


@dataclass(frozen=True, slots=True)
class Issues:
    """Findings, worst first."""

    items: tuple[Issue, ...]


@dataclass(frozen=True, slots=True)
class Action:
    """Something the reader can do next.

    ``value`` is what comes back when it is pressed: an opaque token, or, for
    ``command``, the text of a command (next page, details).
    """

    type: Literal["confirm", "cancel", "command"]
    label: str
    value: str


@dataclass(frozen=True, slots=True)
class FormField:
    """One value to be filled in.

    ``name`` is the argument's name, ``kind`` how it is best asked for; a
    ``choice`` has ``choices``, a ``flag`` is ``true`` or ``false``. ``value`` is
    what it is without being filled in, ``hint`` an example.
    """

    name: str
    label: str
    kind: Literal["text", "number", "choice", "flag"] = "text"
    choices: tuple[str, ...] = ()
    required: bool = True
    value: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """Arguments that are missing from a command.

    A channel that cannot show it shows ``title``, which asks for the first
    field in words; SmartOps then takes the person's next message as its value.
    ``command`` is the command as far as it is known: it comes back as the
    message's text, with the values as its form.
    """

    command: str
    title: str
    fields: tuple[FormField, ...]


Block = Text | Fields | Table | Code | Issues | Form
_BLOCKS = get_args(Block)
View = tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Quota:
    """Where the sender stands with the rate limit that is nearest to refusing.

    ``reset`` is in seconds since the epoch, ``retry_after`` in whole seconds
    and 0 unless refused.
    """

    limit: int
    remaining: int
    reset: int
    retry_after: int = 0


class _Later(Mapping[str, Any]):
    """Data that is made when somebody looks at it: channels for people never do."""

    def __init__(self, make: Callable[[], Mapping[str, Any]]) -> None:
        self._make = make
        self._made: Mapping[str, Any] | None = None

    def _data(self) -> Mapping[str, Any]:
        if self._made is None:
            self._made = self._make()
        return self._made

    def __getitem__(self, name: str) -> Any:
        return self._data()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._data())

    def __len__(self) -> int:
        return len(self._data())


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one message.

    A handler builds it with :meth:`Reply.of`; the gate adds ``quota`` and
    ``request_id``. ``private`` asks the channel to show it to the sender alone
    where it can. ``repeated`` says that this act was answered before: a channel
    that pushes its answers stays silent. ``closes`` is the id of the approval that
    this decides: the messages that asked must lose their buttons, whatever shows them.
    ``asks`` is the key under which it is kept that this message asks.
    """

    status: Literal["success", "pending", "error"] = "success"
    data: Mapping[str, Any] = field(default_factory=dict)
    view: View = ()
    actions: tuple[Action, ...] = ()
    error: Refusal | None = None
    private: bool = False
    quota: Quota | None = None
    request_id: str = ""
    repeated: bool = False
    closes: str = ""
    asks: str = ""

    @classmethod
    def of(
        cls,
        *view: Block | str,
        data: Mapping[str, Any] | Callable[[], Mapping[str, Any]] | None = None,
        actions: Sequence[Action] = (),
        private: bool = False,
    ) -> Reply:
        """Return a successful reply; a plain string is a paragraph.

        ``data`` that takes time to make may be a function that returns it. It is
        called once, and only where a program reads the answer. Raises TypeError
        for anything that is no block.
        """
        blocks = tuple([Text(block) if isinstance(block, str) else block for block in view])
        for block in blocks:
            _expect("what Reply.of shows", block, *_BLOCKS)
        made = _Later(data) if callable(data) else {} if data is None else data
        return cls(data=made, view=blocks, actions=tuple(actions), private=private)

    @classmethod
    def refused(cls, error: Refusal) -> Reply:
        """Return the reply that tells the sender of ``error``."""
        lines: list[Block] = [Text(error.message, severity=Severity.WARNING)]
        details = error.details or ""
        if error.excerpt and details.startswith(error.excerpt):
            lines.append(Code(error.excerpt))
            details = details.removeprefix(error.excerpt).strip()
        if details:
            lines.append(Text(details, style="note"))
        if isinstance(error, RateLimited) and error.retry_after:
            lines.append(Text(f"Try again in {error.retry_after} seconds.", style="note"))
        return cls(status="error", view=tuple(lines), error=error, private=True)

    def check(self) -> None:
        """Raise TypeError or ValueError if it cannot be sent.

        Data that is made later is checked when it is made.
        """
        for block in self.view:
            _expect("what a Reply shows", block, *_BLOCKS)
        _expect("the data of a Reply", self.data, Mapping)
        if self.data and not isinstance(self.data, _Later):
            _encoded(self.data)

    def dump(self) -> bytes:
        """Return the reply as JSON, to be kept; :meth:`load` reads it.

        Raises TypeError or ValueError if its data has no JSON form.
        """
        return _encoded(
            {
                "status": self.status,
                "data": dict(self.data),
                "view": [{"block": type(block).__name__, **asdict(block)} for block in self.view],
                "actions": [asdict(action) for action in self.actions],
                "error": _dump_error(self.error),
                "private": self.private,
                "closes": self.closes,
                "asks": self.asks,
            }
        ).encode()

    @classmethod
    def load(cls, kept: bytes) -> Reply:
        """Return the reply that was kept."""
        fields = json.loads(kept)
        return cls(
            status=fields["status"],
            data=fields["data"],
            view=tuple(_load_block(block) for block in fields["view"]),
            actions=tuple(
                Action(action["type"], action["label"], action["value"])
                for action in fields["actions"]
            ),
            error=_load_error(fields["error"]),
            private=fields["private"],
            closes=fields["closes"],
            asks=fields["asks"],
        )


_encoded = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=jsonable).encode


def _expect(what: str, value: object, *kinds: type) -> None:
    if not isinstance(value, kinds):
        names = " or ".join(kind.__name__ for kind in kinds)
        raise TypeError(f"{what} is {type(value).__name__}, not {names}")


def _dump_error(error: Refusal | None) -> dict[str, Any] | None:
    if error is None:
        return None
    return {
        "code": error.code,
        "status": error.status,
        "message": error.message,
        "details": error.details,
        "retry_after": error.retry_after,
    }


def _load_error(fields: Mapping[str, Any] | None) -> Refusal | None:
    if fields is None:
        return None
    error = Refusal(fields["message"], details=fields["details"], retry_after=fields["retry_after"])
    error.code, error.status = fields["code"], fields["status"]
    return error


def _load_block(fields: dict[str, Any]) -> Block:
    kind = fields.pop("block")
    if kind == "Text":
        severity = fields.pop("severity")
        return Text(**fields, severity=Severity(severity) if severity else None)
    if kind == "Fields":
        return Fields(tuple((name, value) for name, value in fields["pairs"]))
    if kind == "Table":
        rows = tuple(tuple(map(_load_cell, row)) for row in fields["rows"])
        together = tuple(map(tuple, fields.get("together", ())))
        return Table(tuple(fields["columns"]), rows, together)
    if kind == "Code":
        return Code(**fields)
    if kind == "Form":
        items = (
            FormField(**{**item, "choices": tuple(item["choices"])}) for item in fields["fields"]
        )
        return Form(fields["command"], fields["title"], tuple(items))
    return Issues(
        tuple(Issue(**{**item, "severity": Severity(item["severity"])}) for item in fields["items"])
    )


def _load_cell(cell: str | dict[str, str]) -> str | Cell:
    return cell if isinstance(cell, str) else Cell(cell["text"], Severity(cell["severity"]))
