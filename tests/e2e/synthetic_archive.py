"""A made market in the files of a public archive: four days of one perpetual, with a fall.

In:  a folder, a moment.   Out: files of the archive's own names and shape, up to that moment.
Free of numerical libraries: Python's own generator gives the same text on every machine.

The price walks at random, falls by nine percent within two hours of the third day and recovers a
third of it. Files hold only rows that were published by the moment asked for.
"""

from __future__ import annotations

import hashlib
import math
import random
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
STEP_MS = 5 * MINUTE_MS
START_MS = 1_767_225_600_000  # 2026-01-01T00:00Z
DAYS = 4
END_MS = START_MS + DAYS * DAY_MS

FALL_START_MS = START_MS + 2 * DAY_MS + 12 * HOUR_MS
FALL_END_MS = FALL_START_MS + 2 * HOUR_MS
_RECOVERY_END_MS = FALL_END_MS + 3 * HOUR_MS

METRICS_HEADER = (
    "create_time,symbol,sum_open_interest,sum_open_interest_value,"
    "count_toptrader_long_short_ratio,sum_toptrader_long_short_ratio,"
    "count_long_short_ratio,sum_taker_long_short_vol_ratio"
)
KLINE_HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore"
)


@dataclass(frozen=True, slots=True)
class Step:
    """Five minutes of the market. Prices in USDT, open interest and volume in coins."""

    start_ms: int
    open: float
    high: float
    low: float
    close: float
    open_interest: float
    volume: float
    taker_buy_volume: float

    @property
    def end_ms(self) -> int:
        return self.start_ms + STEP_MS


def market(seed: int = 7, start_price: float = 90_000.0) -> list[Step]:
    """Return every five minutes of the made market."""
    draw = random.Random(seed)  # noqa: S311 - a path to test with, no secret
    price, held = start_price, 80_000.0
    steps = []
    for start in range(START_MS, END_MS, STEP_MS):
        drift, shake, leaving = 0.0, 0.0006, 0.0
        if FALL_START_MS <= start < FALL_END_MS:
            drift, shake, leaving = math.log(0.91) / 24, 0.0015, 0.006
        elif FALL_END_MS <= start < _RECOVERY_END_MS:
            drift = math.log(1.03) / 36
        close = round(price * math.exp(drift + draw.gauss(0, shake)), 1)
        wick = abs(draw.gauss(0, shake / 2))
        high = round(max(price, close) * (1 + wick), 1)
        low = round(min(price, close) * (1 - wick), 1)
        held = round(held * (1 - leaving + draw.gauss(0, 0.001)), 3)
        volume = round(250 * (1 + 3 * (leaving > 0)) * math.exp(draw.gauss(0, 0.4)), 3)
        bought = round(volume * min(0.9, max(0.1, draw.gauss(0.5, 0.08))), 3)
        steps.append(Step(start, price, high, low, close, held, volume, bought))
        price = close
    return steps


def write_archive(
    folder: Path, until_ms: int = END_MS, symbol: str = "BTCUSDT", seed: int = 7
) -> Path:
    """Write the archive's files with what was published by ``until_ms``; return the folder."""
    steps = market(seed)
    futures = folder / "data" / "futures" / "um"
    metrics = [(s.end_ms, _metrics_row(s, symbol)) for s in steps if s.end_ms + STEP_MS <= until_ms]
    _write_days(futures / "daily/metrics" / symbol, symbol, "metrics", METRICS_HEADER, metrics)
    # Mark bars from the second day on: before, two closes bound the range.
    mark = [
        (s.start_ms, _kline_row([s], STEP_MS, traded=False))
        for s in steps
        if s.start_ms >= START_MS + DAY_MS and s.end_ms <= until_ms
    ]
    _write_days(futures / "daily/markPriceKlines" / symbol / "5m", symbol, "5m", KLINE_HEADER, mark)
    # Trade bars with taker flow on the last two days; the candles below hold volume alone.
    traded = [
        (hour[0].start_ms, _kline_row(hour, HOUR_MS, traded=True))
        for hour in _hours(steps)
        if hour[0].start_ms >= START_MS + 2 * DAY_MS and hour[-1].end_ms <= until_ms
    ]
    _write_days(futures / "daily/klines" / symbol / "1h", symbol, "1h", KLINE_HEADER, traded)
    settled = [
        f"{moment},8,{0.0001 * math.cos(moment / DAY_MS):.8f}"
        for moment in range(START_MS, min(until_ms, END_MS) + 1, 8 * HOUR_MS)
    ]
    if settled:
        name = f"{symbol}-fundingRate-2026-01"
        header = "calc_time,funding_interval_hours,last_funding_rate"
        _write_zip(futures / "monthly/fundingRate" / symbol, name, [header, *settled])
    return folder


def write_candles(folder: Path, until_ms: int = END_MS, symbol: str = "BTCUSDT") -> Path:
    """Write hourly candles of the perpetual that were finished by ``until_ms``."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["timestamp,open,high,low,close,volume"]
    for hour in _hours(market()):
        if hour[-1].end_ms <= until_ms:
            opened, high, low, close = _ohlc(hour)
            start = _time(hour[0].start_ms)
            lines.append(f"{start}+00:00,{opened},{high},{low},{close},{_volume(hour):.3f}")
    (folder / f"{symbol}_perp_1h.csv").write_text("\n".join(lines) + "\n")
    return folder


def _metrics_row(step: Step, symbol: str) -> str:
    value = step.open_interest * step.close
    ratio = step.taker_buy_volume / (step.volume - step.taker_buy_volume)
    return (
        f"{_time(step.end_ms)},{symbol},{step.open_interest:.3f},{value:.4f},"
        f"1.20000000,1.10000000,1.50000000,{ratio:.8f}"
    )


def _kline_row(steps: Sequence[Step], interval_ms: int, *, traded: bool) -> str:
    start = steps[0].start_ms
    volume = _volume(steps) if traded else 0.0
    bought = sum(s.taker_buy_volume for s in steps) if traded else 0.0
    opened, high, low, close = _ohlc(steps)
    return (
        f"{start},{opened},{high},{low},{close},{volume:.3f},{start + interval_ms - 1},"
        f"{volume * close:.4f},{100 if traded else 0},{bought:.3f},{bought * close:.4f},0"
    )


def _ohlc(steps: Sequence[Step]) -> tuple[float, float, float, float]:
    high, low = max(s.high for s in steps), min(s.low for s in steps)
    return steps[0].open, high, low, steps[-1].close


def _volume(steps: Sequence[Step]) -> float:
    return sum(s.volume for s in steps)


def _hours(steps: Sequence[Step]) -> Iterator[Sequence[Step]]:
    per_hour = HOUR_MS // STEP_MS
    for first in range(0, len(steps), per_hour):
        yield steps[first : first + per_hour]


def _write_days(
    folder: Path, symbol: str, what: str, header: str, rows: Sequence[tuple[int, str]]
) -> None:
    """One zip and its check sum per day, as the archive has it."""
    days: dict[str, list[str]] = defaultdict(list)
    for moment, row in rows:
        days[_time(moment)[:10]].append(row)
    for day, lines in days.items():
        _write_zip(folder, f"{symbol}-{what}-{day}", [header, *lines])


def _write_zip(folder: Path, name: str, lines: Sequence[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.zip"
    member = zipfile.ZipInfo(f"{name}.csv", date_time=(2026, 1, 1, 0, 0, 0))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, "\n".join(lines) + "\n", zipfile.ZIP_DEFLATED)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name(path.name + ".CHECKSUM").write_text(f"{digest}  {path.name}\n")


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
