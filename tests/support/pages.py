"""Reads blocks, transcripts, tables and links of the README and of ``docs/``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from serving import ROOT

README = ROOT / "README.md"
DOCS = ROOT / "docs"
PAGES = (README, *sorted(DOCS.rglob("*.md")))
"""All pages whose code the tests run. Each is one transcript."""

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"# (\S+\.(?:py|yaml))\n")
_VOLATILE = (
    (re.compile(r"\d+(\.\d+)?(?=[GM]\b)"), "0"),  # sizes
    (re.compile(r"[+-]?\d+(?=%)"), "0"),
    (re.compile(r"\d+(?= minutes)"), "0"),
    (re.compile(r"(?<![\d.])\d+\.\d+(?![\d.])"), "0"),  # measurements, but not addresses
)


@dataclass(frozen=True)
class Block:
    """A fenced block. ``file`` is the name that its first line may give it, ``text`` the rest."""

    language: str
    file: str
    text: str


@dataclass(frozen=True)
class Step:
    """A command of a transcript, what is typed into it, and what it prints."""

    command: str
    typed: str
    printed: str


def blocks(language: str, *pages: Path) -> list[Block]:
    """Return the blocks of a language on these pages, by default on all."""
    found = []
    for name, text in _BLOCK.findall("".join(page.read_text() for page in pages or PAGES)):
        file = _FILE.match(text)
        if name == language:
            found.append(Block(name, file[1] if file else "", text[file.end() :] if file else text))
    return found


def steps(page: Path) -> list[Step]:
    """Return all commands behind a ``$`` on a page, in order."""
    return [step for block in blocks("console", page) for step in _steps(block.text)]


def _steps(transcript: str) -> Iterator[Step]:
    for part in re.split(r"^\$ ", transcript, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        taken = 1
        while _continues("\n".join(lines[:taken])):
            taken += 1
        typed = "".join(f"{line[2:]}\n" for line in lines[taken:] if line.startswith("> "))
        yield Step("\n".join(lines[:taken]), typed, "\n".join(lines[taken:]))


def _continues(command: str) -> bool:
    return command.endswith("\\") or command.count("'") % 2 == 1


def lines(script: str) -> list[str]:
    """Return the commands of a shell script, stripped."""
    found: list[str] = []
    for line in script.splitlines():
        if found and (_continues(found[-1])):
            found[-1] = f"{found[-1]}\n{line}"
        elif line.strip():
            found.append(line.strip())
    return found


def matches(shown: str, printed: str) -> bool:
    """Return whether a text was printed; ``…`` matches anything, blanks and numbers are ignored."""
    wanted = map(re.escape, _settled(shown).split("…"))
    return re.fullmatch(".*".join(wanted), _settled(printed), re.DOTALL) is not None


def _settled(text: str) -> str:
    for pattern, instead in _VOLATILE:
        text = pattern.sub(instead, text)
    return re.sub(r"\s+", "", text)


def table(page: str, first: str) -> list[list[str]]:
    """Return the rows of the table of a page whose first column has that title."""
    text = (DOCS / page).read_text()
    (found,) = re.findall(rf"^\| {first} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in found.splitlines()]


def words(text: str) -> list[str]:
    """Return the texts in backticks."""
    return re.findall(r"`([^`]+)`", text)


def anchors(page: Path) -> set[str]:
    """Return the anchors of the headings of a page, as GitHub makes them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> list[str]:
    """Return the relative links of a page that lead to no file or no heading."""
    found = []
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text()):
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            found.append(target)
    return found
