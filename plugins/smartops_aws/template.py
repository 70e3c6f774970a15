"""Scripts with placeholders, such as ``systemctl restart {unit}``."""

from __future__ import annotations

import re
from collections.abc import Mapping

PLACEHOLDER = re.compile(r"\{([A-Za-z][A-Za-z0-9]{0,49})\}")
WORD = r"[A-Za-z0-9_./@%+=:,][A-Za-z0-9_./@%+=:,-]{0,255}"
"""What a value may be unless the configuration says otherwise: one word that is no option."""


class Template:
    """A script whose placeholders each stand for a value.

    ``patterns`` maps placeholders to what their values must match in full.
    Raises ValueError if the template or a pattern cannot be used.
    """

    def __init__(self, script: str, patterns: Mapping[str, str]) -> None:
        text = script.strip()
        self.names = tuple(PLACEHOLDER.findall(text))
        if len(set(self.names)) < len(self.names):
            raise ValueError("a placeholder appears twice in the script")
        unknown = [name for name in patterns if name not in self.names]
        if unknown:
            raise ValueError(f"the script has no placeholder {{{unknown[0]}}}")
        self.patterns = {name: patterns.get(name, WORD) for name in self.names}
        self._regex = re.compile(self._written(text), re.ASCII)

    def match(self, script: str) -> dict[str, str] | None:
        """Return the value of each placeholder if the script is this one, else None."""
        found = self._regex.fullmatch(script.strip())
        if found is None:
            return None
        values = [found[f"p_{name}"] for name in self.names]
        return dict(zip(self.names, values, strict=True))

    def _written(self, text: str) -> str:
        parts = PLACEHOLDER.split(text)
        for place in range(1, len(parts), 2):
            name = parts[place]
            parts[place] = f"(?P<p_{name}>{_checked(name, self.patterns[name])})"
        parts[::2] = map(re.escape, parts[::2])
        return "".join(parts)


def _checked(name: str, pattern: str) -> str:
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f"the pattern of {name} is no regular expression: {error}") from None
    if groups:
        raise ValueError(f"the pattern of {name} has groups; write (?:…) instead of (…)")
    return pattern
