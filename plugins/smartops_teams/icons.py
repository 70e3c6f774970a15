"""The two pictures of the app package, drawn point by point: PNG needs no more than zlib."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

Colour = tuple[int, int, int, int]
ACCENT = "#1F4E79"
_BLUE: Colour = (0x1F, 0x4E, 0x79, 255)
_WHITE: Colour = (255, 255, 255, 255)
_CLEAR: Colour = (255, 255, 255, 0)


def colour_icon() -> bytes:
    """Return the full-colour icon, 192 by 192: a white prompt on blue."""
    return _png(192, lambda x, y: _WHITE if _prompt(x, y) else _BLUE)


def outline_icon() -> bytes:
    """Return the outline icon, 32 by 32: white on nothing, as Teams wants it."""
    return _png(32, lambda x, y: _WHITE if _prompt(x, y) else _CLEAR)


def _prompt(x: float, y: float) -> bool:
    """Say whether a point (from 0 to 1) lies on the prompt: an angle bracket and a cursor."""
    width = 0.055
    on_bracket = 0.26 <= x <= 0.5 and abs(abs(y - 0.46) - (0.5 - x) * 0.9) <= width
    on_cursor = 0.54 <= x <= 0.76 and abs(y - 0.68) <= width * 0.8
    return on_bracket or on_cursor


def _png(side: int, colour: Callable[[float, float], Colour]) -> bytes:
    """Return a square picture; edges are smoothed by looking at four points of each pixel."""
    rows = bytearray()
    for row in range(side):
        rows.append(0)  # no filter
        for column in range(side):
            samples = [
                colour((column + x) / side, (row + y) / side)
                for x in (0.25, 0.75)
                for y in (0.25, 0.75)
            ]
            rows += bytes(sum(channel) // 4 for channel in zip(*samples, strict=True))
    header = struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(bytes(rows), 9))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
