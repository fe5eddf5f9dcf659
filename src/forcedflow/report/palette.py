"""Colours: one dark style for pictures and terminals.

In:  brightness 0 … 255.   Out: RGBA.
Pure: values only; no I/O, no clock.
"""

from __future__ import annotations

import numpy as np

Rgba = np.ndarray[tuple[int, int], np.dtype[np.uint8]]

BACKGROUND = "#0b0e14"
PANEL = "#10141d"
GRID = "#232a38"
TEXT = "#d7dde8"
MUTED = "#8a93a6"
MARK = "#f4f6fa"
CANDLE_UP = "#f4f6fa"
CANDLE_DOWN = "#ff5468"
LONG = "#ef5350"
SHORT = "#26a69a"
WARNING = "#ffb300"
BAND_COLORS = ("#3b4d8f", "#2f7fa3", "#2fa58c", "#8fc14f", "#f0da18")
"""One colour per leverage band, cool for low leverage and hot for high."""

# Transparent purple to teal to yellow, the field's convention since the first heatmaps.
_STOPS = (
    (0.00, (52, 16, 84, 0)),
    (0.12, (58, 26, 104, 110)),
    (0.35, (63, 56, 123, 205)),
    (0.58, (38, 130, 140, 240)),
    (0.78, (76, 172, 124, 250)),
    (1.00, (248, 228, 40, 255)),
)


def heat_table() -> Rgba:
    """Return the colour of every brightness, shape ``(256, 4)``; 0 is transparent."""
    places = [place for place, _ in _STOPS]
    depth = np.linspace(0, 1, 256)
    table = np.stack(
        [np.interp(depth, places, [color[i] for _, color in _STOPS]) for i in range(4)], axis=1
    ).round()
    table[0] = 0
    return table.astype(np.uint8)
