"""A soak: ``forcedflow up`` on an exchange that errs, killed again and again, beside another.

In:  a folder, how long, how often to kill.   Out: `Soaked`: states, memory, bar closes.
By hand: ``python tests/soak/soak.py`` runs half an hour; the suite runs two minutes of it.

What happens here is what venues keep and tell again when asked: bars, open interest, settlements. A
liquidation that is told while nobody listens is lost at every venue, and no state can know it.
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.unit.alerts.receiver import Receiver
from tests.venues.fakes.bybit import FakeBybit
from tests.venues.fakes.facts import MINUTE_MS, Tape

from forcedflow.alerts.outbox import Outbox
from forcedflow.answers.alerts import outbox_path
from forcedflow.cli.app import run
from forcedflow.instruments import parse_symbol
from forcedflow.live.loop import LiveLoop
from forcedflow.store import Lake

STEP_MS = 5 * MINUTE_MS
PAST_MS = 36 * 60 * MINUTE_MS
# A cut every so often; messages are doubled on the way besides. [s]
CUT_EVERY_S = 13.0
# What fires at every bar that is closed, and what fires at most.
RULES = """
[delivery]
follow_up = false
daily_cap = 10000
[targets.desk]
kind = "webhook"
url_env = "SOAK_URL"
secret_env = "SOAK_KEY"
allow_private = ["127.0.0.1/32"]
[[rules]]
name = "near"
kind = "cluster_near"
least_usd = 1.0
within_pct = 30.0
cooldown = "1s"
targets = ["desk"]
[[rules]]
name = "stale"
kind = "data_stale"
tables = ["open_interest"]
older_than = "1s"
cooldown = "1s"
targets = ["desk"]
"""


@dataclass
class Life:
    """One process from start to end: what it printed and how much memory it took."""

    process: subprocess.Popen
    lines: list[dict] = field(default_factory=list)
    rss_mib: list[float] = field(default_factory=list)

    @property
    def ended(self) -> dict | None:
        return next((line for line in self.lines if "state" in line), None)


@dataclass(frozen=True)
class Soaked:
    """What became of both runs.

    ``killed_state`` and ``lived_state`` are what the processes said of themselves when they were
    told to end, ``killed_anew`` and ``lived_anew`` what their lakes give to a fresh loop.
    ``alerts`` are those of both outboxes that were to be delivered, ``lost`` those that no receiver
    got, and ``doubled`` those that came more often than they were sent, or under a key that no
    outbox knows.
    """

    at_ms: tuple[int, int]
    killed_state: str
    lived_state: str
    killed_anew: str
    lived_anew: str
    killed_mended: str
    lived_mended: str
    kills: int
    closes: int
    rss_mib: list[float]
    alerts: int
    lost: int
    doubled: int


def soak(root: Path, *, last_s: float, kill_every_s: float, seed: int = 7) -> Soaked:
    """Run both, and return what became of them."""
    tape = Tape(seed)
    with FakeBybit() as fake, contextlib.ExitStack() as stack:
        _lay_past(fake, tape)
        config = _configure(root, fake)
        stop = threading.Event()
        teller = threading.Thread(target=_tell, args=(fake, tape, stop), daemon=True)
        teller.start()
        lakes = root / "killed", root / "lived"
        desks = [stack.enter_context(Receiver()) for _ in lakes]
        lived = stack.enter_context(_life(config, lakes[1], desks[1]))
        kills = closes = 0
        until = time.monotonic() + last_s
        while time.monotonic() < until - kill_every_s:
            with _life(config, lakes[0], desks[0]) as life:
                _watch(lived, min(kill_every_s, until - time.monotonic()))
                life.process.kill()
                kills += 1
            closes += len(life.lines)
        with _life(config, lakes[0], desks[0]) as last:
            # Both see the same last bar: nothing is ended beside a boundary.
            _watch(lived, max(kill_every_s, 15.0))
            _wait_for_bar(last, lived)
            ends = [_end(life) for life in (last, lived)]
        closes += len(last.lines)
        anew = [_anew(lake, end["ended"]) for lake, end in zip(lakes, ends, strict=True)]
        at_ms = min(end["ended"] for end in ends)
        for lake in lakes:
            _fetch_again(config, lake)
        mended = [_anew(lake, at_ms) for lake in lakes]
        stop.set()
        teller.join()
    delivered = [_delivered(lake, desk) for lake, desk in zip(lakes, desks, strict=True)]
    return Soaked(
        (ends[0]["ended"], ends[1]["ended"]),
        ends[0]["state"],
        ends[1]["state"],
        *anew,
        *mended,
        kills,
        closes,
        lived.rss_mib,
        *(sum(column) for column in zip(*delivered, strict=True)),
    )


def _lay_past(fake, tape):
    now_ms = time.time_ns() // 1_000_000
    first_ms = (now_ms - PAST_MS) // STEP_MS * STEP_MS
    facts = [tape.settlement(first_ms // (480 * MINUTE_MS) * 480 * MINUTE_MS)]
    for end_ms in range(first_ms, now_ms + 1, MINUTE_MS):
        facts += _minute(tape, end_ms)
    fake.publish(facts, unsaid=True)


def _minute(tape, end_ms):
    """What a minute's end brings; each sort in the lengths that are asked for."""
    found = [tape.bar(end_ms), tape.bar(end_ms, "mark")]
    if end_ms % STEP_MS == 0:
        found += [replace(bar, interval_ms=STEP_MS) for bar in found]
        found.append(tape.open_interest(end_ms))
    return found


def _tell(fake, tape, stop):
    told_ms = time.time_ns() // 1_000_000 // MINUTE_MS * MINUTE_MS
    cut_at = time.monotonic() + CUT_EVERY_S
    while not stop.wait(0.2):
        now_ms = time.time_ns() // 1_000_000
        while told_ms + MINUTE_MS <= now_ms:
            told_ms += MINUTE_MS
            facts = _minute(tape, told_ms)
            fake.publish(facts, lambda wires: [wire for wire in wires for _ in range(2)])
        if time.monotonic() >= cut_at:
            cut_at = time.monotonic() + CUT_EVERY_S
            fake.cut()


def _configure(root, fake):
    there = fake.endpoints
    path = root / "config.toml"
    path.write_text(
        f'[venues.bybit]\nrest = "{there.rest}"\nstream = "{there.stream}"\n'
        f'archive = "{there.archive}"\n'
    )
    path.with_name("alerts.toml").write_text(RULES)
    return path


def _delivered(root, desk):
    """Alerts that were to be delivered, those that were not, those that came too often."""
    outbox = Outbox(outbox_path(Lake(root)), read_only=True)
    try:
        due = [one for one in outbox.listed() if one.deliveries]
    finally:
        outbox.close()
    came = collections.Counter(request.headers["idempotency-key"] for request in desk.requests)
    # One that a kill cut off is sent again under its key, by which the receiver knows it.
    most = {one.alert.id: one.deliveries["desk"]["attempts"] for one in due}
    lost = sum(one.alert.id not in came for one in due)
    return len(due), lost, sum(times > most.get(key, 0) for key, times in came.items())


@contextlib.contextmanager
def _life(config: Path, lake: Path, desk: Receiver) -> Iterator[Life]:
    rules = config.with_name("alerts.toml")
    words = ["up", "BTC", "--venue", "bybit", "--lake", str(lake), "--back", "2d"]
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "forcedflow",
            *words,
            "--cascade",
            "0",
            "--forecast",
            "0",
            "--no-server",
            "--rules",
            str(rules),
            "--json",
        ],
        env={
            **os.environ,
            "FORCEDFLOW_CONFIG": str(config),
            "SOAK_URL": f"{desk.url}/alerts",
            "SOAK_KEY": "made",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    life = Life(process)

    def read():
        for line in process.stdout:
            with contextlib.suppress(json.JSONDecodeError):  # a line cut short by the kill
                life.lines.append(json.loads(line))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        yield life
    finally:
        process.kill()
        process.wait()
        reader.join()
        process.stdout.close()


def _watch(life, seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{life.process.pid}/status").read_text(encoding="ascii")
            for line in status.splitlines():
                if line.startswith("VmRSS:"):
                    life.rss_mib.append(int(line.split()[1]) / 1024)
        time.sleep(1.0)


def _wait_for_bar(*lives, patience_s=180.0):
    """Return once every process has closed the same newest bar, and the next is not due soon."""
    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        now_ms = time.time_ns() // 1_000_000
        over_ms = (now_ms - 10_000) // STEP_MS * STEP_MS
        newest = [life.lines[-1].get("at_ms") if life.lines else None for life in lives]
        if newest == [over_ms] * len(lives) and now_ms % STEP_MS < STEP_MS - 30_000:
            return
        time.sleep(0.5)
    raise TimeoutError(f"no bar was closed by both: {[life.lines[-1:] for life in lives]}")


def _end(life):
    life.process.send_signal(signal.SIGTERM)
    life.process.wait(60)
    until = time.monotonic() + 10
    while life.ended is None and time.monotonic() < until:
        time.sleep(0.05)
    if life.ended is None:
        raise AssertionError(f"it said nothing at its end, status {life.process.returncode}")
    return life.ended


def _anew(root, at_ms):
    loop = LiveLoop(Lake(root), [parse_symbol("BTC", "bybit")])
    loop.close_bar(at_ms)
    return loop.state_hash()


def _fetch_again(config, lake):
    """Ask the venue once more for what it keeps, so that a lake lacks nothing that can be had."""
    day = datetime.fromtimestamp(time.time() - 2 * 86_400, UTC).strftime("%Y-%m-%d")
    before = os.environ.get("FORCEDFLOW_CONFIG")
    os.environ["FORCEDFLOW_CONFIG"] = str(config)
    try:
        for interval in ("1m", "5m"):
            words = ["fetch", "bybit", "BTC", "--from", day, "--interval", interval]
            tables = ["--tables", "klines,open_interest,funding"]
            with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
                status = run([*words, *tables, "--lake", str(lake), "--json"])
            if status:
                raise AssertionError(f"fetch ended with {status}")
    finally:
        if before is None:
            del os.environ["FORCEDFLOW_CONFIG"]
        else:
            os.environ["FORCEDFLOW_CONFIG"] = before


def main() -> int:
    """Half an hour, a kill every two minutes."""
    with tempfile.TemporaryDirectory() as folder:
        found = soak(Path(folder), last_s=1800.0, kill_every_s=120.0)
    print(replace(found, rss_mib=[]))
    third = len(found.rss_mib) // 3
    middle, last = sorted(found.rss_mib[third : 2 * third]), sorted(found.rss_mib[2 * third :])
    print(f"median MiB: {middle[len(middle) // 2]:.0f}, then {last[len(last) // 2]:.0f}")
    same = (
        found.killed_state == found.killed_anew
        and found.lived_state == found.lived_anew
        and found.killed_mended == found.lived_mended
    )
    return 0 if same and found.alerts and not found.lost and not found.doubled else 1


if __name__ == "__main__":
    sys.exit(main())
