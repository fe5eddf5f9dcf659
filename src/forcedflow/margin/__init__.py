"""Exact liquidation and bankruptcy prices, leverage brackets and the venues' dated rules."""

from forcedflow.margin.bankruptcy import bankruptcy_price
from forcedflow.margin.brackets import (
    Bracket,
    BracketSchedule,
    schedule_as_of,
    schedule_from_rows,
    schedules_from_table,
    size_unit,
)
from forcedflow.margin.default_brackets import DEFAULT_BRACKETS, default_schedules
from forcedflow.margin.liquidation_price import (
    cross_margin,
    fresh_isolated_offset,
    funding_shift,
    liquidation_price,
    liquidation_price_by_brackets,
)
from forcedflow.margin.rules import MarginRule, rule_for

__all__ = [
    "DEFAULT_BRACKETS",
    "Bracket",
    "BracketSchedule",
    "MarginRule",
    "bankruptcy_price",
    "cross_margin",
    "default_schedules",
    "fresh_isolated_offset",
    "funding_shift",
    "liquidation_price",
    "liquidation_price_by_brackets",
    "rule_for",
    "schedule_as_of",
    "schedule_from_rows",
    "schedules_from_table",
    "size_unit",
]
