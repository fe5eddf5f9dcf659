"""Homes: where the files of a lake are kept, and how they get there.

In:  parts, paths.   Out: the same files where a reader of Parquet can open them.
Free of rows. `FolderHome` is a folder of this machine; `forcedflow.store.bucket_home.BucketHome` a
bucket, of which this machine holds copies.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from forcedflow.errors import UsageError
from forcedflow.store.conditional import Conditional, LockedFiles
from forcedflow.store.manifest import Manifest, ManifestView
from forcedflow.store.manifest_sqlite import SqliteManifest
from forcedflow.store.partitions import Partition
from forcedflow.store.parts import Part, is_intact, list_part_files
from forcedflow.tables import TABLES


class Home(Protocol):
    """Where a lake is kept."""

    @property
    def address(self) -> str:
        """Return where it is, as a person states it."""

    @property
    def root(self) -> Path:
        """Return the folder of this machine in which its files can be opened."""

    @property
    def manifest(self) -> Manifest:
        """Return what says which files count."""

    @property
    def conditional(self) -> Conditional:
        """Return what puts small files on condition."""

    def create(self) -> None:
        """Make it, unless it is there already."""

    def bring(self, parts: Sequence[Part]) -> None:
        """Return once the files can be opened below `root`.

        Raises
        ------
        FileNotFoundError
            If one is gone: the caller knows whether that is damage or a newer manifest.
        """

    def holds(self, part: Part) -> bool:
        """Return whether the file is where everybody finds it."""

    def is_intact(self, part: Part) -> bool:
        """Return whether the file is there, byte for byte as it was written."""

    def unlink(self, outdated: Iterable[Part]) -> None:
        """Remove files that the committed manifest no longer names."""

    def sweep(self, view: ManifestView, partition: Partition) -> None:
        """Remove what killed writers left of a partition, where none can be at work now."""

    def remove_orphans(self) -> int:
        """Remove all files that are no part of the lake and return how many."""

    def publish(self, path: Path) -> str:
        """Let everybody have a file below `root`, and return where it is."""

    def refresh(self, folder: str) -> None:
        """Return once everything that was published below a folder is below `root`."""


class FolderHome:
    """A folder of this machine.

    Parameters
    ----------
    root : Path
        The folder, absolute.

    Raises
    ------
    UsageError
        If it is a file.
    """

    def __init__(self, root: Path) -> None:
        if root.exists() and not root.is_dir():
            raise UsageError(f"{root} is a file; a lake is a folder")
        self.root = root
        self.address = str(root)
        self.manifest = SqliteManifest(root / "manifest.sqlite")
        self.conditional = LockedFiles(root)

    def create(self) -> None:
        """Make the folder and its manifest."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.manifest.create()

    def bring(self, parts: Sequence[Part]) -> None:
        """Return at once: the files are here, or whoever opens one finds it missing."""

    def holds(self, part: Part) -> bool:
        """Return whether the file is there."""
        return (self.root / part.path).exists()

    def is_intact(self, part: Part) -> bool:
        """Return whether the file is there, byte for byte as it was written."""
        return is_intact(self.root, part)

    def unlink(self, outdated: Iterable[Part]) -> None:
        """Remove files that the committed manifest no longer names."""
        for part in outdated:
            (self.root / part.path).unlink(missing_ok=True)

    def sweep(self, view: ManifestView, partition: Partition) -> None:
        """Unlink what killed writers left in a partition's folder; only the writer may ask."""
        self._sweep(view, self.root / partition.folder)

    def remove_orphans(self) -> int:
        """Unlink all files that are no part of the lake and return how many."""
        return self.manifest.write(
            lambda turn: sum(
                self._sweep(turn, folder)
                for table in TABLES
                for folder in sorted(self.root.glob(f"{table}/venue=*/symbol=*/date=*"))
            )
        )

    def publish(self, path: Path) -> str:
        """Return the file's path: whoever sees the folder has it."""
        return str(path)

    def refresh(self, folder: str) -> None:
        """Return at once: what was published is here."""

    def _sweep(self, view: ManifestView, folder: Path) -> int:
        # By number and name, not by path: on a file system that ignores case, two symbols that
        # differ in case share a folder.
        orphans = [
            path
            for sequence, path in list_part_files(folder)
            if not view.is_live(sequence, path.name)
        ]
        for path in orphans:
            path.unlink(missing_ok=True)
        return len(orphans)
