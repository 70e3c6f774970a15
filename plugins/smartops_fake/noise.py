"""Chance that is the same every time: numbers drawn from a seed and a place in time."""

from __future__ import annotations

from hashlib import blake2b

_MASK = (1 << 64) - 1
_UNIT = 1.0 / (1 << 64)


def salt_of(seed: str, *parts: str | int) -> int:
    """Return 64 bits that stand for the parts under the seed."""
    text = "\0".join((seed, *map(str, parts)))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def draw(salt: int, tick: int) -> float:
    """Return the number in [0, 1) that belongs to a tick; the mix is splitmix64's."""
    bits = (salt + tick * 0x9E3779B97F4A7C15) & _MASK
    bits = ((bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    bits = ((bits ^ (bits >> 27)) * 0x94D049BB133111EB) & _MASK
    return (bits ^ (bits >> 31)) * _UNIT


def drift(salt: int, at: float, knot: float) -> float:
    """Return a number in [0, 1) that wanders smoothly, with a new aim every ``knot`` seconds."""
    tick, rest = divmod(at, knot)
    share = rest / knot
    share = share * share * (3.0 - 2.0 * share)
    here = draw(salt, int(tick))
    return here + (draw(salt, int(tick) + 1) - here) * share


def between(salt: int, tick: int, low: float, high: float) -> float:
    """Return a number drawn from a range."""
    return low + (high - low) * draw(salt, tick)
