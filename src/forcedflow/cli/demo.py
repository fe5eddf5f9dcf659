"""``forcedflow demo``: run a simulated market and show everything on it.

In:  a scenario, a seed, sizes.   Out: the dashboard, a live screen, or text and JSON; a lake.
Everything shown says SIMULATED. What goes to standard output depends on the arguments alone;
timings go to standard error.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from forcedflow.cli.kernels import SANDBOX
from forcedflow.cli.options import console, iso_time, print_json, warn
from forcedflow.errors import UsageError
from forcedflow.sandbox.parameters import Scenario

if TYPE_CHECKING:
    from forcedflow.instruments import Instrument
    from forcedflow.liquidation_map import LiquidationMap
    from forcedflow.playbook.checklist import Checklist
    from forcedflow.sandbox.market import SandboxMarket
    from forcedflow.store import Lake
    from forcedflow.venues.base import Rows
    from forcedflow.venues.registry import VenueRegistry
    from forcedflow.zones import Zone

PICTURE = "forcedflow-demo.png"
"""File that ``--headless`` writes into the working directory."""

_DAY_MS = 86_400_000
_SHOWN_MS = 7 * _DAY_MS
_SCENARIOS = 2_000
_MOST_DAYS = 3650
_MOST_TRADERS = 1_000_000
_LAST_PORT = 65_535
# A map a second is as often as anybody reads one; minutes in between move the last line alone.
_LEAST_SECONDS_A_MAP = 1.0


def run(
    *,
    seed: int = 0,
    scenario: Scenario = "calm",
    speed: float = 60.0,
    days: int = 30,
    traders: int = 50_000,
    headless: bool = False,
    port: int | None = None,
    browser: bool = True,
    screen: Annotated[bool, Parameter(negative="")] = False,
    lake: Path | None = None,
    json: bool = False,
) -> int:
    """Run a simulated market and show everything on it, live until Ctrl-C.

    The dashboard shows it where this installation has one, else the terminal does.

    Parameters
    ----------
    seed
        The same seed gives the same market, to the byte.
    scenario
        Conditions that the market starts from; what follows is up to its traders.
    speed
        Simulated seconds per second.
    days
        Days of history before the live part.
    traders
        Traders over all three venues.
    headless
        Show the end of the history once, write forcedflow-demo.png here, and leave.
    port
        Port of the dashboard; 8480 or a free one by default.
    browser
        Whether to open a browser on the dashboard; its address is printed anyway.
    screen
        Draw on the terminal instead.
    lake
        Folder for the lake, new or empty, which is kept; a temporary one by default.
    json
        As headless, but print JSON.
    """
    refuse_unfit(seed=seed, speed=speed, days=days, traders=traders, lake=lake)
    if port is not None and not 1 <= port <= _LAST_PORT:
        raise UsageError(f"--port {port}: from 1 to {_LAST_PORT}")
    from forcedflow.cli import demo_page

    headless = headless or json
    is_page = not headless and not screen and demo_page.is_servable()
    if port is not None and not is_page:
        raise UsageError(
            f"--port {port}: there is no dashboard to serve\n"
            "hint: pip install 'forcedflow[server]', without --screen and --headless"
        )
    served_at = demo_page.choose_port(port) if is_page else 0
    draw = None
    if headless:
        from forcedflow.cli.heatmap import picture_writer

        try:
            draw = picture_writer()
        except UsageError as error:
            # All else can be shown, and is what somebody who has just installed it wants to see.
            warn(f"no {PICTURE}: {error}")
    from forcedflow.store import Lake

    with lake_folder(lake) as folder:
        held = Lake(folder, create=True)
        market, registry = open_market(seed, scenario, speed, traders)
        end_ms = market.opened_ms + days * _DAY_MS
        fill_lake(held, market, registry, end_ms, days)
        if headless:
            # What becomes known at the very end belongs to the minute after it.
            instrument = _instrument(market, registry)
            mapped, zones = _map(held, instrument, end_ms - 1)
            if draw is not None:
                draw(mapped, zones, Path(PICTURE))
            checklist = _checklist(held, instrument, end_ms - 1)
            facts = {**_facts(market), "days": days, "picture": PICTURE if draw else None}
            _print(mapped, zones, checklist, facts, json=json)
        elif is_page:
            demo_page.show(held, market, registry, served_at, browser=browser)
        else:
            _watch(held, market, registry)
        if lake is not None:
            _say_how_to_look(lake, market)
        elif not headless:
            sys.stdout.write("the simulated lake is gone; keep one: forcedflow demo --lake PATH\n")
    return 0


def refuse_unfit(*, seed: int, speed: float, days: int, traders: int, lake: Path | None) -> None:
    """Refuse what cannot be run, before any waiting."""
    if seed < 0:
        raise UsageError(f"--seed {seed}: a seed is not negative")
    if not speed > 0 or math.isinf(speed):
        raise UsageError(f"--speed {speed:g}: simulated seconds per second, above zero")
    if not 1 <= days <= _MOST_DAYS:
        raise UsageError(f"--days {days}: between 1 and {_MOST_DAYS:,}")
    if not 100 <= traders <= _MOST_TRADERS:
        raise UsageError(f"--traders {traders}: between 100 and {_MOST_TRADERS:,}")
    # Simulated rows have no place beside real ones.
    if lake is not None and str(lake).startswith("s3:/"):
        raise UsageError("a simulated lake is a folder, not a bucket\nhint: --lake FOLDER")
    if lake is not None and lake.exists() and (not lake.is_dir() or any(lake.iterdir())):
        raise UsageError(f"{lake} is not empty\nhint: name a new folder for the simulated lake")


@contextlib.contextmanager
def lake_folder(lake: Path | None) -> Iterator[Path]:
    """Give the folder of a simulated lake: the one named, or one that is gone at the end."""
    if lake is not None:
        yield lake
        return
    with tempfile.TemporaryDirectory(prefix="forcedflow-demo-") as folder:
        yield Path(folder) / "lake"


def open_market(
    seed: int, scenario: Scenario, speed: float, traders: int
) -> tuple[SandboxMarket, VenueRegistry]:
    """Return a market that is busy already, and its venues under their names."""
    from forcedflow.sandbox.market import Pace, SandboxMarket
    from forcedflow.sandbox.venue import SandboxVenue
    from forcedflow.venues.registry import VenueRegistry

    if not SANDBOX.compiled:
        _note("compiling the simulator, once: about half a minute")
    started = time.perf_counter()
    market = SandboxMarket(scenario, traders, seed, pace=Pace(speed))
    registry = VenueRegistry()
    for rules in market.parameters.venues:
        registry.register(rules.name, partial(SandboxVenue, market, rules.name))
    _note(f"{traders:,} traders took their positions in {time.perf_counter() - started:.1f} s")
    return market, registry


def _instrument(market: SandboxMarket, registry: VenueRegistry) -> Instrument:
    """Return the perpetual of the venue that is shown: the one whose feeds are complete."""
    return registry.find(market.parameters.venues[0].name).instruments()[0]


def fill_lake(
    lake: Lake, market: SandboxMarket, registry: VenueRegistry, end_ms: int, days: int
) -> None:
    """Back-fill every venue, every instrument, from before the market opened."""
    from forcedflow.sandbox.simulate import START_MS

    started = time.perf_counter()
    batches: list[Rows] = [{"calendar_events": market.scheduled_events()}]
    for name in registry.names:
        venue = registry.find(name)
        tables = sorted(venue.capabilities.backfilled)
        for instrument in venue.instruments():
            batches += venue.backfill(tables, instrument.symbol, START_MS, end_ms)
    added = _write(lake, batches)
    taken = time.perf_counter() - started
    _note(f"{days} days of history: {added:,} rows in {taken:.1f} s")


def _write(lake: Lake, batches: list[Rows]) -> int:
    from forcedflow.sandbox.market import join

    return lake.write(join(batches)).total.added if batches else 0


def _map(lake: Lake, instrument: Instrument, at_ms: int) -> tuple[LiquidationMap, list[Zone]]:
    """Return the map as every other command would make it."""
    from forcedflow.asof import read_market
    from forcedflow.pipeline import build_map

    mapped = build_map(read_market(lake, instrument, at_ms), picture_span_ms=_SHOWN_MS)
    return mapped, mapped.zones()


def _checklist(lake: Lake, instrument: Instrument, at_ms: int) -> Checklist:
    """Return the checklist as the command of that name fills it."""
    from forcedflow.answers import checklist

    options = checklist.ChecklistOptions(scenarios=_SCENARIOS)
    return checklist.fill_in(lake, instrument, at_ms, options)


def _print(
    mapped: LiquidationMap,
    zones: list[Zone],
    checklist: Checklist,
    facts: dict[str, Any],
    *,
    json: bool,
) -> None:
    if json:
        from forcedflow.answers import zones as zones_answer

        print_json(
            {**zones_answer.answer(mapped, zones), "checklist": checklist.row(), "demo": facts}
        )
        return
    from forcedflow.report.checklist_terminal import CLAIMS, check_lines
    from forcedflow.report.terminal import basis, heading, heat_rows, zone_table

    screen = console()
    screen.print(heading(mapped, screen.width))
    screen.print(
        f"scenario {facts['scenario']}, seed {facts['seed']}, {facts['traders']:,} traders on "
        f"{len(facts['venues'])} venues, {facts['days']} days",
        style="dim",
    )
    screen.print(heat_rows(mapped, color=screen.color_system is not None), soft_wrap=True)
    screen.print(zone_table(zones, mapped, width=screen.width))
    screen.print(basis(mapped))
    screen.print(check_lines(checklist, screen.width))
    screen.print(CLAIMS, style="dim")
    if facts["picture"]:
        screen.print(f"picture: {facts['picture']}", style="dim")


def _facts(market: SandboxMarket) -> dict[str, Any]:
    """Return what the market follows from, for whoever wants the same one again."""
    return {
        "scenario": market.parameters.scenario,
        "seed": market.seed,
        "traders": market.n_traders,
        "venues": [rules.name for rules in market.parameters.venues],
        "parameters": market.parameters.digest(),
    }


def _watch(lake: Lake, market: SandboxMarket, registry: VenueRegistry) -> None:
    """Follow the market on the screen until Ctrl-C, which is how it is meant to end."""
    _note(f"live at {market.pace.speed:g}× from {iso_time(market.now_ms)}; Ctrl-C ends it")
    with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
        asyncio.run(_follow(lake, market, registry))


async def _follow(lake: Lake, market: SandboxMarket, registry: VenueRegistry) -> None:
    """Store what streams in, and draw it: the map with new open interest, the rest each minute."""
    import polars as pl
    from rich.live import Live

    from forcedflow.report.screen import live_screen
    from forcedflow.tables import empty

    end_when_told()
    screen, instrument = console(), _instrument(market, registry)
    mapped, zones = _map(lake, instrument, market.now_ms)
    forced = empty("liquidations")
    unwritten: list[Rows] = []
    drawn_at = -math.inf
    async with contextlib.AsyncExitStack() as stack:
        streams = []
        for name in registry.names:
            venue = registry.find(name)
            tables = sorted(venue.capabilities.streamed)
            stream = venue.stream(tables, instrument.symbol)
            streams.append(await stack.enter_async_context(contextlib.aclosing(stream)))
        # Into a pipe or a file goes the last picture alone.
        alone = Live(console=screen, screen=screen.is_terminal, auto_refresh=False)
        live = stack.enter_context(alone)
        while True:
            # Every venue prints a bar a minute, so the next rows of all are of one minute.
            rows = [await anext(stream) for stream in streams]
            unwritten += rows
            forced = (
                pl.concat([forced, *(r["liquidations"] for r in rows if "liquidations" in r)])
                .sort("event_time")
                .tail(20)
            )
            new_interest = any("open_interest" in r for r in unwritten)
            if new_interest and time.monotonic() - drawn_at >= _LEAST_SECONDS_A_MAP:
                _write(lake, unwritten)
                unwritten = []
                mapped, zones = _map(lake, instrument, market.now_ms)
                drawn_at = time.monotonic()
            status = (
                f"SIMULATED {iso_time(market.now_ms)} at {market.pace.speed:g}×   "
                f"{market.parameters.scenario}, seed {market.seed}, {market.n_traders:,} traders   "
                "Ctrl-C ends it"
            )
            shown = live_screen(
                mapped,
                zones,
                forced,
                status,
                width=screen.width,
                height=screen.height,
                color=screen.color_system is not None,
            )
            live.update(shown, refresh=True)


def end_when_told() -> None:
    """End as with Ctrl-C when the terminal closes, so that no temporary lake is left behind."""
    task = asyncio.current_task()
    if task is None or sys.platform == "win32":
        return
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)


def _say_how_to_look(lake: Path, market: SandboxMarket) -> None:
    venue = market.parameters.venues[0].name
    at = iso_time(market.now_ms)
    sys.stdout.write(
        f"the simulated lake is kept: forcedflow heatmap SIM --venue {venue} --lake {lake}"
        f" --at {at}\n"
    )


def _note(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
