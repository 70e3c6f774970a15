"""The command ``costs``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Self

from smartops import Costs, Reply, Severity, Table, Text, ValidationFailed, command
from smartops.backends import DayCost, Failure, failures_of

_DAY = timedelta(days=1)
_MOST_DAYS = 365
_MOST_ROWS = 20
_MOST_KEY = 128
_GROUPS = ("service", "account", "region")


class Grouping(str):
    """service, account, region or tag:KEY."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the grouping that a person wrote; the keys of tags are case-sensitive."""
        kind, _, key = text.partition(":")
        if kind.lower() == "tag" and 0 < len(key) <= _MOST_KEY:
            return cls(f"tag:{key}")
        if text.lower() not in _GROUPS:
            raise ValueError("no grouping")
        return cls(text.lower())


@dataclass(frozen=True, slots=True)
class Row:
    """The costs of a group in the window; ``before`` is None if that is not known."""

    name: str
    currency: str
    amount: float
    before: float | None

    @property
    def change(self) -> str | None:
        """The change as ``+15%``; None if there is nothing to compare with."""
        if self.before is None or self.before <= 0:
            return None
        return f"{round((self.amount - self.before) / self.before * 100):+d}%"

    @property
    def data(self) -> dict[str, Any]:
        """An element of ``groups`` or ``total`` in the reply's data."""
        return {
            "name": self.name,
            "amount": self.amount,
            "before": self.before,
            "change": self.change,
            "currency": self.currency,
        }


@command(
    "costs [by {by}]",
    examples=("costs", "costs by region --last 7d", "costs by tag:Team"),
)
async def costs(
    costs: Costs,
    by: Grouping = Grouping("service"),  # noqa: B008 - it is immutable
    *,
    last: timedelta = timedelta(days=30),
) -> Reply:
    """Show what the infrastructure cost, and the change against the same time before.

    --last is a number of days, such as 7d. Only days that are billed completely count.
    """
    days = last // _DAY
    if last % _DAY or not 1 <= days <= _MOST_DAYS:
        raise ValidationFailed(f"--last must be from 1d to {_MOST_DAYS}d, in whole days")
    bill = await costs.daily(2 * days, by)
    billed = sorted({item.day for item in bill})
    window = billed[-days:]
    if not window:
        raise ValidationFailed("There are no days that are billed completely")
    rows = _rows(bill, window[0], compared=len(billed) == 2 * days)
    return _reply(by, window, rows, failures_of(bill))


def _rows(bill: Sequence[DayCost], first: date, *, compared: bool) -> Sequence[Row]:
    """Return the sums by group from ``first`` on and before it, the largest first."""
    amounts: defaultdict[tuple[str, str], float] = defaultdict(float)
    before: defaultdict[tuple[str, str], float] = defaultdict(float)
    for item in bill:
        sums = amounts if item.day >= first else before
        sums[item.group, item.currency] += item.amount
    rows = [
        Row(
            name,
            currency,
            round(amounts[name, currency], 2),
            round(before[name, currency], 2) if compared else None,
        )
        for name, currency in {*amounts, *before}
    ]
    shown = [row for row in rows if row.amount or row.before]
    return sorted(shown, key=lambda row: (-row.amount, row.name, row.currency))


def _joined(name: str, rows: Sequence[Row]) -> Sequence[Row]:
    """Return the sum of rows in each currency."""
    found = []
    for currency in sorted({row.currency for row in rows}):
        own = [row for row in rows if row.currency == currency]
        known = [row.before for row in own if row.before is not None]
        before = round(sum(known), 2) if len(known) == len(own) else None
        found.append(Row(name, currency, round(sum(row.amount for row in own), 2), before))
    return found


def _reply(
    by: str, window: Sequence[date], rows: Sequence[Row], failures: Sequence[Failure]
) -> Reply:
    days = len(window)
    span = f"{days} days" if days > 1 else "1 day"
    total = _joined("total", rows)
    dates = f"{window[0]} to {window[-1]}" if days > 1 else f"{window[0]}"
    blocks: list[Text | Table] = [Text(f"Costs of the last {span}, by {by}", style="title")]
    blocks += [Text(f"Without {failure}", "note", Severity.WARNING) for failure in failures]
    if not rows:
        blocks.append(Text(f"Nothing was billed from {dates}."))
    blocks += [Text(_trend(row, span, dates)) for row in total]
    if rows:
        rest = _joined(f"{len(rows) - _MOST_ROWS} others", rows[_MOST_ROWS:])
        cells = tuple(map(_cells, (*rows[:_MOST_ROWS], *rest)))
        title = by.partition(":")[2] or by.capitalize()
        blocks.append(Table((title, "Amount", "Before", "Change"), cells))
    data: dict[str, Any] = {
        "by": by,
        "from": f"{window[0]}",
        "to": f"{window[-1]}",
        "total": [row.data for row in total],
        "groups": [row.data for row in rows],
    }
    if failures:
        data["failures"] = [dict(failure.data) for failure in failures]
    return Reply.of(*blocks, data=data)


def _trend(total: Row, span: str, dates: str) -> str:
    amount = f"{_money(total.amount, total.currency)} from {dates}"
    if total.before is None:
        return f"{amount}; the {span} before are not known completely."
    before = f"{_money(total.before, total.currency)} in the {span} before"
    return f"{amount}, {total.change or 'up'} against {before}."


def _cells(row: Row) -> tuple[str, ...]:
    before = "" if row.before is None else f"{row.before:,.2f}"
    return row.name, _money(row.amount, row.currency), before, row.change or ""


def _money(amount: float, currency: str) -> str:
    return f"{amount:,.2f} {currency}"
