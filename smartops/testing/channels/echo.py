"""The plugin that the contract tests send commands to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from smartops.command import Command, command
from smartops.hookspecs import hookimpl
from smartops.plan import Change, Plan
from smartops.reply import (
    Action,
    Block,
    Cell,
    Code,
    Fields,
    Form,
    FormField,
    Issue,
    Issues,
    Reply,
    Severity,
    Table,
    Text,
)

HOSTILE: Sequence[str] = (
    "<script>alert(1)</script> <b>bold</b>",
    "<!channel> <!here> <@U0123456789> @everyone <at>Everyone</at>",
    "**bold** _slanted_ ~gone~ `code` [link](https://evil.example) # heading",
    "Tom & Jerry &amp; &lt;b&gt; %41 \\*star\\*",
    "{{DATE(2026-11-24T09:00:00Z)}} ${HOME} {0} %s",
    "https://evil.example/a?b=c&d=e www.evil.example mail@evil.example",
    "naïve “quotes” — 日本語 العربية 👩🏽\u200d💻",
    "</card></pre>```\n```\n| a | b |\n- item\n> quote",
)
"""Texts that platforms might interpret as markup, mentions or links."""

BLOCKS: Mapping[str, Block] = {
    "paragraph": Text("A plain paragraph."),
    "title": Text("A title", style="title", severity=Severity.GOOD),
    "note": Text("A quiet note", style="note"),
    "warning": Text("A loud warning", severity=Severity.CRITICAL),
    "fields": Fields((("Name", "web-1"), ("Owner", "the web team"))),
    "table": Table(
        ("Name", "State", "Load"),
        (
            ("web-1", Cell("running", Severity.GOOD), "0.4"),
            ("web-2", Cell("stopped", Severity.WARNING), ""),
        ),
    ),
    "code": Code("total 12\n  drwxr-xr-x\n\tindented", title="ls"),
    "issues": Issues(
        (
            Issue(Severity.CRITICAL, "web-1", "Disk is full", "98 % used", "Clean it up"),
            Issue(Severity.INFO, "web-2", "Is new", "launched today"),
        )
    ),
    "form": Form(
        "paint",
        "paint: which colour?",
        (
            FormField("colour", "colour", "choice", ("red", "blue"), hint="red or blue"),
            FormField("layers", "layers", "number", value="1", required=False),
            FormField("wet", "wet", "flag", required=False),
            FormField("wall", "wall"),
        ),
    ),
}
WORDS: Mapping[str, Sequence[str]] = {
    "paragraph": ["A plain paragraph."],
    "title": ["A title"],
    "note": ["A quiet note"],
    "warning": ["A loud warning"],
    "fields": ["Name", "web-1", "Owner", "the web team"],
    "table": ["web-1", "running", "0.4", "web-2", "stopped"],
    "code": ["ls", "total 12", "drwxr-xr-x", "indented"],
    "issues": ["Disk is full", "98 % used", "Clean it up", "Is new", "launched today"],
    "form": ["paint: which colour?"],
}
"""The texts that must be readable in each block, however it is rendered."""


class EchoPlugin:
    """Echoes texts and switches lamps, and records both."""

    def __init__(self) -> None:
        self.received: list[str] = []
        self.switched: list[str] = []

    @hookimpl
    def register_commands(self) -> Sequence[Command]:
        """Return the commands."""
        return [self._repeat(), self._switch(), *_shows()]

    def _repeat(self) -> Command:
        @command("repeat {words...}")
        async def repeat(words: str) -> Reply:
            """Return the same text."""
            self.received.append(words)
            return Reply.of(words, data={"said": words})

        return repeat

    def _switch(self) -> Command:
        @command("switch {lamp}", effect="change")
        async def switch(lamp: str) -> Reply:
            """Switch a lamp."""
            self.switched.append(lamp)
            return Reply.of(f"{lamp} is on", data={"on": lamp})

        @switch.plan
        async def plan(lamp: str) -> Plan:
            return Plan(f"Switch {lamp}", changes=(Change(lamp, lamp, "off", "on"),))

        return switch


def _shows() -> Sequence[Command]:
    @command("show block {kind}")
    async def show(kind: str) -> Reply:
        """Show one kind of block."""
        more = [Action("command", "Once more", f"show block {kind}")]
        return Reply.of(BLOCKS[kind], actions=more)

    @command("count from {number}")
    async def count(number: int) -> Reply:
        """Return a number, and offer the next one."""
        more = [Action("command", "Next", f"count from {number + 1}")]
        return Reply.of(f"Here is number {number}.", actions=more)

    @command("recite {number}")
    async def recite(number: int) -> Reply:
        """Return a hostile text in every kind of block that holds text."""
        text = HOSTILE[number]
        line = " ".join(text.split())
        return Reply.of(
            Text(text),
            Text(line, style="title"),
            Text(text, style="note"),
            Code(text, title=line),
            Fields(((line, line),)),
            Table((line,), ((line,),)),
            Issues((Issue(Severity.WARNING, line, line, text, text),)),
            data={"said": text},
        )

    @command("print {count} lines")
    async def print_lines(count: int) -> Reply:
        """Print many lines."""
        text = "\n".join(f"line {number:05} of {count}" for number in range(count))
        return Reply.of(Code(text, title="The lines"), data={"said": text})

    return [show, count, recite, print_lines]
