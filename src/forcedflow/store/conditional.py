"""Puts on condition: a file or an object changes only where nobody changed it meanwhile.

In:  keys, bytes, versions.   Out: whether it was put.
Free of what is put. `forcedflow.store.bucket.Bucket` asks the server; here it is a lock.
"""

from __future__ import annotations

import fcntl
import hashlib
from pathlib import Path
from typing import Protocol


class Conditional(Protocol):
    """Files or objects that are put only where nobody put another meanwhile."""

    def get_version(self, key: str) -> tuple[bytes, str] | None:
        """Return the content and its version, or None where there is none."""

    def put_if(self, key: str, content: bytes, version: str | None) -> str | None:
        """Put if it is still of a version, or not there; None where it is not so."""


class LockedFiles:
    """Files of a folder, put on condition under a lock of the folder's.

    Parameters
    ----------
    root : Path
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def get_version(self, key: str) -> tuple[bytes, str] | None:
        """Return a file's content and its digest, or None where there is none."""
        try:
            content = (self._root / key).read_bytes()
        except FileNotFoundError:
            return None
        return content, hashlib.sha256(content).hexdigest()

    def put_if(self, key: str, content: bytes, version: str | None) -> str | None:
        """Put a file if it is still of a version, or not there; None where it is not so."""
        path = self._root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        with (path.parent / ".lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            held = self.get_version(key)
            if (None if held is None else held[1]) != version:
                return None
            unfinished = path.with_name(f".{path.name}")
            unfinished.write_bytes(content)
            unfinished.replace(path)
        return hashlib.sha256(content).hexdigest()
