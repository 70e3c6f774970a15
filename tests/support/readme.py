"""The README as tests see it: its blocks, its transcripts and its tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from serving import ROOT

TEXT = (ROOT / "README.md").read_text()

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


def blocks(language: str) -> list[Block]:
    found = []
    for name, text in _BLOCK.findall(TEXT):
        file = _FILE.match(text)
        if name == language:
            found.append(Block(name, file[1] if file else "", text[file.end() :] if file else text))
    return found


def steps() -> list[Step]:
    """Return all commands behind a ``$``, in order."""
    return [step for block in blocks("console") for step in _steps(block.text)]


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
    """Return the commands of a shell script, one each, without the blanks around them."""
    found: list[str] = []
    for line in script.splitlines():
        if found and (_continues(found[-1])):
            found[-1] = f"{found[-1]}\n{line}"
        elif line.strip():
            found.append(line.strip())
    return found


def matches(shown: str, printed: str) -> bool:
    """Whether it is what was printed: ``…`` is anything, blanks and measurements do not count."""
    wanted = map(re.escape, _settled(shown).split("…"))
    return re.fullmatch(".*".join(wanted), _settled(printed), re.DOTALL) is not None


def _settled(text: str) -> str:
    for pattern, instead in _VOLATILE:
        text = pattern.sub(instead, text)
    return re.sub(r"\s+", "", text)


def table(first: str) -> list[list[str]]:
    """Return the rows of the table whose first column has that title."""
    (found,) = re.findall(rf"^\| {first} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", TEXT, re.MULTILINE)
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in found.splitlines()]


def words(text: str) -> list[str]:
    """Return what stands in backticks."""
    return re.findall(r"`([^`]+)`", text)
