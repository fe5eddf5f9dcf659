"""``forcedflow up``: follow markets, bar by bar, live or over the past of the lake.

In:  symbols, venues, a lake; or a past span of it.   Out: a table of markets; JSON by the line.
Ctrl-C or a termination ends it in order; started again, it goes on from the lake.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from forcedflow.cli.options import (
    choose_instrument,
    only_writer,
    open_lake,
    parse_duration,
    parse_time,
    warn,
)
from forcedflow.errors import ForcedflowError, UsageError, VenueError

if TYPE_CHECKING:
    from forcedflow.alerts import RuleBook
    from forcedflow.instruments import Instrument
    from forcedflow.live.bar_clock import Clock
    from forcedflow.live.health import RecordHealth
    from forcedflow.live.loop import LiveLoop
    from forcedflow.sandbox.market import SandboxMarket
    from forcedflow.store import Lake
    from forcedflow.venues.network import NetworkVenue
    from forcedflow.venues.registry import VenueRegistry

_SANDBOX = "sandbox"
# Simulated history that signals have enough of to be known.
_SANDBOX_DAYS = 30
_SANDBOX_TRADERS = 50_000
# Streams are waited for so long before the past is asked for. [s]
_HEARD_WITHIN_S = 20.0
# The newest past is asked for in bars as short as those that streams give, so that a time during
# which nothing ran looks like any other. [ms]
_FINE_MS = 86_400_000
# Rows reach the lake this often, well within the time that a bar close waits for them. [s]
_ROWS_EVERY_S = 2.0

Drive = Callable[["LiveLoop", asyncio.Event], Coroutine[Any, Any, int]]


def run(
    *symbols: str,
    venue: str = "binance",
    replay: Annotated[
        tuple[str, str] | None, Parameter(help="First moment and end, itself excluded.")
    ] = None,
    speed: float | None = None,
    back: str = "90d",
    stream: bool = True,
    cascade: str = "1h",
    forecast: str = "1h",
    rules: Path | None = None,
    outbox: Path | None = None,
    server: bool = True,
    port: int | None = None,
    for_: Annotated[str | None, Parameter(name="--for")] = None,
    lake: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Follow markets: back-fill, stream, and at every bar close clusters, signals, cascades.

    Parameters
    ----------
    symbols
        Contracts, such as BTC ETH.
    venue
        One or more, joined by commas; sandbox is a simulated market in a lake of its own.
    speed
        Seconds of the past, or simulated ones, per second; as fast as it goes by default for the
        past, 60 for the sandbox.
    back
        How much of the past is brought into the lake first.
    stream
        Whether to ask venues at all; without, others who write into the lake are followed.
    cascade
        How often cascades are walked; 0 for never.
    forecast
        How often the hours ahead are told; 0 for never.
    rules
        File of rules: what fires is sent to its targets. None are watched by default.
    outbox
        File of the outbox; in the lake's folder by default, of a past that is shown once more none.
    server
        Whether to serve the dashboard and the API too, where the extra of that name is installed.
    port
        Port to serve at; 0 takes a free one, 8480 is the usual one.
    for_
        How long, such as 10m or 8h; until Ctrl-C by default.
    lake
        Folder of the lake, or s3://BUCKET/PREFIX; the setting by default.
    json
        Print one line of JSON per update.
    """
    names = list(dict.fromkeys(name.strip().lower() for name in venue.split(",") if name.strip()))
    if not names:
        raise UsageError("no venue named\nhint: --venue binance,bybit")
    every_ms = {
        name: 0 if stated == "0" else _multiple_of_a_bar(name, stated)
        for name, stated in (("cascade", cascade), ("forecast", forecast))
    }
    for_s = None if for_ is None else parse_duration(for_) / 1000
    if port is not None and not 0 <= port <= 65_535:
        raise UsageError(f"--port {port}: from 0 to 65535")
    served = (server, port)
    alerting = _alerting(rules, outbox, is_replay=replay is not None)
    follow = partial(
        follow_markets, every_ms=every_ms, for_s=for_s, json=json, served=served, alerting=alerting
    )
    if replay is None and _SANDBOX in names:
        if names != [_SANDBOX]:
            raise UsageError("the sandbox is followed alone\nhint: --venue sandbox")
        return _follow_sandbox(lake, 60.0 if speed is None else speed, follow)
    if not symbols:
        raise UsageError(f"no symbol given\nhint: forcedflow up BTC --venue {names[0]}")
    if replay is not None:
        return _replay(symbols, names, replay, math.inf if speed is None else speed, lake, follow)
    if speed is not None:
        raise UsageError("--speed is of the past or of the sandbox\nhint: --replay FROM TO")
    if not stream:
        held = open_lake(lake)
        markets = [choose_instrument(held, symbol, name) for name in names for symbol in symbols]
        return follow(held, markets, _reading_again, hears_rows=False)
    return _follow_venues(symbols, names, parse_duration(back), lake, follow)


def _alerting(
    rules: Path | None, outbox: Path | None, *, is_replay: bool
) -> tuple[RuleBook, Path | None] | None:
    """Return the rules and the outbox that are stated; a mistake is refused before all else."""
    if rules is None:
        if outbox is not None:
            raise UsageError("--outbox is of rules\nhint: --rules ~/.config/forcedflow/alerts.toml")
        return None
    if is_replay and outbox is not None:
        raise UsageError("a past that is shown once more keeps no outbox\nhint: leave --outbox out")
    from forcedflow.alerts import read_rules

    return read_rules(rules.expanduser()), None if outbox is None else outbox.expanduser()


def _multiple_of_a_bar(name: str, stated: str) -> int:
    from forcedflow.features.table import STEP_MS

    every_ms = parse_duration(stated)
    if every_ms % STEP_MS:
        raise UsageError(f"--{name} {stated}: a multiple of 5m, the length of a bar, or 0")
    return every_ms


def follow_markets(
    lake: Lake,
    markets: Sequence[Instrument],
    drive: Drive,
    *,
    every_ms: Mapping[str, int],
    for_s: float | None,
    json: bool,
    served: tuple[bool, int | None],
    alerting: tuple[RuleBook, Path | None] | None = None,
    is_replay: bool = False,
    hears_rows: bool = True,
    now_ms: Callable[[], int] | None = None,
) -> int:
    """Follow markets until whatever drives them ends, and return the exit status."""
    from forcedflow.cli.up_alerts import as_shown, watched, with_rules
    from forcedflow.cli.up_screen import print_row, shown
    from forcedflow.live.loop import LiveLoop
    from forcedflow.live.timed_stage import cascade_stage, forecast_stage

    known = {"cascade": cascade_stage, "forecast": forecast_stage}
    asked = [known[name](lake, pace_ms) for name, pace_ms in every_ms.items() if pace_ms]
    book, place = alerting or (None, None)
    stages = with_rules(asked, book, lake)
    loop = LiveLoop(lake, markets, stages=stages, is_replay=is_replay)
    is_served, port = served
    clock = now_ms or ((lambda: max(loop.at_ms, 0)) if is_replay else _wall_clock().now_ms)
    with contextlib.ExitStack() as stack:
        watch = None
        if book is not None:
            from forcedflow.answers.alerts import outbox_path

            kept = None if is_replay else place or outbox_path(lake)
            watch = stack.enter_context(
                watched(loop, lake, markets, book, kept, clock, is_replay=is_replay)
            )
        if is_served:
            from forcedflow.cli.up_server import served as serving

            stack.enter_context(
                serving(loop, lake, markets, clock, port, watch, hears_rows=hears_rows)
            )
        loop.subscribers.append(as_shown(stack.enter_context(shown(json=json))))
        try:
            status = asyncio.run(_until_told(loop, drive, for_s))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
    if json and loop.at_ms >= 0:
        loop.settle()
        # Whoever goes on from the lake, from any bar, comes to the same.
        print_row({"ended": loop.at_ms, "state": loop.state_hash()})
    return status


async def _until_told(loop: LiveLoop, drive: Drive, for_s: float | None) -> int:
    """Follow until the time is up or a signal comes; a second one does not wait."""
    running, stop, task = asyncio.get_running_loop(), asyncio.Event(), asyncio.current_task()

    def end() -> None:
        if stop.is_set() and task is not None:
            task.cancel()
        stop.set()
        loop.end()

    if sys.platform != "win32":
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            running.add_signal_handler(number, end)
    if for_s is not None:
        running.call_later(for_s, stop.set)
    return await drive(loop, stop)


def _replay(
    symbols: Sequence[str],
    names: Sequence[str],
    span: tuple[str, str],
    speed: float,
    lake: Path | None,
    follow: Callable[..., int],
) -> int:
    from forcedflow.live.bar_clock import replay

    start_ms, end_ms = (parse_time(text) for text in span)
    held = open_lake(lake)
    markets = [choose_instrument(held, symbol, name) for name in names for symbol in symbols]

    async def drive(loop: LiveLoop, stop: asyncio.Event) -> int:
        await replay(loop, start_ms, end_ms, speed, _wall_clock(), stop)
        return 0

    return follow(held, markets, drive, is_replay=True, hears_rows=False)


async def _reading_again(loop: LiveLoop, stop: asyncio.Event) -> int:
    from forcedflow.live.bar_clock import follow_clock

    # Others write in their own time: a recording a few times a minute.
    await follow_clock(loop, _wall_clock(), stop, grace_ms=30_000, reads_again=True)
    return 0


def _follow_venues(
    symbols: Sequence[str],
    names: Sequence[str],
    back_ms: int,
    lake: Path | None,
    follow: Callable[..., int],
) -> int:
    """Bring the past in while the present is recorded, then follow both."""
    from forcedflow.settings import read_settings
    from forcedflow.venues.http import HttpClient
    from forcedflow.venues.network import connect_venue

    settings = read_settings()
    venues = [connect_venue(name, settings) for name in names]
    held = open_lake(lake, create=True)
    markets = [choose_instrument(held, symbol, name) for name in names for symbol in symbols]
    try:
        with only_writer(held, "record", [venue.name for venue in venues], symbols):
            return follow(
                held, markets, partial(_record_and_follow, venues, symbols, held, back_ms)
            )
    finally:
        # Threads that wait for a limit give up, so that an interruption ends soon.
        for venue in venues:
            if isinstance(venue.http, HttpClient):
                venue.http.close()


async def _record_and_follow(
    venues: Sequence[NetworkVenue],
    symbols: Sequence[str],
    lake: Lake,
    back_ms: int,
    loop: LiveLoop,
    stop: asyncio.Event,
) -> int:
    from forcedflow.live.bar_clock import follow_clock
    from forcedflow.live.recorder import Pace, record
    from forcedflow.venues.fetch_plan import LARGE_TABLES

    is_heard = asyncio.Event()

    def heed(health: RecordHealth) -> None:
        for venue in health.venues:
            loop.say(venue.venue, venue.problem.partition("\n")[0])
        following = [venue for venue in health.venues if venue.state != "failed"]
        if all(one.connected for venue in following for one in venue.connections):
            is_heard.set()

    tables = {name for venue in venues for name in venue.capabilities.streamed} - {"trades"}
    recording = asyncio.create_task(
        record(
            venues,
            symbols,
            lake,
            tables=sorted(tables),
            stop=stop,
            pace=Pace(rows_s=_ROWS_EVERY_S),
            on_health=heed,
            on_rows=loop.add,
        )
    )
    try:
        # Asked only once streams are heard, the past and the present leave no gap between them.
        heard = asyncio.create_task(is_heard.wait())
        await asyncio.wait(
            [heard, recording], timeout=_HEARD_WITHIN_S, return_when=asyncio.FIRST_COMPLETED
        )
        heard.cancel()
        leaving = asyncio.create_task(_hang_up(venues, stop))
        for venue in venues:
            wanted = sorted(venue.capabilities.backfilled - LARGE_TABLES)
            if not stop.is_set() and not recording.done():
                await asyncio.to_thread(_bring_in, venue, symbols, wanted, lake, back_ms)
        leaving.cancel()
        following = asyncio.create_task(follow_clock(loop, _wall_clock(), stop))
        await asyncio.wait([recording, following], return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        await following
    finally:
        stop.set()
        health = await recording
    return VenueError.exit_code if health.all_failed else 0


async def _hang_up(venues: Sequence[NetworkVenue], stop: asyncio.Event) -> None:
    """Let requests for the past give up when told to stop: nobody waits for them any more."""
    from forcedflow.venues.http import HttpClient

    await stop.wait()
    for venue in venues:
        if isinstance(venue.http, HttpClient):
            venue.http.close()


def _bring_in(
    venue: NetworkVenue, symbols: Sequence[str], tables: Sequence[str], lake: Lake, back_ms: int
) -> None:
    """Fetch the past of one venue; what cannot be had is said, and the present followed."""
    from forcedflow.venues.fetch import fetch
    from forcedflow.venues.follow import LIVE_INTERVAL_MS
    from forcedflow.venues.network import BACKFILL_INTERVAL_MS

    now_ms = _wall_clock().now_ms()
    start_ms = now_ms - back_ms
    listed = [symbol for symbol in symbols if _is_listed(venue, symbol)]
    try:
        if not listed:
            return
        spans = [(start_ms, BACKFILL_INTERVAL_MS, list(tables))]
        if "klines" in tables:
            spans.append((max(start_ms, now_ms - _FINE_MS), LIVE_INTERVAL_MS, ["klines"]))
        reports = [
            fetch(lake, venue.connector, venue.http, asked, listed, from_ms, now_ms, interval_ms)
            for from_ms, interval_ms, asked in spans
        ]
    except ForcedflowError as error:
        warn(f"{venue.name}: the past was not brought in: {error}")
        return
    for text in dict.fromkeys(
        text for report in reports for text in (*report.refusals, *report.warnings)
    ):
        warn(text)
    failures = [failure for report in reports for failure in report.failures]
    if failures:
        warn(
            f"{venue.name}: {len(failures)} pieces of the past could not be had, such as "
            f"{failures[0].name}: {failures[0].error}\nhint: forcedflow fetch asks for them again"
        )


def _is_listed(venue: NetworkVenue, symbol: str) -> bool:
    from forcedflow.instruments import parse_symbol

    try:
        wanted = parse_symbol(symbol, venue.name).symbol
        return any(listed.symbol == wanted for listed in venue.instruments())
    except UsageError:
        return False
    except VenueError:
        return True  # nobody can say; an archive may answer all the same


def _follow_sandbox(lake: Path | None, speed: float, follow: Callable[..., int]) -> int:
    """Follow the three venues of a simulated market, in a lake of their own."""
    from forcedflow.cli.demo import fill_lake, lake_folder, open_market, refuse_unfit
    from forcedflow.store import Lake

    traders = _SANDBOX_TRADERS
    refuse_unfit(seed=0, speed=speed, days=_SANDBOX_DAYS, traders=traders, lake=lake)
    with lake_folder(lake) as folder:
        held = Lake(folder, create=True)
        market, registry = open_market(0, "calm", speed, traders)
        end_ms = market.opened_ms + _SANDBOX_DAYS * 86_400_000
        fill_lake(held, market, registry, end_ms, _SANDBOX_DAYS)
        return follow_simulated(held, market, registry, follow)


def follow_simulated(
    held: Lake, market: SandboxMarket, registry: VenueRegistry, follow: Callable[..., int]
) -> int:
    """Follow every venue of a simulated market whose past the lake holds."""
    from forcedflow.live.bar_clock import follow_streams

    venues = [registry.find(name) for name in registry.names]

    async def drive(loop: LiveLoop, stop: asyncio.Event) -> int:
        async with contextlib.AsyncExitStack() as stack:
            streams = []
            for venue in venues:
                for instrument in venue.instruments():
                    tables = sorted(venue.capabilities.streamed - {"order_book"})
                    stream = venue.stream(tables, instrument.symbol)
                    streams.append(await stack.enter_async_context(contextlib.aclosing(stream)))
            await follow_streams(loop, held, streams, lambda: market.now_ms, stop)
        return 0

    perpetuals = [venue.instruments()[0] for venue in venues]
    return follow(held, perpetuals, drive, now_ms=lambda: market.now_ms)


def _wall_clock() -> Clock:
    from forcedflow.live.bar_clock import Clock

    return Clock(lambda: round(datetime.now(UTC).timestamp() * 1000))
