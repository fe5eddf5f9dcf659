"""A lake in a bucket, of which this machine holds copies of what it read or wrote.

In:  parts, paths.   Out: the same files below a folder of this machine.
Free of rows. Parts never change once they are written, so a copy is as good as the original.

The folder also holds what stays on this machine: raw messages and the outbox of alerts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote, urlsplit
from uuid import uuid4

from forcedflow.errors import DamagedFileError
from forcedflow.store.artefacts import write_whole
from forcedflow.store.bucket import Bucket
from forcedflow.store.manifest import ManifestView
from forcedflow.store.manifest_objects import ROOT, ObjectManifest
from forcedflow.store.partitions import Partition
from forcedflow.store.parts import REMEDY, Part, list_part_files
from forcedflow.tables import TABLES

LOCAL = Path("~/.local/share/forcedflow/buckets")
"""Where copies are held, by server, bucket and prefix."""

ORPHAN_AGE = timedelta(days=1)
"""Younger files that the manifest does not name may be those of a writer that is at work."""


class BucketHome:
    """A prefix of a bucket.

    Parameters
    ----------
    address : str
        ``s3://bucket/prefix``.
    local : Path, optional
        Folder for what stays on this machine.

    Raises
    ------
    UsageError
        If it is no such address, or the client is not installed.
    """

    def __init__(self, address: str, local: Path | None) -> None:
        self.bucket = Bucket(address)
        self.conditional = self.bucket
        self.address = self.bucket.address
        server = urlsplit(self.bucket.endpoint).netloc or "aws"
        below = self.address.removeprefix("s3://").split("/")
        folder = LOCAL.joinpath(*(quote(word, safe=".-_") for word in (server, *below)))
        self.root = (folder if local is None else local).expanduser().absolute()
        self.manifest = ObjectManifest(self.bucket, self._upload)
        self._intact: set[str] = set()

    def create(self) -> None:
        """Make the manifest, once the server has shown that it honours conditions."""
        if not self.manifest.exists():
            self.bucket.check_conditions()
            self.manifest.create()

    def bring(self, parts: Sequence[Part]) -> None:
        """Return once copies of the files are below `root`, each what was written.

        Raises
        ------
        FileNotFoundError
            If one is gone from the bucket.
        DamagedFileError
            If one in the bucket is not what was written.
        """
        wanted = [part for part in parts if not self._is_copied(part)]
        self.bucket.each(self._copy, wanted)

    def holds(self, part: Part) -> bool:
        """Return whether the file is in the bucket."""
        return any(found.key == part.path for found in self.bucket.list(_folder(part.path)))

    def is_intact(self, part: Part) -> bool:
        """Return whether the bucket has the file, byte for byte as it was written."""
        try:
            return hashlib.sha256(self.bucket.get(part.path)).hexdigest() == part.sha256
        except FileNotFoundError:
            return False

    def unlink(self, outdated: Iterable[Part]) -> None:
        """Delete files that the committed manifest no longer names, here and there."""
        gone = list(outdated)
        self.bucket.delete(part.path for part in gone)
        for part in gone:
            (self.root / part.path).unlink(missing_ok=True)

    def sweep(self, view: ManifestView, partition: Partition) -> None:
        """Return at once: another writer may be at work on the partition."""

    def remove_orphans(self) -> int:
        """Delete files that have been no part of the lake for a day, and return how many.

        Copies of this machine that nobody needs any more go too, and are not counted.
        """
        with self.manifest.reading() as view:
            live = {part.path for part in view.parts()}
            named = view.names()
        found = [one for table in TABLES for one in self.bucket.list(f"{table}/")]
        found += [one for one in self.bucket.list("manifest/") if one.key not in named | {ROOT}]
        now = self._now()
        old = [one.key for one in found if now - one.modified > ORPHAN_AGE and one.key not in live]
        self.bucket.delete(old)
        for path in self._copies():
            age = now - datetime.fromtimestamp(path.stat().st_mtime, UTC)
            if age > ORPHAN_AGE and path.relative_to(self.root).as_posix() not in live:
                path.unlink(missing_ok=True)
        return len(old)

    def publish(self, path: Path) -> str:
        """Put a file of `root` into the bucket and return its address."""
        key = path.relative_to(self.root).as_posix()
        self.bucket.put(key, path.read_bytes())
        return f"{self.address}/{key}"

    def refresh(self, folder: str) -> None:
        """Copy what was published below a folder and is not here yet."""
        missing = [
            found.key
            for found in self.bucket.list(f"{folder}/")
            if not (self.root / found.key).exists()
        ]
        self.bucket.each(lambda key: write_whole(self.root / key, self.bucket.get(key)), missing)

    def _upload(self, parts: Sequence[Part]) -> None:
        self.bucket.each(
            lambda part: self.bucket.put(part.path, (self.root / part.path).read_bytes()), parts
        )

    def _is_copied(self, part: Part) -> bool:
        path = self.root / part.path
        try:
            if part.path not in self._intact and path.stat().st_size == part.size:
                with path.open("rb") as file:
                    if hashlib.file_digest(file, "sha256").hexdigest() == part.sha256:
                        self._intact.add(part.path)
            return part.path in self._intact and path.exists()
        except FileNotFoundError:
            return False

    def _copy(self, part: Part) -> None:
        content = self.bucket.get(part.path)
        found = hashlib.sha256(content).hexdigest()
        if found != part.sha256:
            problem = f"its checksum is {found[:12]}…, the manifest says {part.sha256[:12]}…"
            raise DamagedFileError(f"{self.address}/{part.path}", f"{problem}\n{REMEDY}")
        write_whole(self.root / part.path, content)
        self._intact.add(part.path)

    def _copies(self) -> Iterator[Path]:
        for table in TABLES:
            for folder in self.root.glob(f"{table}/venue=*/symbol=*/date=*"):
                yield from (path for _, path in list_part_files(folder))

    def _now(self) -> datetime:
        """Return the time by the server's clock, which is what ages of objects are by."""
        key = f"{uuid4().hex}/clock"
        self.bucket.put(key, b"")
        (found,) = self.bucket.list(key.removesuffix("clock"))
        self.bucket.delete([key])
        return found.modified


def _folder(key: str) -> str:
    return key.rpartition("/")[0] + "/"
