"""The manifest: which files the lake consists of, and which imports it remembers.

In:  parts and receipts.   Out: the same, by table, venue, symbol and time.
Free of how it is kept: `SqliteManifest` of a folder, `ObjectManifest` of a bucket. No rows of
tables are here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from forcedflow.store.partitions import Partition
from forcedflow.store.parts import Part

Changed = TypeVar("Changed")
"""Whatever a change tells its caller."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof that a file's content is in the lake.

    Parameters
    ----------
    sha256 : str
        Checksum of the imported file's content, hexadecimal.
    kind : str
        Importer that read it.
    options : str
        Fingerprint of everything that changed how it was read; empty where nothing did.
    file_name : str
        Name it had, for people.
    imported_ms : int
        When it was imported. [UTC ms]
    rows_added : int, optional
        Rows that were new. Left out on the way in: the lake then states what the write that
        carried the receipt added, over all its tables.
    """

    sha256: str
    kind: str
    options: str
    file_name: str
    imported_ms: int
    rows_added: int | None = None


class ManifestView(Protocol):
    """What a manifest can be asked."""

    def parts(
        self,
        table: str | None = None,
        *,
        venues: Sequence[str] | None = None,
        symbols: Sequence[str] | None = None,
        periods: Sequence[str] | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
    ) -> list[Part]:
        """Return the live files that may hold rows of ``[start_ms, end_ms)``, oldest first."""

    def series(self) -> list[tuple[str, str, str]]:
        """Return every table, venue and symbol held, sorted."""

    def spans(self) -> list[tuple[str, str, str, int, int]]:
        """Return every table, venue and symbol held with its first and last event time, sorted."""

    def state(self) -> tuple[object, ...]:
        """Return figures that change with every change of which files are live."""

    def is_live(self, sequence: int, name: str) -> bool:
        """Return whether a file of this number and name is part of the lake."""

    def receipt(self, sha256: str, kind: str, options: str) -> Receipt | None:
        """Return the receipt of a content, read by this importer with these options."""


class ManifestChange(ManifestView, Protocol):
    """What a writer may do besides asking."""

    def next_sequence(self, partition: Partition) -> int:
        """Return the number of a partition's next file."""

    def insert_part(self, part: Part) -> None:
        """Make a written file part of the lake."""

    def delete_parts(self, parts: Sequence[Part]) -> None:
        """Take files out of the lake; they stay where they are until they are unlinked."""

    def insert_receipt(self, receipt: Receipt, rows_added: int) -> None:
        """Remember an import; the first receipt of a content stays."""

    def delete_receipts(self) -> None:
        """Forget every import, so that each file may be imported again."""


class Manifest(Protocol):
    """The manifest of one lake."""

    def exists(self) -> bool:
        """Return whether the manifest was made."""

    def create(self) -> None:
        """Make the manifest, unless it is there already."""

    def reading(self) -> AbstractContextManager[ManifestView]:
        """Yield what may be asked."""

    def write(self, change: Callable[[ManifestChange], Changed]) -> Changed:
        """Let a writer change the manifest: all that it does is committed, or nothing.

        A change may be called again, on a fresh state, where another writer was faster.
        """
