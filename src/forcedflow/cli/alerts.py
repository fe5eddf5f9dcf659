"""``forcedflow alerts``: try rules on the past, send what fires now, test targets, list what fired.

In:  a file of rules; a lake; addresses from the environment.   Out: text or JSON; messages.
Sends nothing but what the rules say, to nobody but the targets they name.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from forcedflow.cli.alert_runs import AFTER, clock_ms, is_after, replay, send_now
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
    from forcedflow.alerts import RuleBook
    from forcedflow.alerts.outbox_rows import Listed
    from forcedflow.instruments import Instrument
    from forcedflow.store import Lake

_RULES = "~/.config/forcedflow/alerts.toml"


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
        Folder of the lake, or s3://BUCKET/PREFIX; the setting by default.
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
        return _send(held, instruments, book, _outbox_path(outbox, lake), json=json)
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


def _send(
    lake: Lake, instruments: list[Instrument], book: RuleBook, place: Path, *, json: bool
) -> int:
    at_ms, delivered, rows = send_now(lake, instruments, book, place)
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


def _test(book: RuleBook, names: tuple[str, ...], place: Path, *, json: bool) -> int:
    from forcedflow.alerts import Outbox
    from forcedflow.alerts.alert import Alert
    from forcedflow.alerts.message import DeliveryError, Message
    from forcedflow.alerts.targets import make_senders

    unknown = [name for name in names if name not in book.targets]
    if unknown:
        known = ", ".join(sorted(book.targets))
        raise UsageError(f"there is no target {unknown[0]!r}\nhint: stated are {known}")
    now_ms = clock_ms()
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
    for name, sender in make_senders(book, os.environ, clock_ms, names or None).items():
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

    after = {row.alert.key.removeprefix(AFTER): row.alert for row in listed if is_after(row)}
    rows = []
    for row in listed:
        if is_replay and is_after(row):
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


def _print_listed(listed: list[Listed], words: str, *, is_replay: bool = False) -> None:
    from rich.table import Table

    after = {row.alert.key.removeprefix(AFTER): row.alert for row in listed if is_after(row)}
    table = Table(box=None, padding=(0, 1))
    table.add_column("time", no_wrap=True)
    table.add_column("rule", overflow="fold")
    table.add_column("alert", overflow="fold")
    table.add_column("1 h later" if is_replay else "became", overflow="fold")
    shown = [row for row in listed if not (is_replay and is_after(row))]
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
    from forcedflow.store import local_folder

    root = local_folder(lake if lake is not None else read_settings().lake_path)
    return root / "alerts" / "outbox.sqlite"
