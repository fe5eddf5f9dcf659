"""Heatmap: the ladder over time as a picture, its colours and its bytes."""

from forcedflow.heatmap.build import (
    Columns,
    Heatmap,
    build_heatmap,
    lay_canvas,
    lay_columns,
    lay_prices,
)
from forcedflow.heatmap.encode import Header, decode, encode, header_of

__all__ = [
    "Columns",
    "Header",
    "Heatmap",
    "build_heatmap",
    "decode",
    "encode",
    "header_of",
    "lay_canvas",
    "lay_columns",
    "lay_prices",
]
