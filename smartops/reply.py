"""Replies: data for programs, and a view for people.

``data`` follows the wire contract. ``view`` is a short tuple of blocks, which each
channel renders natively. Handlers never see a platform's JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, get_args

from .errors import RateLimited, Refusal
from .jsonable import jsonable, members
from .stack import Stack, stacked


class Severity(StrEnum):
    """How good or bad something is."""

    GOOD = "good"
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def mark(self) -> str:
        """An emoji for it, for places without coloured text."""
        return _MARKS[self]


_MARKS = {
    Severity.GOOD: "🟢",
    Severity.INFO: "🔵",
    Severity.WARNING: "🟠",
    Severity.CRITICAL: "🔴",
}


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph. ``style`` is its emphasis; the text is plain, never markup."""

    text: str
    style: Literal["normal", "title", "note"] = "normal"
    severity: Severity | None = None

    def __post_init__(self) -> None:
        """Raise TypeError if the text is not a string."""
        _expect("the text of a Text", self.text, str)


@dataclass(frozen=True, slots=True)
class Fields:
    """Name and value pairs about one thing."""

    pairs: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        """Raise TypeError or ValueError if a pair is not two strings."""
        for name, value in self.pairs:
            _expect("a name in Fields", name, str)
            _expect(f"the value of {name!r} in Fields", value, str)


@dataclass(frozen=True, slots=True)
class Cell:
    """A table cell with a severity, such as a state."""

    text: str
    severity: Severity


Row = tuple[str | Cell, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table. Each row has one cell for each column.

    ``together`` names groups of columns that a chat stacks in one column, headed
    by the first, because it has little space. Plain text and data are unaffected.
    """

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    together: tuple[tuple[str, ...], ...] = ()

    @property
    def stacks(self) -> tuple[Stack, ...]:
        """The columns, grouped for channels with little space."""
        return stacked(self.columns, self.together)

    def __post_init__(self) -> None:
        """Raise ValueError for a wrong number of cells in a row, TypeError for an invalid cell."""
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"a row has {len(row)} cells under {len(self.columns)} columns")
            for cell in row:
                if cell.__class__ is not str:
                    _expect("a cell of a Table", cell, str, Cell)


@dataclass(frozen=True, slots=True)
class Code:
    """Text that is shown verbatim, in a monospace font. ``title`` describes it."""

    text: str
    title: str = ""

    def __post_init__(self) -> None:
        """Raise TypeError if the text is not a string."""
        _expect("the text of a Code", self.text, str)


@dataclass(frozen=True, slots=True)
class Issue:
    """One finding: its severity, target and title, and a recommendation."""

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
    """A button.

    ``value`` is what a press sends: an opaque token, or, for ``command``, the text
    of a command, such as for the next page. ``danger`` warns of what a press leads to.
    """

    type: Literal["confirm", "cancel", "command"]
    label: str
    value: str
    danger: bool = False


@dataclass(frozen=True, slots=True)
class FormField:
    """One field of a form.

    ``name`` is the parameter's name, ``kind`` the type of input; a ``choice`` has
    ``choices``, a ``flag`` is ``true`` or ``false``. ``value`` is the default,
    ``hint`` an example.
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
    """A form for the missing arguments of a command.

    A channel without forms shows ``title``, which asks for the first field, and
    SmartOps takes the person's next message as its value. ``command`` is the
    incomplete command: submitting the form sends it as the message's text, with
    the values as the message's form.
    """

    command: str
    title: str
    fields: tuple[FormField, ...]


Block = Text | Fields | Table | Code | Issues | Form
_BLOCKS = get_args(Block)
View = tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Quota:
    """The sender's remaining quota of the rate limit that is closest to exhausted.

    ``reset`` is in seconds since the epoch, ``retry_after`` in whole seconds, and
    0 if the message was not limited.
    """

    limit: int
    remaining: int
    reset: int
    retry_after: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one message.

    A handler builds it with :meth:`Reply.of`; the gate adds ``quota`` and
    ``request_id``. ``private`` asks the channel to show it only to the sender, if
    it can.
    """

    status: Literal["success", "pending", "error"] = "success"
    data: Mapping[str, Any] = field(default_factory=dict)
    view: View = ()
    actions: tuple[Action, ...] = ()
    error: Refusal | None = None
    private: bool = False
    quota: Quota | None = None
    request_id: str = ""
    _dumped: bytes = field(default=b"", init=False, repr=False, compare=False)

    @classmethod
    def of(
        cls,
        *view: Block | str,
        data: Mapping[str, Any] | None = None,
        actions: Sequence[Action] = (),
        private: bool = False,
    ) -> Reply:
        """Return a successful reply; a plain string is a paragraph.

        Raises TypeError if ``view`` contains anything else than blocks and strings.
        """
        blocks = tuple([Text(block) if isinstance(block, str) else block for block in view])
        for block in blocks:
            _expect("what Reply.of shows", block, *_BLOCKS)
        made = {} if data is None else data
        return cls(data=made, view=blocks, actions=tuple(actions), private=private)

    @classmethod
    def refused(cls, error: Refusal) -> Reply:
        """Return the reply for an error."""
        lines: list[Block] = [Text(error.message, severity=Severity.WARNING)]
        details = error.details or ""
        if error.excerpt and details.startswith(error.excerpt):
            lines.append(Code(error.excerpt))
            details = details.removeprefix(error.excerpt).strip()
        if details:
            lines.append(Text(details, style="note"))
        if isinstance(error, RateLimited) and error.retry_after:
            lines.append(Text(f"Try again in {error.retry_after} seconds.", style="note"))
        actions = tuple(Action("command", text, text) for text in error.suggestions)
        return cls(status="error", view=tuple(lines), actions=actions, error=error, private=True)

    def check(self) -> None:
        """Raise TypeError or ValueError if the reply cannot be sent."""
        for block in self.view:
            _expect("what a Reply shows", block, *_BLOCKS)
        _expect("the data of a Reply", self.data, Mapping)
        self.dump()

    def dump(self) -> bytes:
        """Return the reply as JSON for the store; :meth:`load` parses it. It is written once.

        Raises TypeError or ValueError if its data has no JSON form.
        """
        if not self._dumped:
            object.__setattr__(self, "_dumped", _encoded(self.stored()).encode())
        return self._dumped

    def share_dump(self, other: Reply) -> None:
        """Use what was written for a reply with the same stored members."""
        object.__setattr__(self, "_dumped", other._dumped)

    def stored(self) -> dict[str, Any]:
        """Return the members that :meth:`dump` writes."""
        return {
            "status": self.status,
            "data": dict(self.data),
            "view": [{"block": type(block).__name__, **members(block)} for block in self.view],
            "actions": [members(action) for action in self.actions],
            "error": _dump_error(self.error),
            "private": self.private,
        }

    @classmethod
    def load(cls, stored: bytes) -> Reply:
        """Return the reply that :meth:`dump` stored."""
        return cls(**members_of(json.loads(stored)))


def members_of(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of a Reply from the JSON object that :meth:`Reply.dump` stored."""
    return {
        "status": stored["status"],
        "data": stored["data"],
        "view": tuple(_load_block(block) for block in stored["view"]),
        "actions": tuple(
            Action(it["type"], it["label"], it["value"], it.get("danger", False))
            for it in stored["actions"]
        ),
        "error": _load_error(stored["error"]),
        "private": stored["private"],
    }


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
