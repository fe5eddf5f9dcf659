"""Stated tables: what the simulated exchange says in advance, brackets and announcements.

In:  parameters, a seed.   Out: rows of leverage_brackets and calendar_events, known at the opening.
Pure: values in, frames out; no I/O, no clock, no global state.
"""

from __future__ import annotations

import polars as pl

from forcedflow.margin import schedule_from_rows
from forcedflow.sandbox.parameters import COIN, SandboxParameters
from forcedflow.sandbox.published import PERPETUAL, stamped
from forcedflow.sandbox.simulate import START_MS, scheduled_events
from forcedflow.tables import TIME
from forcedflow.units import MINUTE_MS

STATED = ("leverage_brackets", "calendar_events")
"""Tables that stand from the market's opening on; the feeds give them with the first block."""


def stated_tables(parameters: SandboxParameters, seed: int) -> dict[str, pl.DataFrame]:
    """Return leverage brackets and scheduled announcements, by table.

    Parameters
    ----------
    parameters : SandboxParameters
    seed : int
        The market's seed.

    Returns
    -------
    dict of str to polars.DataFrame
        The tables of `STATED`.
    """
    scenario = parameters.scenario
    opening = pl.lit(START_MS, pl.Int64).cast(TIME)
    schedules = [
        schedule_from_rows(rules.name, PERPETUAL, START_MS, rules.brackets, source="sandbox")
        for rules in parameters.venues
    ]
    brackets = pl.DataFrame(
        [
            {
                "venue": schedule.venue,
                "bracket": number,
                "notional_floor": bracket.notional_floor,
                "notional_cap": bracket.notional_cap,
                "max_leverage": bracket.max_leverage,
                "maintenance_margin_rate": bracket.maintenance_margin_rate,
                "maintenance_amount": bracket.maintenance_amount,
            }
            for schedule in schedules
            for number, bracket in enumerate(schedule.brackets, start=1)
        ]
    ).with_columns(event_time=opening, available_time=opening)
    starts = scheduled_events(parameters, seed)
    events = pl.DataFrame(
        {"event_time": pl.Series(START_MS + MINUTE_MS * starts, dtype=pl.Int64).cast(TIME)}
    ).with_columns(
        available_time=opening,
        venue=pl.lit("macro"),
        event=pl.lit("simulated announcement"),
        status=pl.lit("scheduled"),
        local_time=pl.col("event_time").dt.strftime("%H:%M"),
        timezone=pl.lit("UTC"),
        source_url=pl.lit("simulated"),
        read_on=opening.dt.strftime("%Y-%m-%d"),
    )
    return {
        "leverage_brackets": stamped("leverage_brackets", brackets, scenario),
        "calendar_events": stamped("calendar_events", events, scenario, COIN),
    }
