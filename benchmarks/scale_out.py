"""Many markets on one worker, on two processes, and on a Ray cluster of two nodes.

In:  nothing; recorded data where ``FORCEDFLOW_REAL_DATA`` names some.   Out: `Result` rows.
Sixty symbol-years: the map of a year of four simulated markets as of fifteen days each, read from
the lake and painted; and the recorded markets as far as they are held. Every executor must give the
same bytes. Both nodes of the cluster are on this machine, one core each, and one of them is killed
in the last run.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.measure import Budget, Result, Timing
from forcedflow.answers.model import read_map
from forcedflow.cli.app import run as run_command
from forcedflow.cli.heatmap_folder import file_of
from forcedflow.executors import Executor, SerialExecutor
from forcedflow.executors.processes import ProcessExecutor
from forcedflow.instruments import Instrument, parse_symbol
from forcedflow.sandbox.market import SandboxMarket, join
from forcedflow.sandbox.simulate import START_MS
from forcedflow.sandbox.venue import SandboxVenue
from forcedflow.store import Lake
from forcedflow.units import DAY_MS

MARKETS = 4
MOMENTS = 15
TURNS = 4
TRADERS = 200
YEAR_MS = 365 * DAY_MS
RECORDED = ("BTC", "ETH", "SOL", "DOGE")
RECORDED_TO_MS = 1_773_446_400_000  # 2026-03-14, the last day held

_TABLES = ("klines", "open_interest", "funding", "leverage_brackets")
_SYMBOL = "SIM/USDT:USDT"


@dataclass(frozen=True, slots=True)
class Piece:
    """A market and the moment that its map is of. [UTC ms]"""

    instrument: Instrument
    at_ms: int


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run took, here in processor time too, and the digest of what came of it. [s]"""

    seconds: float
    processor_s: float
    sha256: str


def paint(lake: Lake, piece: Piece) -> bytes:
    """Return the map of a year as it is sent to a browser."""
    mapped = read_map(lake, piece.instrument, piece.at_ms, picture_span_ms=YEAR_MS)
    return file_of("json", mapped, mapped.zones())


def write_market(folder: Path, seed: int) -> int:
    """Write a simulated year into the lake under a name of its own; return its end. [UTC ms]"""
    market = SandboxMarket("calm", TRADERS, seed)
    end_ms = market.opened_ms + YEAR_MS + MOMENTS * DAY_MS
    venue = SandboxVenue(market, "sandbox")
    rows = join(list(venue.backfill(_TABLES, _SYMBOL, START_MS, end_ms)))
    named = {
        table: frame.with_columns(symbol=frame["symbol"].str.replace("SIM", f"SIM{seed}"))
        for table, frame in rows.items()
    }
    Lake(folder, create=True).write(named)
    return end_ms


def fill(folder: Path) -> tuple[Lake, list[Piece]]:
    """Return a lake of simulated and recorded markets, and what is asked of it."""
    with ProcessExecutor(2) as executor:
        ends = list(executor.map(partial(write_market, folder), range(1, MARKETS + 1)))
    pieces = [
        Piece(parse_symbol(f"SIM{seed}/USDT:USDT", "sandbox"), end_ms - day * DAY_MS)
        for seed, end_ms in enumerate(ends, start=1)
        for day in range(MOMENTS)
    ]
    if recorded := os.environ.get("FORCEDFLOW_REAL_DATA"):
        archive = str(Path(recorded) / "binance-vision")
        if run_command(["import", "binance-vision", archive, "--lake", str(folder), "--json"]):
            raise RuntimeError(f"{archive} could not be imported")
        pieces += [Piece(parse_symbol(coin, "binance"), RECORDED_TO_MS) for coin in RECORDED]
    return Lake(folder), pieces


def timed(executor: Executor, lake: Lake, pieces: Sequence[Piece]) -> Ran:
    """Paint everything; workers that are not running yet are started in the time."""
    digest = hashlib.sha256()
    started, worked = time.perf_counter(), time.process_time()
    for content in executor.map(partial(paint, lake), pieces):
        digest.update(content)
    wall_s, processor_s = time.perf_counter() - started, time.process_time() - worked
    return Ran(wall_s, processor_s, digest.hexdigest())


def in_turns(
    executors: dict[str, Executor], lake: Lake, pieces: Sequence[Piece]
) -> dict[str, list[Ran]]:
    """Let each paint a share, then the next share: a busy minute of the machine hits all alike."""
    ran: dict[str, list[Ran]] = {name: [] for name in executors}
    for turn in range(TURNS):
        share = pieces[turn::TURNS]
        for name, executor in executors.items():
            ran[name].append(timed(executor, lake, share))
    return ran


@contextmanager
def two_nodes() -> Iterator[tuple[Executor, Callable[[], None]]]:
    """Yield an executor on two nodes of this machine, and what kills the second."""
    with tempfile.TemporaryDirectory(prefix="forcedflow-ray-") as home:
        # A cluster that nobody else finds; before Ray is imported, which reads them then.
        os.environ |= {"HOME": home, "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
        os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parents[1])
        from ray.cluster_utils import Cluster  # noqa: PLC0415 - an extra

        from forcedflow.executors.ray import RayExecutor  # noqa: PLC0415 - likewise

        node = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 200_000_000}
        cluster = Cluster(initialize_head=True, head_node_args=node)
        try:
            second = cluster.add_node(**node)
            with RayExecutor(cluster.address) as executor:
                yield executor, lambda: cluster.remove_node(second, allow_graceful=False)
        finally:
            cluster.shutdown()


def run(budgets: dict[str, Budget], runs: int) -> Iterator[Result]:  # noqa: ARG001 - one run each: it takes minutes
    """Yield how long each took, beside one worker."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="forcedflow-scale-")))
        lake, pieces = fill(folder / "lake")
        cluster, kill = stack.enter_context(two_nodes())
        executors: dict[str, Executor] = {
            "one worker": SerialExecutor(),
            "two processes": stack.enter_context(ProcessExecutor(2)),
            "Ray, two nodes": cluster,
        }
        for executor in executors.values():
            timed(executor, lake, pieces[:2])  # started, and the kernels compiled, once
        ran = in_turns(executors, lake, pieces)
        alone = ran["one worker"]
        for name, turns in ran.items():
            yield _result(
                name, len(pieces), turns, alone, 1 if name == "one worker" else 2, budgets
            )
        killer = threading.Timer(alone[0].seconds / 6, kill)
        killer.start()
        survived = [timed(cluster, lake, pieces[0::TURNS])]
        killer.join()
        size = len(pieces[0::TURNS])
        yield _result("Ray, a node killed", size, survived, alone[:1], 2, budgets)


def _result(
    what: str,
    pieces: int,
    ran: Sequence[Ran],
    alone: Sequence[Ran],
    workers: int,
    budgets: dict[str, Budget],
) -> Result:
    if [turn.sha256 for turn in ran] != [turn.sha256 for turn in alone]:
        raise RuntimeError(f"{what}: {ran} is not what one worker made, {alone}")
    seconds, peer_s = (sum(turn.seconds for turn in turns) for turns in (ran, alone))
    speed_up = peer_s / seconds
    shares = ", ".join(f"{b.seconds / a.seconds:.2f}" for a, b in zip(ran, alone, strict=True))
    note = (
        f"speed-up {speed_up:.2f} on {workers} (turn by turn {shares}), efficiency "
        f"{speed_up / workers:.0%}, load {os.getloadavg()[0]:.1f}, the bytes of one worker"
    )
    if workers == 1:
        # Its frames are read by threads, so that one worker is busy on more than one core.
        note += f"; {sum(turn.processor_s for turn in ran) / seconds:.2f} cores busy"
    return Result(
        group="scale-out",
        what=what,
        size=f"{pieces} maps of a year each, recorded ones shorter",
        timing=Timing(seconds, seconds, 1),
        n_items=pieces,
        peer="one worker",
        peer_s=peer_s,
        budget=budgets.get(what),
        notes=(note,),
    )
