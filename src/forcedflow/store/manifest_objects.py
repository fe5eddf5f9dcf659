"""The manifest of a bucket: objects that are never changed, and one that says which of them count.

In:  parts and receipts.   Out: the same, by table, venue, symbol and time.
Free of rows. A reader sees one state: what the root named when it was read.

``manifest/root.json`` names one object of parts per table, venue and symbol, and one of receipts
per first byte of a checksum. A writer puts new objects and then the new root, on the condition that
nobody put another meanwhile. Who loses reads the root again: where the winner changed other series,
what was prepared is put on top; where the same, the change is made again on what is held now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol, TypeVar
from uuid import uuid4

import msgspec
import zstandard

from forcedflow.errors import DamagedFileError, DataError, ForcedflowError, NoDataError
from forcedflow.store.manifest import Changed, ManifestChange, Receipt
from forcedflow.store.object_turn import LAYOUT, ObjectTurn, Root
from forcedflow.store.parts import Part

ROOT = "manifest/root.json"

_ATTEMPTS = 200
_RECENT = 256

_Rows = TypeVar("_Rows", bound=tuple[object, ...])


class Objects(Protocol):
    """What a manifest needs of a bucket."""

    def get(self, key: str) -> bytes:
        """Return an object.

        Raises
        ------
        FileNotFoundError
            If there is none.
        """

    def get_version(self, key: str) -> tuple[bytes, str] | None:
        """Return an object and its version, or None where there is none."""

    def put_all(self, objects: Mapping[str, bytes]) -> None:
        """Put objects, in no particular order."""

    def put_if(self, key: str, content: bytes, version: str | None) -> str | None:
        """Put an object if it is still of a version, or not there; None where it is not so."""

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects, those that are not there too."""


class ObjectManifest:
    """The manifest of one bucket and prefix.

    Parameters
    ----------
    objects : Objects
    publish : callable
        Puts files that a change has written into the bucket.
    """

    def __init__(self, objects: Objects, publish: Callable[[Sequence[Part]], None]) -> None:
        self._objects = objects
        self._publish = publish
        self._parts: dict[str, tuple[Part, ...]] = {}

    def exists(self) -> bool:
        """Return whether the manifest was made."""
        return self._objects.get_version(ROOT) is not None

    def create(self) -> None:
        """Make the manifest, unless it is there already."""
        if not self.exists():
            self._objects.put_if(ROOT, msgspec.json.encode(Root()), None)

    @contextmanager
    def reading(self) -> Iterator[ObjectTurn]:
        """Yield what sees one state of the manifest per question."""
        yield ObjectTurn(self._root()[0], self, lambda: self._root()[0])

    def write(self, change: Callable[[ManifestChange], Changed]) -> Changed:
        """Change the manifest, again where another writer was faster; all of it or nothing.

        Raises
        ------
        ForcedflowError
            If others were faster each of many times.
        """
        root, version = self._root()
        for _ in range(_ATTEMPTS):
            turn = ObjectTurn(root, self)
            try:
                changed = change(turn)
            except (DamagedFileError, FileNotFoundError):
                # What a faster writer superseded looks like damage, or is gone, in an older state.
                newer, version = self._root()
                if newer == root:
                    raise
                root = newer
                continue
            if not turn.is_changed:
                return changed
            self._publish(turn.inserted)
            rival = self._commit(turn, root, version)
            if rival is None:
                return changed
            root, version = rival
        raise ForcedflowError(
            f"other writers changed the lake {_ATTEMPTS} times before this one could; nothing was "
            "stored\nhint: run this again when fewer write the same series"
        )

    def _commit(self, turn: ObjectTurn, root: Root, version: str) -> tuple[Root, str] | None:
        """Put the new root and return None, or the state on which the change is made again."""
        name = uuid4().hex
        objects, series, receipts = turn.changes(name)
        self._objects.put_all(objects)
        while True:
            held = {one.name: one for one in root.series} | {one.name: one for one in series}
            after = Root(
                series=tuple(held[key] for key in sorted(held) if held[key].files),
                receipts={**root.receipts, **receipts} if not turn.forgets else receipts,
                recent=(*root.recent, name)[-_RECENT:],
            )
            if self._objects.put_if(ROOT, msgspec.json.encode(after), version) is not None:
                # A reader of the state before finds them gone, and reads the root again.
                self._objects.delete(turn.outdated())
                return None
            newer, version = self._root()
            if name in newer.recent:
                return None  # ours was put, and only the answer was lost
            if turn.touches(newer):
                self._objects.delete(list(objects))
                return newer, version
            root = newer

    def _root(self) -> tuple[Root, str]:
        found = self._objects.get_version(ROOT)
        if found is None:
            raise NoDataError("the lake has no manifest any more\nhint: restore the bucket")
        content, version = found
        try:
            layout = msgspec.json.decode(content, type=_Layout).layout
            if layout > LAYOUT:
                raise DataError(
                    f"{ROOT} has layout {layout}, this program knows {LAYOUT}\n"
                    "hint: upgrade forcedflow; the lake was written by a newer one"
                )
            root = msgspec.json.decode(content, type=Root)
        except msgspec.MsgspecError as error:
            raise DamagedFileError(ROOT, f"is no manifest: {error}") from error
        live = {one.key for one in root.series}
        self._parts = {key: parts for key, parts in self._parts.items() if key in live}
        return root, version

    def parts(self, key: str) -> tuple[Part, ...]:
        """Return an object's parts; kept, since its content never changes."""
        if key not in self._parts:
            self._parts[key] = self._read(key, tuple[Part, ...])
        return self._parts[key]

    def receipts(self, key: str) -> tuple[Receipt, ...]:
        """Return an object's receipts."""
        return self._read(key, tuple[Receipt, ...])

    def _read(self, key: str, kind: type[_Rows]) -> _Rows:
        try:
            return msgspec.json.decode(zstandard.decompress(self._objects.get(key)), type=kind)
        except (zstandard.ZstdError, msgspec.MsgspecError) as error:
            raise DamagedFileError(key, f"is no part of a manifest: {error}") from error


class _Layout(msgspec.Struct):
    layout: int
