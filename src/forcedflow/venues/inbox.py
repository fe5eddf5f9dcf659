"""Frames between the sockets and whoever reads them, in bounded memory.

In:  frames as they come.   Out: the same in batches, in order.
Free of sockets and of what frames say.

Under pressure book deltas are given up first, the oldest first: a book can be asked for anew, a
liquidation cannot. Where deltas were given up their connection gets a ``closed`` frame, so that
its reader forgets the book. When nothing is left to give up, whoever brings the next frame waits.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from typing import Final

from forcedflow.store.raw_log import Frame

DROPPED: Final = b"dropped: more came than could be read"
"""Reason on the ``closed`` frame that stands where deltas were given up."""

# What a frame weighs beside its message: the object, its queue entry, its time.
_FRAME_BYTES: Final = 200


class Inbox:
    """Holds at most so many bytes and frames, and one frame more for each who waits to add one.

    For one event loop; not thread-safe.

    Parameters
    ----------
    max_bytes : int
        Bytes held, with what the frames themselves weigh.
    max_frames : int
        Frames held.
    """

    def __init__(self, max_bytes: int = 64 * 1024 * 1024, max_frames: int = 200_000) -> None:
        self._max_bytes, self._max_frames = max_bytes, max_frames
        self._next = 0
        self._lasting: deque[tuple[int, Frame]] = deque()
        self._droppable: deque[tuple[int, Frame]] = deque()
        self._gaps: dict[str, tuple[int, Frame]] = {}
        self._closed = False
        self._filled, self._emptied = asyncio.Event(), asyncio.Event()
        self.bytes_held = 0
        self.peak_bytes = 0
        self.waits = 0
        self.dropped: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._lasting) + len(self._droppable)

    def queued(self) -> Counter[str]:
        """Return how many frames of each connection wait."""
        return Counter(
            frame.connection for queue in (self._lasting, self._droppable) for _, frame in queue
        )

    async def put(self, frame: Frame, *, droppable: bool = False) -> None:
        """Add a frame; waits while only frames that must not be lost fill the room.

        Parameters
        ----------
        frame : Frame
        droppable : bool
            Whether it may be given up. Only messages are: ``opened`` and ``closed`` never.
        """
        size = len(frame.raw) + _FRAME_BYTES
        droppable = droppable and frame.kind == "message"
        if not self._has_room(size):
            self._drop_until(size)
            if not self._has_room(size):
                if droppable:
                    self._next += 1
                    self._give_up(self._next, frame)
                    self._filled.set()
                    return
                await self._wait_for_room(size)
        self._next += 1
        (self._droppable if droppable else self._lasting).append((self._next, frame))
        self.bytes_held += size
        self.peak_bytes = max(self.peak_bytes, self.bytes_held)
        self._filled.set()

    async def get_batch(self) -> list[Frame]:
        """Return every frame held, oldest first; waits for one. Empty once closed and empty."""
        while not self._filled.is_set() and not self._closed:
            await self._filled.wait()
        return self.take()

    def take(self) -> list[Frame]:
        """Return every frame held, oldest first; waits for nothing."""
        entries = [*self._lasting, *self._droppable, *self._gaps.values()]
        # No two entries have the same number, so frames are never compared.
        entries.sort()
        self._lasting.clear()
        self._droppable.clear()
        self._gaps.clear()
        self.bytes_held = 0
        self._filled.clear()
        self._emptied.set()
        return [frame for _, frame in entries]

    def close(self) -> None:
        """Let readers have what is held, and then nothing more."""
        self._closed = True
        self._filled.set()

    def _has_room(self, size: int) -> bool:
        # A frame larger than the whole room may come into an empty one.
        fits = self.bytes_held + size <= self._max_bytes and len(self) < self._max_frames
        return fits or not len(self)

    def _drop_until(self, size: int) -> None:
        while self._droppable and not self._has_room(size):
            number, frame = self._droppable.popleft()
            self.bytes_held -= len(frame.raw) + _FRAME_BYTES
            self._give_up(number, frame)

    def _give_up(self, number: int, frame: Frame) -> None:
        # The mark stands at the last one given up: oldest go first, so none of this connection's
        # deltas are left before it.
        self.dropped[frame.connection] += 1
        mark = Frame(frame.received_ns, frame.connection, "closed", DROPPED)
        self._gaps[frame.connection] = (number, mark)

    async def _wait_for_room(self, size: int) -> None:
        self.waits += 1
        while not self._has_room(size):
            self._emptied.clear()
            await self._emptied.wait()
