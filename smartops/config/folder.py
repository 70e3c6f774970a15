"""Paths in a configuration file: relative ones are relative to the file's folder."""

from __future__ import annotations

from pathlib import Path

FOLDER = "smartops.folder"
"""Key of the validation context that holds the folder."""


def within(folder: Path, written: str | Path) -> Path:
    """Return the path that is meant; ``~`` is somebody's home if that somebody exists."""
    path = Path(written)
    try:
        path = path.expanduser()
    except RuntimeError:
        return folder / path
    return folder / path
