"""The command ``list instances``: pages, filters and usage."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from smartops import (
    Action,
    Call,
    Clock,
    Command,
    Compute,
    Instance,
    Metrics,
    Reply,
    Severity,
    Table,
    Text,
    ValidationFailed,
    command,
)
from smartops.backends import Annotations, Page, Query, State

from .config import InstancesConfig
from .pairs import tag_filter
from .rows import COLUMNS, TOGETHER, USAGE, Row, instance_data, notes_about, row
from .sorting import Order, sorted_page
from .usage import Measured, measure

_EXAMPLES = (
    "list instances",
    "list instances --state running --tag Environment=production",
    'list instances --name "web-*"',
)


def listing(config: InstancesConfig, clock: Clock) -> Command:
    """Return the command ``list instances``."""

    @command("list instances", examples=_EXAMPLES)
    async def list_instances(
        call: Call,
        compute: Compute,
        metrics: Metrics | None,
        *,
        annotations: Annotations | None = None,
        state: list[State] | None = None,
        tag: list[str] | None = None,
        name: list[str] | None = None,
        platform: Literal["linux", "windows"] | None = None,
        type: list[str] | None = None,
        backend: list[str] | None = None,
        sort: Order = "name",
        page: str = "",
    ) -> Reply:
        """List instances with their state and usage.

        Filters are combined; several values of one filter are alternatives.
        --tag takes KEY=VALUE, or KEY for any value. --name, --type, --backend
        (which selects backends) and the values of --tag may contain the wildcards
        * and ?. Terminated instances are only listed with --state terminated.
        --sort launched lists the latest launches first, --sort cpu, memory or disk the
        highest usage.
        --page is the cursor of the next page.
        """
        number, cursor = _page(page)
        query = Query(
            names=tuple(name or ()),
            states=tuple(state or Query.EXISTING),
            platforms=(platform,) if platform else (),
            types=tuple(type or ()),
            tags=tag_filter(tag or ()),
            limit=config.page_size,
            cursor=cursor,
            backends=tuple(backend or ()),
        )
        several = len(_selected(compute, query)) > 1
        if sort == "name":
            found = await compute.list(query)
            measured = await measure(metrics, found.instances, config, clock)
        else:
            found, measured = await sorted_page(
                query, sort, compute, lambda items: measure(metrics, items, config, clock)
            )
        rows = [row(item, measured.of(item)) for item in found.instances]
        found = replace(found, next=f"{number + 1}.{found.next}") if found.next else found
        pages = _pages(number, found, config)
        notes = await notes_about(annotations, found.instances)
        notes += (measured.note,) if measured.note else ()
        return _reply(call, found, measured, rows, notes, several=several, pages=pages)

    return list_instances


def _selected(compute: Compute, query: Query) -> tuple[str, ...]:
    """Return the names of the backends that a query selects; raises ValidationFailed if none."""
    names = tuple(name for name in compute.members if query.asks(name))
    if not names:
        raise ValidationFailed(
            f"No backend is called {' or '.join(query.backends)}",
            details=f"There are: {', '.join(compute.members)}",
        )
    return names


def _page(page: str) -> tuple[int, str]:
    """Return the number of a page, and the cursor for the backends."""
    number, separator, cursor = page.partition(".")
    return (int(number), cursor) if separator and number.isdecimal() else (1, page)


def _pages(number: int, page: Page, config: InstancesConfig) -> str:
    """Return which of the pages this is; empty if it is the only one."""
    count = max(-(-sum(page.counts.values()) // config.page_size), number)
    return f" Page {number:,} of {count:,}." if count > 1 else ""


def _reply(
    call: Call,
    page: Page,
    measured: Measured,
    rows: list[Row],
    notes: Sequence[str],
    *,
    several: bool,
    pages: str,
) -> Reply:
    summary = _summary(page.counts)
    blocks: list[Table | Text] = []
    if page.instances:
        blocks.append(_table(page.instances, measured, rows, several=several))
    blocks.append(Text(_totals(summary, filtered=_filtered(call)) + pages, style="note"))
    blocks += [_warning(f"Without {failure}") for failure in page.failures]
    blocks += map(_warning, notes)
    actions = []
    if page.next:
        actions.append(Action("command", "Next page", _next_page(call, page.next)))
    return Reply.of(*blocks, data=_data(page, summary, measured, notes), actions=actions)


def _next_page(call: Call, cursor: str) -> str:
    """Return the call's text with another page, which is the last option."""
    text = call.text.rpartition(" --page ")[0] if call.arguments.get("page") else call.text
    if not re.fullmatch(r"\w[\w.=-]*", cursor, re.ASCII):
        cursor = "'" + cursor.replace("'", "''") + "'"
    return f"{text} --page {cursor}"


def _data(
    page: Page, summary: Mapping[str, int], measured: Measured, notes: Sequence[str]
) -> dict[str, Any]:
    data: dict[str, Any] = {
        "instances": [instance_data(item, measured.of(item)) for item in page.instances],
        "summary": summary,
        "next": page.next or None,
    }
    if page.failures:
        data["failures"] = [dict(failure.data) for failure in page.failures]
    if notes:
        data["note"] = "; ".join(notes)
    return data


def _table(
    instances: tuple[Instance, ...], measured: Measured, rows: list[Row], *, several: bool
) -> Table:
    columns: tuple[str, ...] = COLUMNS
    if not measured.offered:
        columns = columns[: -len(USAGE)]
        rows = [cells[: -len(USAGE)] for cells in rows]
    if several:
        columns = (*columns, "Backend")
        rows = [(*cells, item.backend) for cells, item in zip(rows, instances, strict=True)]
    ages = [measured.age(item) for item in instances]
    if any(ages):
        columns = (*columns, "Measured")
        rows = [
            (*cells, f"{age} ago" if age else "") for cells, age in zip(rows, ages, strict=True)
        ]
    return Table(columns, tuple(rows), TOGETHER)


def _warning(text: str) -> Text:
    return Text(text, style="note", severity=Severity.WARNING)


def _summary(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the counts by state; ``running`` and ``stopped`` are always included."""
    others = {state: count for state, count in sorted(counts.items()) if count}
    summary = {"total": sum(counts.values()), "running": 0, "stopped": 0}
    return {**summary, **others}


def _filtered(call: Call) -> bool:
    return any(value for name, value in call.arguments.items() if name not in ("page", "sort"))


def _totals(summary: Mapping[str, int], *, filtered: bool) -> str:
    total = summary["total"]
    if not total:
        return "No instance matches." if filtered else "There are no instances."
    states = [
        f"{count:,} {state}" for state, count in summary.items() if state != "total" and count
    ]
    noun = "instance" if total == 1 else "instances"
    return f"{total:,} {noun}: {', '.join(states)}."
