"""What an Adaptive Card shows, by the official schema and by a Markdown reader."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import adaptive_cards
from jsonschema import Draft6Validator
from jsonschema.exceptions import best_match
from markdown_it import MarkdownIt

from contrast import faint

LIMIT = 28 * 1024
_markdown = MarkdownIt("commonmark").enable(["table", "strikethrough"])


@cache
def _validator() -> Draft6Validator:
    folder = Path(adaptive_cards.__file__).parent
    return Draft6Validator(json.loads((folder / "schemas" / "schema-1.5.json").read_text()))


def loaded(text: str) -> dict[str, Any]:
    """Read a card; fails unless Teams accepts it and people can read it.

    It must be valid, of version 1.5, small enough, and have enough contrast.
    """
    wire = text.encode("utf-8", "replace")
    assert len(wire) <= LIMIT
    card = json.loads(wire)
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.5")
    assert card.pop("msteams") == {"width": "Full"}  # Teams' own, not in the schema
    problem = best_match(_validator().iter_errors(_sampled(card)))
    assert problem is None, f"{problem.json_path}: {problem.message[:300]}"
    assert card["body"]
    assert not faint(card)
    return card


def _sampled(thing: Any) -> Any:
    """Return the card with the middle of long lists left out: the validator is slow."""
    if isinstance(thing, dict):
        return {name: _sampled(value) for name, value in thing.items()}
    if isinstance(thing, list):
        return [_sampled(value) for value in (thing if len(thing) < 30 else thing[:8] + thing[-8:])]
    return thing


def parts(thing: Any) -> Iterator[dict[str, Any]]:
    """Walk over every object of a card, in order."""
    if isinstance(thing, dict):
        yield thing
        for value in thing.values():
            yield from parts(value)
    elif isinstance(thing, list):
        for value in thing:
            yield from parts(value)


def kinds(card: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [part for part in parts(card) if part.get("type") == kind]


def runs(element: dict[str, Any]) -> str:
    """Return the text of a RichTextBlock, which has no Markdown."""
    return "".join(
        inline if isinstance(inline, str) else inline["text"] for inline in element["inlines"]
    )


def read_markdown(text: str) -> str:
    """Return what a reader of Markdown shows; fails if it takes anything for markup."""
    tokens = _markdown.parse(text)
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"], text
    children = tokens[1].children or []
    assert {token.type for token in children} <= {"text"}, text
    return "".join(token.content for token in children)


def shown(card: dict[str, Any]) -> list[str]:
    """Return every text that the card shows, in order."""
    texts: list[str] = []
    for part in parts(card["body"]):
        match part.get("type"):
            case "RichTextBlock":
                texts.append(runs(part))
            case "TextBlock":
                texts.append(read_markdown(part["text"]))
            case "FactSet":
                for fact in part["facts"]:
                    texts += [read_markdown(fact["title"]), read_markdown(fact["value"])]
    return texts


def rows(card: dict[str, Any]) -> list[list[str]]:
    """Return the texts of the card's first table, its header first."""
    table = kinds(card, "Table")[0]
    return [[runs(cell["items"][0]) for cell in row["cells"]] for row in table["rows"]]
