"""Leases: one writer per venue and symbol, on however many machines.

In:  a lake, series, a clock. [UTC ms]   Out: the right to write them for as long as it is renewed.
Free of rows. A lease saves two machines from doing the same work; rows are safe without it.

``leases/<work>/<venue>/<symbol>.json`` says who holds it and until when. It is put on the condition
that nobody put another meanwhile, in a folder as in a bucket. Who dies is succeeded when his time
is over, and at once on the same machine, where it can be seen that he died. Clocks of machines may
differ by `LEEWAY_MS`.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import quote
from uuid import getnode, uuid4

import msgspec

from forcedflow.errors import DamagedFileError, LeaseHeldError, StorageError
from forcedflow.store.lake import Lake

Work: TypeAlias = Literal["record", "fetch"]
"""What a lease is for. The present and the past of a market may be written at the same time."""

TERM_MS = 60_000
"""How long a lease is good for without being renewed. [ms]"""

LEEWAY_MS = 15_000
"""How much later than stated it is taken over, for clocks that differ. [ms]"""


class Lease(msgspec.Struct, frozen=True):
    """Who writes a series.

    Parameters
    ----------
    holder : str
        A name that only the holder knows to be his.
    host, machine, started : str
        Machine, for people and beyond doubt; when the process began, as the system counts it.
    pid : int
    since_ms, expires_ms : int
        Taken, and good until; ``expires_ms`` is 0 once it was given back. [UTC ms]
    """

    holder: str
    host: str
    machine: str
    started: str
    pid: int
    since_ms: int
    expires_ms: int


@contextmanager
def holding(
    lake: Lake,
    work: Work,
    series: Sequence[tuple[str, str]],
    now_ms: Callable[[], int],
    *,
    term_ms: int = TERM_MS,
) -> Iterator[None]:
    """Hold leases while the ``with`` statement runs; they are renewed by a thread.

    Parameters
    ----------
    lake : Lake
    work : {"record", "fetch"}
    series : sequence of (venue, symbol)
    now_ms : callable
        The clock. [UTC ms]
    term_ms : int
        How long a lease is good for without being renewed. [ms]

    Raises
    ------
    LeaseHeldError
        If somebody else holds one, and then none is taken; or at the end, if one could not be
        renewed and was taken over: this process is then interrupted.
    """
    kept = _Kept(lake, work, now_ms, term_ms)
    try:
        for venue, symbol in dict.fromkeys(series):
            kept.take(venue, symbol)
        over = threading.Event()
        thread = threading.Thread(
            target=kept.renew_until, args=(over,), name="forcedflow-leases", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
    except KeyboardInterrupt:
        if kept.lost is not None:
            raise kept.lost from None
        raise
    finally:
        kept.give_back()
    if kept.lost is not None:
        raise kept.lost


class _Kept:
    """Leases that this process holds."""

    def __init__(self, lake: Lake, work: Work, now_ms: Callable[[], int], term_ms: int) -> None:
        self._files = lake.conditional
        self._work = work
        self._now_ms = now_ms
        self._term_ms = term_ms
        self._holder = uuid4().hex
        self._held: dict[tuple[str, str], tuple[Lease, str]] = {}
        self.lost: LeaseHeldError | None = None

    def take(self, venue: str, symbol: str) -> None:
        key, now = self._key(venue, symbol), self._now_ms()
        pid = os.getpid()
        mine = Lease(
            self._holder,
            socket.gethostname(),
            _machine(),
            _started(pid),
            pid,
            now,
            now + self._term_ms,
        )
        found = self._files.get_version(key)
        if found is not None and not _is_free(_decoded(found[0], key), now):
            raise self._conflict(venue, symbol, _decoded(found[0], key))
        version = self._files.put_if(key, msgspec.json.encode(mine), found and found[1])
        if version is None:
            faster = self._files.get_version(key)
            raise self._conflict(
                venue, symbol, mine if faster is None else _decoded(faster[0], key)
            )
        self._held[venue, symbol] = mine, version

    def renew_until(self, over: threading.Event) -> None:
        """Renew every third of the term, until it is over or a lease is lost."""
        while not over.wait(self._term_ms / 3000):
            for venue, symbol in self._held:
                try:
                    kept = self._renew(venue, symbol)
                except (StorageError, OSError):
                    # A network that is down for a moment costs nothing before the term is over.
                    kept = self._now_ms() < self._held[venue, symbol][0].expires_ms
                    self.lost = self._conflict(venue, symbol, self._held[venue, symbol][0])
                if not kept:
                    # As Ctrl-C would: what was finished is kept, and the command ends.
                    os.kill(os.getpid(), signal.SIGINT)
                    return
                self.lost = None

    def give_back(self) -> None:
        """Free what is still held, as far as it can be reached."""
        for (venue, symbol), (lease, version) in self._held.items():
            freed = msgspec.structs.replace(lease, expires_ms=0)
            try:
                self._files.put_if(self._key(venue, symbol), msgspec.json.encode(freed), version)
            except (StorageError, OSError):
                return  # it ends by itself when its term is over

    def _renew(self, venue: str, symbol: str) -> bool:
        lease, version = self._held[venue, symbol]
        later = msgspec.structs.replace(lease, expires_ms=self._now_ms() + self._term_ms)
        key = self._key(venue, symbol)
        put = self._files.put_if(key, msgspec.json.encode(later), version)
        if put is None:
            found = self._files.get_version(key)
            other = None if found is None else _decoded(found[0], key)
            if other is not None and found is not None and other.holder == self._holder:
                later, put = other, found[1]  # ours was put, and only the answer was lost
            else:
                self.lost = self._conflict(venue, symbol, other or lease)
                return False
        self._held[venue, symbol] = later, put
        return True

    def _key(self, venue: str, symbol: str) -> str:
        return f"leases/{self._work}/{quote(venue, safe='')}/{quote(symbol, safe='')}.json"

    def _conflict(self, venue: str, symbol: str, lease: Lease) -> LeaseHeldError:
        doing = {"record": "recorded", "fetch": "fetched"}[self._work]
        return LeaseHeldError(
            f"{venue} {symbol}",
            doing,
            f"process {lease.pid} on {lease.host}",
            _utc(lease.since_ms),
            _utc(lease.expires_ms + LEEWAY_MS),
        )


def _is_free(lease: Lease, now_ms: int) -> bool:
    if now_ms >= lease.expires_ms + LEEWAY_MS or not lease.expires_ms:
        return True
    return lease.machine == _machine() and lease.started != _started(lease.pid)


def _machine() -> str:
    """Return what tells this machine, and this container on it, from any other.

    Hosts may share a name; a process id says something only among those who count alike.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return f"{socket.gethostname()} {getnode():x}"


def _started(pid: int) -> str:
    """Return when a process of this machine began; empty where it is gone or nobody says."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        return stat.rpartition(")")[2].split()[19]
    except OSError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        return "alive"
    return "alive"


def _decoded(content: bytes, key: str) -> Lease:
    try:
        return msgspec.json.decode(content, type=Lease)
    except msgspec.MsgspecError as error:
        raise DamagedFileError(key, f"is no lease: {error}\nhint: remove it") from error


def _utc(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
