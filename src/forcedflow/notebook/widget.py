"""The dashboard's chart as a notebook widget, fed by Python: no server, nothing from elsewhere.

In:  a `LiquidationMap` with its picture, a lake for the panes beneath.   Out: a widget.
The drawing is the dashboard's own TypeScript, built into one module that is part of the package.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import anywidget
import traitlets

from forcedflow.answers import heatmap, ladder, series, zones
from forcedflow.errors import NoDataError, UsageError
from forcedflow.liquidation_map import LiquidationMap
from forcedflow.store import Lake
from forcedflow.units import DAY_MS

_STATIC = Path(str(files("forcedflow.notebook"))) / "static"
_MODULE = _STATIC / "widget.js"

_PANES = ("open_interest", "funding", "liquidations")
_BINS = 600


class HeatmapWidget(anywidget.AnyWidget):
    """The heatmap with clusters and profile, as the dashboard draws them.

    Make one with `HeatmapWidget.of`. Setting ``view`` or ``height`` changes what is shown; `show`
    another map.
    """

    # Read when a widget is made: an installation without the built module can be imported.
    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    tile = traitlets.Bytes(b"").tag(sync=True)
    zones = traitlets.Dict(allow_none=True, default_value=None).tag(sync=True)
    ladder = traitlets.Dict(allow_none=True, default_value=None).tag(sync=True)
    series = traitlets.Dict(allow_none=True, default_value=None).tag(sync=True)
    view = traitlets.Dict().tag(sync=True)
    height = traitlets.Int(560).tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        if not _MODULE.is_file():
            raise UsageError(
                "the widget was not built into this installation\nhint: make dashboard"
            )
        module = _MODULE.read_text(encoding="utf-8")
        style = (_STATIC / "widget.css").read_text(encoding="utf-8")
        super().__init__(_esm=module, _css=style, **traits)

    @classmethod
    def of(
        cls,
        mapped: LiquidationMap,
        *,
        lake: Lake | None = None,
        span_ms: int | None = None,
        theme: Literal["dark", "light"] = "dark",
        height: int = 560,
        reach: float = 0.3,
    ) -> HeatmapWidget:
        """Return a widget that shows a map.

        Parameters
        ----------
        mapped : LiquidationMap
            With its picture.
        lake : Lake, optional
            Where open interest, funding and liquidations beneath the chart are read; without it
            there are no panes beneath.
        span_ms : int, optional
            How far back those are read; the span of the picture by default. [ms]
        theme : {"dark", "light"}
        height : int
            [px]
        reach : float
            Window of the profile on either side of the mark, as a fraction of it. [1]

        Raises
        ------
        ValueError
            If the map was built without a picture.
        UsageError
            If the widget was not built into this installation, or the window is out of its range.
        """
        widget = cls(height=height, view={"theme": theme, "panes": list(_PANES)})
        widget.show(mapped, lake=lake, span_ms=span_ms, reach=reach)
        return widget

    def show(
        self,
        mapped: LiquidationMap,
        *,
        lake: Lake | None = None,
        span_ms: int | None = None,
        reach: float = 0.3,
    ) -> None:
        """Show another map in the same place; parameters as of `of`."""
        picture = mapped.heatmap
        if picture is None:
            raise ValueError("the map was built without a picture")
        ladder.check(reach, _BINS)
        shown_ms = int(picture.columns.end_ms[-1] - picture.columns.start_ms[0])
        beneath = None if lake is None else _series(lake, mapped, span_ms or shown_ms)
        tile = heatmap.pack(*heatmap.tile(mapped, "each"))
        # All at once, so that no front end draws one map's zones over another's heat.
        with self.hold_sync():
            self.zones = _plain(zones.answer(mapped, mapped.zones()))
            self.ladder = _plain(ladder.answer(mapped, reach=reach, bins=_BINS))
            self.set_trait("series", None if beneath is None else _plain(beneath))
            self.tile = tile


def _series(lake: Lake, mapped: LiquidationMap, span_ms: int) -> dict[str, Any] | None:
    market = mapped.market
    span_ms = min(max(span_ms, DAY_MS), series.LONGEST_MS)
    try:
        return series.ask(lake, market.instrument, market.at_ms, span_ms=span_ms, names=_PANES)
    except NoDataError:
        return None  # the chart stands without them, as on the page


def _plain(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer as JSON has it: the front end reads no NaN."""
    import msgspec  # noqa: PLC0415 - small and here alone

    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(answer))
    return plain
