"""The journal: every accepted change as one line of JSON, on disk before it happens.

A world that finds lines in it lives them again, so the cloud outlives a crash.
Processes that name the same file share one cloud: each writes under a lock and
follows what the others wrote.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

if sys.platform != "win32":
    import fcntl

Entry = Mapping[str, Any]


class Journal:
    """An append-only file of entries, one a line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = 0

    def founded(self) -> float | None:
        """Return when the cloud was founded, as the first line tells; None if there is none."""
        if not self.grown():
            return None
        first = next(self.read(), None)
        if first is not None and first["what"] != "founded":
            raise ValueError(f"{self._path}: it does not begin with the founding of a cloud")
        return first["at"] if first else None

    def grown(self) -> bool:
        """Say whether there is something that :meth:`read` has not given yet."""
        try:
            return self._path.stat().st_size > self._known
        except FileNotFoundError:
            return False

    def read(self) -> Iterator[Entry]:
        """Give every whole line that is new.

        A last line without an end is being written, or its writer was killed:
        it never happened. Raises ValueError, with file and place, for lines
        that are not entries.
        """
        with self._path.open("rb") as file:
            file.seek(self._known)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._known += len(line)
                yield self._entry(line)

    def hold(self) -> Writer:
        """Return the end of the file, held against other processes; blocks until it is free.

        Raises OSError if the file cannot be written, or has lost lines meanwhile.
        """
        writer = Writer(self._path)
        if writer.size < self._known:
            writer.close()
            raise OSError(f"{self._path} has been cut since it was read")
        return writer

    def _entry(self, line: bytes) -> Entry:
        try:
            entry = json.loads(line)
            return {**entry, "at": float(entry["at"]), "what": str(entry["what"])}
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{self._path}: the line before byte {self._known} is no journal entry: {error!r}"
            ) from error


class Writer:
    """The end of a journal, held until it is closed."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+b")
        if sys.platform != "win32":
            fcntl.flock(self._file, fcntl.LOCK_EX)

    @property
    def size(self) -> int:
        """How long the file is, in bytes."""
        return self._file.seek(0, os.SEEK_END)

    def close(self) -> None:
        """Let other processes write."""
        self._file.close()

    def append(self, entry: Entry, founded: float) -> None:
        """Add an entry and return when it is on disk.

        What a killed writer left is cut off first. A new file begins with the
        founding.
        """
        self._cut_torn_line()
        entries = [entry] if self.size else [{"what": "founded", "at": founded}, entry]
        for line in entries:
            self._file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def _cut_torn_line(self) -> None:
        start = end = self.size
        while start > 0:
            step = min(4096, start)
            self._file.seek(start - step)
            newline = self._file.read(step).rfind(b"\n")
            if newline >= 0:
                start = start - step + newline + 1
                break
            start -= step
        if start < end:
            self._file.truncate(start)
