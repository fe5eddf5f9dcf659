"""Raw messages as they came, kept so that any later parser can read them again.

In:  frames of a venue's connections.   Out: the same frames, in order, from compressed files.
Free of parsing: a message is bytes here.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

FrameKind: TypeAlias = Literal["opened", "message", "response", "closed"]
"""``opened`` and ``closed`` mark a connection's life; ``response`` answers a request over HTTP."""


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One thing that came from a venue, or happened to a connection with it.

    Parameters
    ----------
    received_ns : int
        Local clock when it came. [UTC ns]
    connection : str
        Name of the feed or of the request that it belongs to.
    kind : {"opened", "message", "response", "closed"}
        What it is.
    raw : bytes
        The message; for ``closed`` the reason in words.
    """

    received_ns: int
    connection: str
    kind: FrameKind
    raw: bytes

    @property
    def received_ms(self) -> int:
        """Local clock when it came. [UTC ms]"""
        return self.received_ns // 1_000_000
