"""``forcedflow doctor``: check the installation and the lake, and say what mends each finding.

In:  -.   Out: a list of findings; exit status 1 if any of them stops something from working.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import socket
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from forcedflow import __version__
from forcedflow.cli.kernels import KERNELS
from forcedflow.cli.options import console, print_json

State: TypeAlias = Literal["ok", "missing", "broken"]

_EXTRAS = {
    "report": (("matplotlib", "jinja2", "weasyprint", "pypdfium2"), "pictures and printed pages"),
    "forecast": (("sklearn",), "training and scoring forecasts; a trained one needs nothing"),
    "server": (("fastapi", "uvicorn", "prometheus_client"), "the API and the page"),
    "alerts": (("apprise",), "alerts to Telegram, Discord, mail and the like"),
    "mcp": (("mcp",), "answers for assistants"),
    "ccxt": (("ccxt",), "venues without a connector of their own"),
    "lz4": (("lz4",), "packed files of Hyperliquid's node"),
    "ray": (("ray",), "work spread over several machines"),
    "s3": (("obstore",), "lakes in object stores"),
    "sql": (("duckdb", "pyarrow", "pandas"), "SQL over the lake"),
    "notebook": (("anywidget", "plotly"), "charts in notebooks"),
}
_FILL = "forcedflow fetch VENUE SYMBOL --from DAY, or forcedflow import KIND PATH"
_PORT = 8480
_LITTLE_DISK_GB = 2.0
_RELEASED_MS = 1_790_000_000_000  # September 2026: a clock before it has never been set
_CLOCK_OFF_MS = 1_000
_NEEDED = ("numpy", "polars", "numba", "msgspec", "cyclopts", "rich")


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what, how it stands, and the remedy where it does not stand well."""

    what: str
    state: State
    detail: str
    remedy: str = ""


def run(
    *,
    lake: Path | None = None,
    verify: bool = False,
    clock: str | None = None,
    json: bool = False,
) -> int:
    """Check the installation, the machine and the lake.

    Parameters
    ----------
    lake
        Folder of the lake, or s3://BUCKET/PREFIX; the setting by default.
    verify
        Also compare every file of the lake with its checksum.
    clock
        Also ask this venue for the time, and say how far this machine's clock is off.
    json
        Print as JSON.
    """
    findings = [
        *_installation(),
        *_kernels(),
        *_machine(),
        *([] if clock is None else [_clock_of(clock)]),
        *_lake(lake, verify=verify),
    ]
    broken = any(finding.state == "broken" for finding in findings)
    if json:
        print_json({"ok": not broken, "findings": [asdict(finding) for finding in findings]})
        return 1 if broken else 0
    screen = console()
    marks = {"ok": "[green]✓[/]", "missing": "[yellow]–[/]", "broken": "[red]✗[/]"}
    for finding in findings:
        screen.print(marks[finding.state], end=" ")
        # A path that a narrow terminal broke in two could not be copied.
        screen.print(f"{finding.what}: {finding.detail}", markup=False, soft_wrap=True)
        if finding.remedy:
            screen.print(f"    {finding.remedy}", style="dim", markup=False, soft_wrap=True)
    return 1 if broken else 0


def _installation() -> list[Finding]:
    findings = [
        Finding(
            "forcedflow", "ok", f"{__version__} on Python {platform.python_version()}, {sys.prefix}"
        )
    ]
    for name in _NEEDED:
        try:
            findings.append(Finding(name, "ok", importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            findings.append(Finding(name, "broken", "not installed", f"pip install {name}"))
    for extra, (modules, purpose) in _EXTRAS.items():
        lacking = [module for module in modules if not importlib.util.find_spec(module)]
        if not lacking:
            findings.append(Finding(f"extra [{extra}]", "ok", f"{purpose} work"))
        else:
            remedy = f"pip install 'forcedflow[{extra}]'"
            detail = f"no {purpose}: {', '.join(lacking)}"
            findings.append(Finding(f"extra [{extra}]", "missing", detail, remedy))
    return findings + _pango()


def _pango() -> list[Finding]:
    """Whether the library that lays out printed pages is on the machine."""
    from forcedflow.errors import UsageError

    try:
        from forcedflow.report.playbook_html import check_pango
    except ModuleNotFoundError:
        return []  # the extra is missing, which is said above
    try:
        check_pango()
    except UsageError as error:
        reason, _, hint = str(error).partition("\nhint: ")
        return [Finding("Pango", "missing", reason, hint)]
    return [Finding("Pango", "ok", "PDF and PNG pages work")]


def _kernels() -> list[Finding]:
    """Whether compiled kernels can be kept, and whether they are."""
    findings = []
    for kernel in KERNELS:
        what, folder = f"{kernel.name} kernel", kernel.cache
        if folder is None:
            detail = "the package is incomplete"
            findings.append(Finding(what, "broken", detail, "reinstall forcedflow"))
        elif kernel.compiled:
            findings.append(Finding(what, "ok", f"compiled, kept in {folder}"))
        else:
            writable = os.access(folder if folder.is_dir() else folder.parent, os.W_OK)
            named = "set NUMBA_CACHE_DIR to a folder you may write to"
            detail = "not compiled yet; the first command that needs it waits"
            remedy = "forcedflow warmup" if writable else named
            findings.append(Finding(what, "missing", detail, remedy))
    return findings


def _machine() -> list[Finding]:
    """Whether the machine can serve the page and tell the time; whether it has a browser."""
    findings = []
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", _PORT))
            findings.append(Finding(f"port {_PORT}", "ok", "free for the dashboard"))
        except OSError as error:
            named = f"taken, or not to be had: {error.strerror}"
            findings.append(Finding(f"port {_PORT}", "missing", named, "forcedflow serve --port 0"))
    names = ("chromium", "chromium-browser", "google-chrome", "firefox")
    browser = next((found for name in names if (found := shutil.which(name))), None)
    if browser:
        findings.append(Finding("browser", "ok", browser))
    else:
        remedy = "none is needed here: open the address from any machine that reaches it"
        findings.append(Finding("browser", "missing", f"none of {', '.join(names)}", remedy))
    if _now_ms() < _RELEASED_MS:
        detail = "before this version was made: every age is wrong"
        findings.append(Finding("clock", "broken", detail, "set it: timedatectl set-ntp true"))
    return findings


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _clock_of(venue: str) -> Finding:
    """How far this machine's clock is from a venue's; half a round trip either way."""
    from forcedflow.errors import ForcedflowError
    from forcedflow.settings import read_settings
    from forcedflow.venues.http import HttpClient
    from forcedflow.venues.network import connect_venue

    try:
        connector = connect_venue(venue, read_settings()).connector
        with HttpClient(venue, connector.rate_limit) as http:
            asked_ms = _now_ms()
            theirs_ms = connector.server_time_ms(http)
            answered_ms = _now_ms()
    except ForcedflowError as error:
        return Finding("clock", "missing", f"{venue} did not tell the time: {error}", "ask later")
    off_ms = (asked_ms + answered_ms) // 2 - theirs_ms
    unsure_ms = (answered_ms - asked_ms) // 2
    detail = f"{off_ms:+,} ms against {venue}, ±{unsure_ms:,} ms"
    if abs(off_ms) - unsure_ms > _CLOCK_OFF_MS:
        return Finding("clock", "broken", detail, "set it: timedatectl set-ntp true")
    return Finding("clock", "ok", detail)


def _room(folder: Path) -> list[Finding]:
    """Whether the lake can be written to, and for how long there is room."""
    standing = folder
    while not standing.exists():
        standing = standing.parent
    try:
        with tempfile.TemporaryFile(dir=standing):
            findings = []
    except OSError as error:
        detail = f"{standing} cannot be written to: {error.strerror}"
        findings = [Finding("lake folder", "broken", detail, "choose another: FORCEDFLOW_LAKE")]
    free_gb = shutil.disk_usage(standing).free / 1e9
    detail = f"{free_gb:,.1f} GB free where the lake is"
    if free_gb < _LITTLE_DISK_GB:
        findings.append(Finding("disk", "missing", detail, "choose another: FORCEDFLOW_LAKE"))
    else:
        findings.append(Finding("disk", "ok", detail))
    return findings


def _lake(lake: Path | None, *, verify: bool) -> list[Finding]:
    from forcedflow.errors import ForcedflowError, NoDataError
    from forcedflow.settings import read_settings
    from forcedflow.store import Lake

    try:
        folder = lake if lake is not None else read_settings().lake_path
    except ForcedflowError as error:
        return [Finding("settings", "broken", str(error))]
    # Of a bucket nobody tells how much room it has.
    room = [] if str(folder).startswith("s3:") else _room(folder)
    try:
        held = Lake(folder)
        series = held.series()
    except NoDataError:
        return [*room, Finding("lake", "missing", f"none in {folder} yet", _FILL)]
    except ForcedflowError as error:
        return [*room, Finding("lake", "broken", str(error))]
    findings = [*room, Finding("lake", "ok", f"{held.address}, {len(series)} series")]
    if verify:
        damaged = held.verify()
        detail = f"{len(damaged)} damaged, first {damaged[0]}" if damaged else "all files intact"
        remedy = "Lake.discard_damaged(), then import the same files again" if damaged else ""
        findings.append(Finding("files", "broken" if damaged else "ok", detail, remedy))
    return findings
