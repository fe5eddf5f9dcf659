"""One state of a bucket's manifest, what it can be asked, and what a writer makes of it.

In:  the root and the objects that it names.   Out: parts and receipts; new objects.
Free of conditions and of retries: `forcedflow.store.manifest_objects` decides whether it counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Protocol
from urllib.parse import quote

import msgspec
import zstandard

from forcedflow.store.manifest import Receipt
from forcedflow.store.partitions import Partition
from forcedflow.store.parts import Part

LAYOUT = 1
"""Version of the root's own shape."""

_RENEWALS = 20


class Series(msgspec.Struct, frozen=True, array_like=True):
    """One table of one venue and symbol: the object of its parts, and what can be asked of all."""

    table: str
    venue: str
    symbol: str
    key: str
    files: int
    next_sequence: int
    min_event_ms: int
    max_event_ms: int

    @property
    def name(self) -> tuple[str, str, str]:
        """Return what tells it from others."""
        return self.table, self.venue, self.symbol


class Root(msgspec.Struct, frozen=True):
    """What the root says.

    Parameters
    ----------
    series : tuple
        Sorted by table, venue and symbol.
    receipts : dict of str to str
        Object of receipts by the first byte of their checksums, hexadecimal.
    recent : tuple of str
        Last commits, newest last: who was not answered finds there whether it was his.
    layout : int
    """

    series: tuple[Series, ...] = ()
    receipts: dict[str, str] = {}
    recent: tuple[str, ...] = ()
    layout: int = LAYOUT


class Reader(Protocol):
    """Reads the objects that a root names; a name is of one content for ever."""

    def parts(self, key: str) -> tuple[Part, ...]:
        """Return an object's parts."""

    def receipts(self, key: str) -> tuple[Receipt, ...]:
        """Return an object's receipts."""


class ObjectTurn:
    """Questions and changes on one root; see `forcedflow.store.manifest.ManifestChange`.

    Parameters
    ----------
    root : Root
    read : Reader
    renew : callable, optional
        Returns the root as it is now, for a reader that finds an object gone: a newer root names
        another in its place. A writer begins anew instead.
    """

    def __init__(self, root: Root, read: Reader, renew: Callable[[], Root] | None = None) -> None:
        self._root = root
        self._read = read
        self._renew = renew
        self._loaded: dict[tuple[str, str, str], dict[int, Part]] = {}
        self._receipts: dict[str, dict[tuple[str, str, str], Receipt]] = {}
        self._next: dict[tuple[str, str, str], int] = {}
        self._changed: set[tuple[str, str, str]] = set()
        self._new_receipts: set[str] = set()
        self.inserted: list[Part] = []
        """Files that are to be in the bucket before the root names them."""
        self.forgets = False
        """Whether every receipt is forgotten."""

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
        for _ in range(_RENEWALS):
            try:
                wanted = [
                    part
                    for series in self._chosen(table, venues, symbols, start_ms, end_ms)
                    for part in self._parts_of(series).values()
                ]
                break
            except FileNotFoundError:
                if self._renew is None:
                    raise
                self._root = self._renew()
                self._loaded.clear()
        else:
            wanted = [
                part
                for series in self._chosen(table, venues, symbols, start_ms, end_ms)
                for part in self._parts_of(series).values()
            ]
        return sorted(
            (
                part
                for part in wanted
                if (periods is None or part.partition.period in periods)
                and (start_ms is None or part.max_event_ms >= start_ms)
                and (end_ms is None or part.min_event_ms < end_ms)
            ),
            key=lambda part: part.sequence,
        )

    def series(self) -> list[tuple[str, str, str]]:
        """Return every table, venue and symbol held, sorted."""
        return sorted(one.name for one in self._root.series)

    def spans(self) -> list[tuple[str, str, str, int, int]]:
        """Return every table, venue and symbol held with its first and last event time, sorted."""
        return sorted((*one.name, one.min_event_ms, one.max_event_ms) for one in self._root.series)

    def state(self) -> tuple[object, ...]:
        """Return figures that change with every change of which files are live."""
        return tuple(sorted(one.key for one in self._root.series))

    def is_live(self, sequence: int, name: str) -> bool:
        """Return whether a file of this number and name is part of the lake."""
        return any(
            part.sequence == sequence and part.path.rpartition("/")[2] == name
            for part in self.parts()
        )

    def receipt(self, sha256: str, kind: str, options: str) -> Receipt | None:
        """Return the receipt of a content, read by this importer with these options."""
        return self._receipts_of(sha256[:2]).get((sha256, kind, options))

    def next_sequence(self, partition: Partition) -> int:
        """Return the number of the next file of the partition's series."""
        name = partition.table, partition.venue, partition.symbol
        self._parts_of(name)
        return self._next[name]

    def insert_part(self, part: Part) -> None:
        """Make a written file part of the lake."""
        name = _series_of(part)
        self._parts_of(name)[part.sequence] = part
        self._next[name] = part.sequence + 1
        self._changed.add(name)
        self.inserted.append(part)

    def delete_parts(self, parts: Sequence[Part]) -> None:
        """Take files out of the lake; they stay in the bucket until they are deleted."""
        for part in parts:
            name = _series_of(part)
            del self._parts_of(name)[part.sequence]
            self._changed.add(name)

    def insert_receipt(self, receipt: Receipt, rows_added: int) -> None:
        """Remember an import; the first receipt of a content stays."""
        if receipt.rows_added is None:
            receipt = replace(receipt, rows_added=rows_added)
        place = receipt.sha256[:2]
        held = self._receipts_of(place)
        if held.setdefault((receipt.sha256, receipt.kind, receipt.options), receipt) is receipt:
            self._new_receipts.add(place)

    def delete_receipts(self) -> None:
        """Forget every import, so that each file may be imported again."""
        self._receipts = {place: {} for place in self._root.receipts}
        self._new_receipts.clear()
        self.forgets = True

    def names(self) -> set[str]:
        """Return the keys of all objects that the root names."""
        return {*(one.key for one in self._root.series), *self._root.receipts.values()}

    @property
    def is_changed(self) -> bool:
        """Return whether anything is to be put."""
        return bool(self._changed or self._new_receipts or self.forgets)

    def touches(self, newer: Root) -> bool:
        """Return whether anything that was read here is another in a newer root."""
        then = {one.name: one.key for one in newer.series}
        was = {one.name: one.key for one in self._root.series}
        if any(then.get(name) != was.get(name) for name in self._loaded):
            return True
        places = set(newer.receipts) if self.forgets else set(self._receipts)
        return any(newer.receipts.get(at) != self._root.receipts.get(at) for at in places)

    def changes(self, commit: str) -> tuple[dict[str, bytes], list[Series], dict[str, str]]:
        """Return new objects by key, the series that they are of, and the receipts.

        Parameters
        ----------
        commit : str
            A name that was never used, which makes the keys so.
        """
        objects: dict[str, bytes] = {}
        changed = []
        for name in sorted(self._changed):
            parts = [part for _, part in sorted(self._loaded[name].items())]
            key = "/".join(("manifest", *(quote(word, safe="") for word in name), commit))
            if parts:
                objects[key] = _packed(parts)
            changed.append(
                Series(
                    *name,
                    key=key,
                    files=len(parts),
                    next_sequence=self._next[name],
                    min_event_ms=min((part.min_event_ms for part in parts), default=0),
                    max_event_ms=max((part.max_event_ms for part in parts), default=0),
                )
            )
        receipts = {place: f"manifest/imports/{place}/{commit}" for place in self._new_receipts}
        objects |= {
            key: _packed(list(self._receipts[place].values())) for place, key in receipts.items()
        }
        return objects, changed, receipts

    def outdated(self) -> list[str]:
        """Return the keys of objects that the new root does not name any more."""
        series = [one.key for one in self._root.series if one.name in self._changed]
        places = set(self._root.receipts) if self.forgets else self._new_receipts
        held = self._root.receipts
        return [*series, *(held[place] for place in sorted(places) if place in held)]

    def _chosen(
        self,
        table: str | None,
        venues: Sequence[str] | None,
        symbols: Sequence[str] | None,
        start_ms: int | None,
        end_ms: int | None,
    ) -> Iterable[tuple[str, str, str]]:
        """Yield the series whose parts are asked for: only their objects are read."""
        held = {one.name: one for one in self._root.series}
        # Of a series that was changed here the root does not know the span.
        for name in sorted({*held, *self._loaded}):
            if (
                table not in {None, name[0]}
                or (venues is not None and name[1] not in venues)
                or (symbols is not None and name[2] not in symbols)
            ):
                continue
            one = held.get(name)
            if one is not None and name not in self._changed:
                if start_ms is not None and one.max_event_ms < start_ms:
                    continue
                if end_ms is not None and one.min_event_ms >= end_ms:
                    continue
            yield name

    def _parts_of(self, name: tuple[str, str, str]) -> dict[int, Part]:
        if name not in self._loaded:
            one = next((one for one in self._root.series if one.name == name), None)
            parts = () if one is None else self._read.parts(one.key)
            self._next[name] = 1 if one is None else one.next_sequence
            self._loaded[name] = {part.sequence: part for part in parts}
        return self._loaded[name]

    def _receipts_of(self, place: str) -> dict[tuple[str, str, str], Receipt]:
        if place not in self._receipts:
            key = self._root.receipts.get(place)
            held = () if key is None else self._read.receipts(key)
            self._receipts[place] = {(one.sha256, one.kind, one.options): one for one in held}
        return self._receipts[place]


def _series_of(part: Part) -> tuple[str, str, str]:
    return part.partition.table, part.partition.venue, part.partition.symbol


def _packed(rows: list[Any]) -> bytes:
    return zstandard.compress(msgspec.json.encode(rows))
