"""The heatmap on the wire: one byte a cell and a small header.

In:  a `Heatmap`.   Out: bytes and a header that says how to read them; and back.
Pure: values in, bytes out; no I/O, no clock, no global state.
"""

from __future__ import annotations

import msgspec
import numpy as np

from forcedflow.heatmap.build import Heatmap
from forcedflow.heatmap.scale import BRIGHTEST, DARKEST, Bytes, to_bytes


class Header(msgspec.Struct, frozen=True):
    """How to read the bytes: row-major ``(columns, bins)``, lowest price first.

    A byte ``v > 0`` in column ``c`` stands for at most
    ``even_usd[c] · darkest · (brightest/darkest)^(v/255)`` dollars, 255 for that or any more, 0 for
    at most ``even_usd[c] · darkest``.
    """

    columns: int
    bins: int
    step_ms: int
    start_ms: list[int]
    lowest_price: float
    bin_log_width: float
    even_usd: list[float]
    darkest: float
    brightest: float


def encode(heatmap: Heatmap) -> tuple[Header, bytes]:
    """Return the header and one byte a cell, both sides together."""
    return header_of(heatmap), to_bytes(heatmap.total, heatmap.even).tobytes()


def header_of(heatmap: Heatmap) -> Header:
    """Return how cells of a picture are to be read, whichever sides and bands they show."""
    grid = heatmap.grid
    return Header(
        columns=heatmap.columns.size,
        bins=grid.size,
        step_ms=heatmap.columns.step_ms,
        start_ms=heatmap.columns.start_ms.tolist(),
        lowest_price=float(grid.edges[0]),
        bin_log_width=grid.width * grid.step,
        even_usd=heatmap.even.tolist(),
        darkest=DARKEST,
        brightest=BRIGHTEST,
    )


def decode(header: Header, data: bytes) -> Bytes:
    """Return the brightness of every cell, shape ``(columns, bins)``.

    Raises
    ------
    ValueError
        If the bytes are not as many as the header says.
    """
    if len(data) != header.columns * header.bins:
        raise ValueError(f"{len(data)} bytes for {header.columns} × {header.bins} cells")
    return np.frombuffer(data, dtype=np.uint8).reshape(header.columns, header.bins)
