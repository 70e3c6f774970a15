"""Files of private keys in PEM form: generated if missing, and readable by their owner alone."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from smartops.errors import Problem, StartupError

K = TypeVar("K")
_BLOCK = re.compile(rb"-----BEGIN .+?-----END [^-]+-----", re.DOTALL)


@dataclass(frozen=True)
class KeyFile(Generic[K]):
    """The private keys in a file, the newest first.

    ``owner`` says in problems whose key it is, ``kind`` which keys it has; ``usable``
    returns whether a key is one of them. Raises StartupError if the file cannot be read
    or written, holds no usable key, or is open to other users of the machine.
    """

    path: Path
    owner: str
    kind: str
    make: Callable[[], K]
    usable: Callable[[Any], bool]

    def load_or_make(self, *, writes: bool) -> list[K]:
        """Return the keys; of a missing file a new one, which is written if it ``writes``."""
        with self._file_problems():
            if not self.path.exists():
                if not writes:
                    return [self.make()]
                self._create()
        return self.load()

    def load(self) -> list[K]:
        """Return the keys in the file."""
        with self._file_problems():
            self._check_mode()
            blocks = _BLOCK.findall(self.path.read_bytes()) or [b""]
        return [self._parse(block) for block in blocks]

    def replace(self, keys: Sequence[K]) -> None:
        """Replace the keys in the file at once; its owner and mode stay."""
        with self._file_problems(), self._draft(self.path.resolve(), keys) as draft:
            before = self.path.stat()
            if os.name == "posix":
                os.chown(draft, before.st_uid, before.st_gid)
            draft.chmod(stat.S_IMODE(before.st_mode))
            draft.replace(self.path.resolve())

    def _create(self) -> None:
        """Write a new key. Of several processes that do so at once, all use that of the first."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self._draft(self.path, [self.make()])
        with draft as written, contextlib.suppress(FileExistsError):
            os.link(written, self.path)

    @contextlib.contextmanager
    def _draft(self, path: Path, keys: Sequence[K]) -> Iterator[Path]:
        """Write the keys to a new file beside ``path``, which is removed at the end."""
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        try:
            with open(draft, "xb", opener=_private_file) as file:
                file.writelines(_pem(key) for key in keys)
                file.flush()
                os.fsync(file.fileno())
            yield draft
        finally:
            draft.unlink(missing_ok=True)

    def _check_mode(self) -> None:
        mode = stat.S_IMODE(self.path.stat().st_mode)
        if os.name == "posix" and mode & 0o027:
            raise self._problem(f"has the mode {mode:04o}", f"chmod 600 {self.path}")

    def _parse(self, block: bytes) -> K:
        try:
            private: Any = serialization.load_pem_private_key(block, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            text = "holds no private key in PEM form without a password"
            raise self._problem(text) from None
        if not self.usable(private):
            raise self._problem(f"holds no {self.kind}")
        found: K = private
        return found

    @contextlib.contextmanager
    def _file_problems(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            other = error.filename not in (None, str(self.path))
            hint = f"look at {error.filename}" if other else ""
            raise self._problem(f"cannot be used: {error.strerror}", hint) from error

    def _problem(self, text: str, hint: str = "") -> StartupError:
        return StartupError(
            Problem(f"the key of {self.owner} {text}", where=str(self.path), hint=hint)
        )


def _pem(private: Any) -> bytes:
    pem: bytes = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return pem


def _private_file(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)
