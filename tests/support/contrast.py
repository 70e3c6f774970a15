"""Contrast of the texts of a card, with the colours that Microsoft publishes for Teams.

The colours are those of the host configurations microsoft-teams-light.json and
microsoft-teams-dark.json; ``#aarrggbb`` begins with the opacity.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

ENOUGH = 4.5
_BOXES = {"good": "#ccffcc", "warning": "#ffe2b2", "attention": "#ffc5b2", "accent": "#c7def9"}
_COLOURS = {"good": "#92c353", "warning": "#f8d22a"}
THEMES: dict[str, dict[str, Any]] = {
    "light": {
        "behind": {"default": "#ffffff", "emphasis": "#f9f8f7", **_BOXES},
        "text": ("#252424", "#bf252424"),
        "in box": ("#252424", "#bf252424"),
        "colours": {**_COLOURS, "attention": "#c4314b", "accent": "#6264a7"},
    },
    "dark": {
        "behind": {"default": "#2d2c2c", "emphasis": "#292828", **_BOXES},
        "text": ("#ffffff", "#bfffffff"),
        "in box": ("#201f1f", "#2d2c2c"),
        "colours": {**_COLOURS, "attention": "#d74654", "accent": "#a6a7dc"},
    },
}
_TEXTS = ("TextRun", "TextBlock")


def faint(card: dict[str, Any]) -> list[str]:
    """Return the texts of a card with too little contrast, with the theme and the contrast."""
    found = []
    for name, theme in THEMES.items():
        for part, style in _texts(card.get("body", []), "default"):
            contrast = _contrast(_colour(part, style, theme), theme["behind"][style])
            if contrast < ENOUGH:
                found.append(f"{name}: {contrast:.2f}: {part['text'][:40]}")
    return found


def _texts(thing: Any, style: str) -> Iterator[tuple[dict[str, Any], str]]:
    if isinstance(thing, list):
        for item in thing:
            yield from _texts(item, style)
    elif isinstance(thing, dict):
        if thing.get("type") == "Container":
            style = thing.get("style", style)
        if thing.get("type") in _TEXTS:
            yield thing, style
        for value in thing.values():
            if isinstance(value, dict | list):
                yield from _texts(value, style)
    else:
        yield {"text": str(thing)}, style


def _colour(part: dict[str, Any], style: str, theme: dict[str, Any]) -> str:
    if "color" in part:
        return str(theme["colours"][part["color"]])
    texts = theme["in box" if style in _BOXES else "text"]
    return str(texts[bool(part.get("isSubtle"))])


@cache
def _contrast(front: str, back: str) -> float:
    levels = sorted((_light(_over(front, back)), _light(_over(back, back))))
    return (levels[1] + 0.05) / (levels[0] + 0.05)


def _over(front: str, back: str) -> list[float]:
    *alpha, red, green, blue = bytes.fromhex(front[1:])
    opacity = alpha[0] / 255 if alpha else 1.0
    below = bytes.fromhex(back[1:])
    return [
        opacity * above + (1 - opacity) * under
        for above, under in zip((red, green, blue), below, strict=True)
    ]


def _light(colour: list[float]) -> float:
    shares = [part / 255 for part in colour]
    linear = [
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in shares
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
