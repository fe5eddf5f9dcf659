"""As of: the one door through which stages see the lake, and no row that was not yet known."""

from forcedflow.asof.features import FEATURE_DAYS, read_feature_inputs, read_features
from forcedflow.asof.market import (
    HISTORY_DAYS,
    newest_trained,
    read_depth,
    read_liquidations,
    read_market,
    read_path_klines,
    read_trained,
)
from forcedflow.asof.past_prices import read_past_prices
from forcedflow.asof.peer_maps import read_peer_maps
from forcedflow.asof.prints import read_prints

__all__ = [
    "FEATURE_DAYS",
    "HISTORY_DAYS",
    "newest_trained",
    "read_depth",
    "read_feature_inputs",
    "read_features",
    "read_liquidations",
    "read_market",
    "read_past_prices",
    "read_path_klines",
    "read_peer_maps",
    "read_prints",
    "read_trained",
]
