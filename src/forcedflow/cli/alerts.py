"""``forcedflow alerts``: try rules on the past, send what fires now, test targets, list what fired.

In:  a file of rules; a lake; addresses from the environment.   Out: text or JSON; messages.
Sends nothing but what the rules say, to nobody but the targets they name.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from forcedflow.cli.options import (
    choose_instrument,
    console,
    format_time,
    iso_time,
    open_lake,
    parse_duration,
    parse_moment,
    parse_time,
    print_json,
    warn,
)
from forcedflow.errors import NoDataError, UsageError

if TYPE_CHECKING:
    from forcedflow.alerts import AlertDesk, Observation, Outbox, RuleBook
    from forcedflow.alerts.outbox import Listed
    from forcedflow.instruments import Instrument
    from forcedflow.live.market_update import MarketUpdate
    from forcedflow.store import Lake

_RULES = "~/.config/forcedflow/alerts.toml"
_PICTURE_SPAN_MS = 3 * 86_400_000
_MOST_MOMENTS = 20_000
_AFTER = "after:"  # how the key of what happened an hour later begins


def run(
    action: Literal["run", "test", "list", "outbox"],
    *names: str,
    rules: Path | None = None,
    venue: str = "binance",
    from_: Annotated[str | None, Parameter(name="--from")] = None,
    to: str | None = None,
    step: str = "5m",
    outbox: Path | None = None,
    limit: int = 50,
    lake: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Try rules on the past, send what fires now, test targets, list what fired.

    Parameters
    ----------
    action
        run: judge the newest moment and send what fires; with --from, print what would have fired.
        test: send a test message to targets. list: show the rules. outbox: show what fired.
    names
        Symbols to run for, BTC by default; or targets to test, all by default.
    rules
        File of rules; ~/.config/forcedflow/alerts.toml by default.
    venue
        Venue of the symbols.
    from_
        Begin of the past to try the rules on, inclusive, such as 2026-02-05T12:00Z; nothing is
        sent.
    to
        Its end, exclusive; now by default.
    step
        Time between two looks at the past, in whole five minutes, such as 5m or 1h.
    outbox
        File of the outbox; in the lake's folder by default.
    limit
        How many alerts the outbox shows at most.
    lake
        Folder of the lake; the setting by default.
    json
        Print as JSON.
    """
    path = (rules or Path(_RULES)).expanduser()
    if action == "outbox":
        return _show_outbox(_outbox_path(outbox, lake), limit, json=json)
    from forcedflow.alerts import read_rules

    book = read_rules(path)
    if action == "list":
        return _show_rules(book, path, json=json)
    if action == "test":
        return _test(book, names, _outbox_path(outbox, lake), json=json)
    held = open_lake(lake)
    instruments = [choose_instrument(held, name, venue) for name in names or ("BTC",)]
    if from_ is None:
        if to is not None:
            raise UsageError("--to needs --from\nhint: --from 2026-02-05T12:00Z")
        return _send_now(held, instruments, book, _outbox_path(outbox, lake), json=json)
    from_ms, to_ms = parse_time(from_), parse_moment(to)
    listed = replay(held, instruments, book, from_ms, to_ms, parse_duration(step))
    if json:
        print_json(
            {
                "from": iso_time(from_ms),
                "to": iso_time(to_ms),
                "simulated": any(row.alert.simulated for row in listed),
                "sent": False,
                "alerts": _rows(listed, is_replay=True),
            }
        )
    else:
        _print_listed(listed, "would have fired; nothing was sent", is_replay=True)
    return 0


def replay(
    lake: Lake,
    instruments: list[Instrument],
    book: RuleBook,
    from_ms: int,
    to_ms: int,
    step_ms: int,
) -> list[Listed]:
    """Return what rules would have told of a lake's past, oldest first; nothing is sent.

    Parameters
    ----------
    lake : Lake
    instruments : list of Instrument
    book : RuleBook
    from_ms, to_ms : int
        Moments in ``[from, to)``; each sees only what was known then. [UTC ms]
    step_ms : int
        Whole five minutes. [ms]

    Raises
    ------
    UsageError
        If the span holds no moment, or too many.
    NoDataError
        If no mark of any market was known at any of them.
    """
    from forcedflow.alerts import AlertDesk, Outbox
    from forcedflow.cli.alert_observations import Observer, check_prices, stages_for
    from forcedflow.features.table import STEP_MS
    from forcedflow.live.loop import LiveLoop
    from forcedflow.units import HOUR_MS

    if step_ms % STEP_MS:
        raise UsageError("a step is whole five minutes\nhint: --step 5m, or 1h")
    moments = range(-(-from_ms // step_ms) * step_ms, to_ms, step_ms)
    if not 0 < len(moments) <= _MOST_MOMENTS:
        raise UsageError(
            f"the span holds {len(moments)} moments; it must hold 1 to {_MOST_MOMENTS:,}\n"
            "hint: state --from, --to and a longer --step"
        )
    # An hour more, so that what happened after the last of them is told too.
    following = range(moments[-1] + step_ms, min(to_ms + HOUR_MS + step_ms, _now_ms()), step_ms)
    now_ms = moments[0]
    outbox = Outbox()
    desk = AlertDesk(book, outbox, {}, lambda: now_ms)
    loop = LiveLoop(lake, instruments, stages=stages_for(book, lake, HOUR_MS), is_replay=True)
    observer = Observer()
    observed = 0
    updates: tuple[MarketUpdate, ...] = ()
    for now_ms in (*moments, *following):
        updates = loop.close_bar(now_ms)
        for update in updates:
            seen = observer.observe(update)
            if seen is not None:
                desk.observe(seen)
                observed += 1
        desk.tick()
    if not observed:
        for update in updates:
            check_prices(update)
    _warn_of_silence(updates)
    listed = outbox.listed()[::-1]
    outbox.close()
    within = {row.alert.id for row in listed if not _is_after(row) and row.alert.at_ms < to_ms}
    return [
        row
        for row in listed
        if row.alert.id in within or row.alert.key.removeprefix(_AFTER) in within
    ]


def open_desk(
    lake: Lake,
    instruments: Sequence[Instrument],
    book: RuleBook,
    place: Path,
    clock: Callable[[], int],
) -> tuple[AlertDesk, Outbox]:
    """Return a desk that sends, and its outbox, which is to be closed.

    Parameters
    ----------
    lake : Lake
        Pictures are drawn from it.
    instruments : sequence of Instrument
        Markets that will be observed.
    book : RuleBook
    place : Path
        File of the outbox.
    clock : callable
        Now, by the clock of the observations. [UTC ms]

    Raises
    ------
    UsageError
        If a variable that a target needs is not set, or another process sends from the outbox.
    """
    from forcedflow.alerts import AlertDesk, Outbox
    from forcedflow.alerts.targets import make_senders

    senders = make_senders(book, os.environ, clock)
    outbox = Outbox(place)
    return AlertDesk(book, outbox, senders, clock, drawer(lake, instruments)), outbox


def _send_now(
    lake: Lake, instruments: list[Instrument], book: RuleBook, place: Path, *, json: bool
) -> int:
    from forcedflow.cli.alert_observations import Observer, check_prices, stages_for
    from forcedflow.features.table import STEP_MS
    from forcedflow.live.loop import LiveLoop

    desk, outbox = open_desk(lake, instruments, book, place, _now_ms)
    at_ms = _now_ms() // STEP_MS * STEP_MS
    loop = LiveLoop(lake, instruments, stages=stages_for(book, lake, STEP_MS))
    observer = Observer()
    try:
        fired = []
        updates = loop.close_bar(at_ms)
        _warn_of_silence(updates)
        for update in updates:
            check_prices(update)
            seen = observer.observe(update)
            if seen is not None:
                fired += desk.observe(seen)
        delivered = desk.tick()
        ids = {alert.id for alert in fired}
        rows = [row for row in outbox.listed() if row.alert.id in ids]
    finally:
        outbox.close()
    if json:
        print_json(
            {
                "at": iso_time(at_ms),
                "simulated": any(row.alert.simulated for row in rows),
                "delivered": delivered,
                "alerts": _rows(rows),
            }
        )
    else:
        _print_listed(rows, f"fired at {format_time(at_ms)}; {delivered} delivered")
    return 0


def _warn_of_silence(updates: Sequence[MarketUpdate]) -> None:
    """Say where rules about forecasts had none to judge."""
    for update in updates:
        outcome = update.stages.get("forecast")
        if outcome is not None and outcome.value is None:
            market = f"{update.instrument.venue} {update.instrument.symbol}"
            warn(f"{market}: rules about forecasts stay silent: {outcome.problem}")


def drawer(
    lake: Lake, instruments: Sequence[Instrument]
) -> Callable[[Observation], bytes | None] | None:
    """Return what draws the heatmap of an observation; None without the extra ``report``."""
    try:
        from forcedflow.report.heatmap_png import draw_heatmap
    except ModuleNotFoundError:
        return None
    from forcedflow.asof import newest_trained, read_market
    from forcedflow.pipeline import build_map

    by_name = {(one.venue, one.symbol): one for one in instruments}

    def draw(seen: Observation) -> bytes | None:
        instrument = by_name[seen.venue, seen.symbol]
        try:
            market = read_market(lake, instrument, seen.at_ms)
            trained = newest_trained(lake, instrument, seen.at_ms)
            mapped = build_map(market, picture_span_ms=_PICTURE_SPAN_MS, trained=trained)
        except NoDataError:
            return None  # an alert without a picture is better than none
        with TemporaryDirectory(prefix="forcedflow-") as folder:
            path = Path(folder) / "heatmap.png"
            draw_heatmap(mapped, mapped.zones(), path)
            return path.read_bytes()

    return draw


def _test(book: RuleBook, names: tuple[str, ...], place: Path, *, json: bool) -> int:
    from forcedflow.alerts import Outbox
    from forcedflow.alerts.alert import Alert
    from forcedflow.alerts.message import DeliveryError, Message
    from forcedflow.alerts.targets import make_senders

    unknown = [name for name in names if name not in book.targets]
    if unknown:
        known = ", ".join(sorted(book.targets))
        raise UsageError(f"there is no target {unknown[0]!r}\nhint: stated are {known}")
    now_ms = _now_ms()
    alert = Alert(
        id=f"test-{now_ms}",
        rule="test",
        kind="test",
        key="test",
        at_ms=now_ms,
        venue="sandbox",
        symbol="SIM/USDT:USDT",
        title="test message, nothing happened",
        mark=100.0,
        reasons=("sent by: forcedflow alerts test",),
        simulated=True,
    )
    problems: dict[str, str | None] = {}
    for name, sender in make_senders(book, os.environ, _now_ms, names or None).items():
        try:
            sender.send(Message(alert))
            problems[name] = None
        except DeliveryError as error:
            problems[name] = error.problem
    reached = [name for name, problem in problems.items() if problem is None]
    if place.exists():
        outbox = Outbox(place, exclusive=False)
        for name in reached:
            outbox.enable(name)
        outbox.close()
    if json:
        print_json({"id": alert.id, "targets": problems})
    else:
        for name, problem in problems.items():
            console().print(f"{name}: {'delivered' if problem is None else problem}", markup=False)
    return 0 if len(reached) == len(problems) else 4


def _show_rules(book: RuleBook, path: Path, *, json: bool) -> int:
    import msgspec

    targets = {
        name: _target_row(msgspec.to_builtins(target), os.environ)
        for name, target in book.targets.items()
    }
    if json:
        print_json(
            {
                "file": str(path),
                "rules": msgspec.to_builtins(book.rules),
                "targets": targets,
                "delivery": msgspec.to_builtins(book.delivery),
            }
        )
        return 0
    from rich.table import Table

    table = Table(box=None, padding=(0, 1))
    for heading in ("rule", "kind", "markets", "fires at", "cooldown", "to"):
        table.add_column(heading, overflow="fold")
    for rule in book.rules:
        markets = ", ".join(rule.symbols) or "all"
        venues = f" on {', '.join(rule.venues)}" if rule.venues else ""
        table.add_row(
            rule.name,
            rule.kind,
            f"{markets}{venues}",
            _condition(msgspec.to_builtins(rule)),
            f"{rule.cooldown}{', urgent' if rule.urgent else ''}",
            ", ".join(rule.targets),
        )
    screen = console()
    screen.print(table)
    for name, row in targets.items():
        missing = [variable for variable, is_set in row["variables"].items() if not is_set]
        state = f"not set: {', '.join(missing)}" if missing else "variables set"
        screen.print(f"{name}: {row['kind']}, {state}", markup=False)
    return 0


def _condition(rule: dict[str, Any]) -> str:
    shared = {"kind", "name", "targets", "symbols", "venues", "cooldown", "urgent"}
    return ", ".join(
        f"{field} {value:g}" if isinstance(value, int | float) else f"{field} {_words(value)}"
        for field, value in rule.items()
        if field not in shared and value not in (None, [], "both")
    )


def _words(value: object) -> str:
    return "/".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _target_row(target: dict[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    named = [value for field, value in target.items() if field.endswith("_env")]
    return target | {"variables": {name: bool(environment.get(name)) for name in named}}


def _show_outbox(place: Path, limit: int, *, json: bool) -> int:
    from forcedflow.alerts import Outbox

    if limit < 1:
        raise UsageError("--limit is at least 1")
    if not place.exists():
        raise NoDataError(f"{place}: nothing has fired yet\nhint: forcedflow alerts run BTC")
    outbox = Outbox(place, exclusive=False)
    listed, disabled = outbox.listed(limit), outbox.disabled()
    outbox.close()
    if json:
        print_json(
            {
                "simulated": any(row.alert.simulated for row in listed),
                "disabled": {name: iso_time(since) for name, since in disabled.items()},
                "alerts": _rows(listed),
            }
        )
        return 0
    _print_listed(listed, "fired, newest first")
    for name, since_ms in disabled.items():
        warn(f"{name} is disabled since {format_time(since_ms)}; forcedflow alerts test {name}")
    return 0


def _rows(listed: list[Listed], *, is_replay: bool = False) -> list[dict[str, Any]]:
    """Return alerts as plain rows; of the past, what happened after stands beside each."""
    import msgspec

    after = {row.alert.key.removeprefix(_AFTER): row.alert for row in listed if _is_after(row)}
    rows = []
    for row in listed:
        if is_replay and _is_after(row):
            continue
        told: dict[str, Any] = msgspec.to_builtins(row.alert)
        told |= {
            "at": iso_time(row.alert.at_ms),
            "title": row.alert.headline(),
            "suppressed": row.suppressed,
        }
        if is_replay:
            followed = after.get(row.alert.id)
            told["one_hour_later"] = None if followed is None else list(followed.reasons)
        else:
            told["deliveries"] = row.deliveries
        rows.append(told)
    return rows


def _is_after(row: Listed) -> bool:
    return row.alert.key.startswith(_AFTER)


def _print_listed(listed: list[Listed], words: str, *, is_replay: bool = False) -> None:
    from rich.table import Table

    after = {row.alert.key.removeprefix(_AFTER): row.alert for row in listed if _is_after(row)}
    table = Table(box=None, padding=(0, 1))
    table.add_column("time", no_wrap=True)
    table.add_column("rule", overflow="fold")
    table.add_column("alert", overflow="fold")
    table.add_column("1 h later" if is_replay else "became", overflow="fold")
    shown = [row for row in listed if not (is_replay and _is_after(row))]
    for row in shown:
        if row.suppressed:
            became = f"not sent: {row.suppressed}"
        elif is_replay:
            followed = after.get(row.alert.id)
            became = "" if followed is None else followed.title.rpartition(" – ")[2]
        else:
            became = ", ".join(f"{name} {told['state']}" for name, told in row.deliveries.items())
        table.add_row(format_time(row.alert.at_ms), row.alert.rule, row.alert.headline(), became)
    screen = console()
    if shown:
        screen.print(table)
    told = sum(row.suppressed is None for row in shown)
    held_back = f", {len(shown) - told} held back" if told < len(shown) else ""
    screen.print(f"{told} alerts{held_back}: {words}", style="dim", markup=False)


def _outbox_path(outbox: Path | None, lake: Path | None) -> Path:
    if outbox is not None:
        return outbox.expanduser()
    from forcedflow.settings import read_settings

    root = lake if lake is not None else read_settings().lake_path
    return root / "alerts" / "outbox.sqlite"


def _now_ms() -> int:
    return round(time.time() * 1000)
