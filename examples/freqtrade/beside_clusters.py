"""A freqtrade strategy that reads forcedflow's columns: how to wire them in, not how to earn.

Copy it into ``user_data/strategies``; ``FORCEDFLOW_LAKE`` names the lake, kept fresh by
``forcedflow up``. No evidence says that price is drawn to clusters: see docs/theory/magnet.md. The
rule below is a placeholder for your own, and stands still wherever a figure is unknown.
"""

from __future__ import annotations

from typing import ClassVar

from freqtrade.strategy import IStrategy
from pandas import DataFrame

from forcedflow.integrations.freqtrade import add_columns
from forcedflow.settings import read_settings


class BesideClusters(IStrategy):
    """Long where longs below are few and shorts above are many; out where that turns."""

    INTERFACE_VERSION = 3
    timeframe = "1h"
    can_short = False
    minimal_roi: ClassVar[dict[str, float]] = {"0": 0.02}
    stoploss = -0.02
    process_only_new_candles = True
    startup_candle_count = 24

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        """Merge what was known at each candle's close."""
        lake = read_settings().lake_path
        return add_columns(dataframe, lake, metadata["pair"], self.timeframe)

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:  # noqa: ARG002 - freqtrade's
        """Enter where more may be closed above than below, and the market is not loaded."""
        dataframe.loc[
            (dataframe["ff_map_asymmetry"] > 0.5) & (dataframe["ff_loading"] < 50), "enter_long"
        ] = 1
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:  # noqa: ARG002 - freqtrade's
        """Leave where it is the other way round."""
        dataframe.loc[dataframe["ff_map_asymmetry"] < -0.5, "exit_long"] = 1
        return dataframe
