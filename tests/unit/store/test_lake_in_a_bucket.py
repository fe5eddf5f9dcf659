"""A lake in a bucket: what a folder promises, kept by several machines at once."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from tests.reference.s3_server import BUCKET, SECRET, environment, serving

from forcedflow.cli.app import run
from forcedflow.errors import DamagedFileError, NoDataError, StorageError, UsageError
from forcedflow.store import Lake, Receipt, bucket_home
from forcedflow.store.bucket import Bucket
from forcedflow.store.feed_gaps import FeedGap, held_gaps, keep_gap
from forcedflow.store.manifest_objects import ObjectManifest

_TIME = pl.Datetime("ms", "UTC")
_START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def server():
    with serving() as endpoint:
        yield endpoint


@pytest.fixture
def address(server, monkeypatch, request):
    for name, value in environment(server).items():
        monkeypatch.setenv(name, value)
    return f"s3://{BUCKET}/{request.node.name}"


@pytest.fixture
def machine(address, tmp_path):
    """Return what opens the lake as a machine of that name would: with a folder of its own."""

    def open_lake(name):
        return Lake(address, create=True, local=tmp_path / name)

    return open_lake


def _funding(hours, *, symbol="BTC/USDT:USDT", rate=0.0001):
    rows = [("binance", symbol, _START + timedelta(hours=hour), rate) for hour in hours]
    schema = {"venue": pl.String, "symbol": pl.String, "event_time": _TIME}
    return pl.DataFrame(
        rows, schema={**schema, "funding_rate": pl.Float64}, orient="row"
    ).with_columns(
        kind=pl.lit("settled"),
        available_time=pl.col("event_time"),
        source=pl.lit("test"),
        precedence=pl.lit(1),
    )


def _rates(lake, **chosen):
    return lake.read("funding", **chosen).get_column("funding_rate").to_list()


def _objects(lake):
    return {found.key for found in Bucket(lake.address).list("")}


def test_rows_that_one_machine_wrote_another_reads(machine):
    here, there = machine("here"), machine("there")
    assert here.write({"funding": _funding([0, 1])}).total.added == 2
    assert there.series() == [("funding", "binance", "BTC/USDT:USDT")]
    assert there.read("funding").equals(here.read("funding"))
    again = there.write({"funding": _funding([1, 2])})
    assert (again.total.added, again.total.unchanged) == (1, 1)
    assert len(_rates(here)) == 3
    assert _rates(here, start_ms=round((_START.timestamp() + 7200) * 1000)) == [0.0001]
    assert here.spans() == there.spans()
    assert pl.read_parquet(there.files("funding")).height == 3


def test_a_replaced_row_is_replaced_for_everybody_and_its_files_are_gone(machine):
    here, there = machine("here"), machine("there")
    here.write({"funding": _funding([0, 1])})
    assert _rates(there) == [0.0001, 0.0001]
    before = there.version()
    assert here.write({"funding": _funding([1], rate=0.5)}).total.replaced == 1
    assert _rates(there) == [0.0001, 0.5]
    assert there.version() != before
    kept = [key for key in _objects(here) if key.startswith("funding/")]
    assert len(kept) == 1
    assert there.verify() == []


def test_compacting_leaves_one_file_a_partition_and_every_row(machine, monkeypatch):
    here, there = machine("here"), machine("there")
    for hour in range(4):
        here.write({"funding": _funding([hour])})
    rows = there.read("funding")
    stray = Bucket(here.address)
    stray.put("funding/venue=binance/left-by-a-killed-writer", b"half")
    done = there.compact()
    assert (done.partitions, done.merged_files, done.orphans) == (1, 4, 0)
    assert here.read("funding").equals(rows)
    # What nobody has named for a day is nobody's; younger files may be of a writer at work.
    monkeypatch.setattr(bucket_home, "ORPHAN_AGE", timedelta(seconds=-5))
    assert here.compact().orphans == 1
    assert here.read("funding").equals(rows)
    assert Lake(here.address, local=here.root.parent / "new").read("funding").equals(rows)


def test_a_recorder_compacts_what_is_its_own_and_leaves_the_rest(machine):
    here, there = machine("here"), machine("there")
    for hour in range(3):
        here.write({"funding": _funding([hour])})
        there.write({"funding": _funding([hour], symbol="ETH/USDT:USDT")})
    done = here.compact([("binance", "BTC/USDT:USDT")])
    assert (done.partitions, done.merged_files, done.orphans) == (1, 3, 0)
    counts = {symbol: len(there.files("funding", symbol=symbol)) for _, _, symbol in there.series()}
    assert counts == {"BTC/USDT:USDT": 1, "ETH/USDT:USDT": 3}
    assert there.read("funding").height == 6


def test_a_receipt_is_remembered_by_its_first_import(machine):
    here, there = machine("here"), machine("there")
    receipt = Receipt("cd" * 32, "candles", "unit=coins", "a.csv", imported_ms=7)
    here.write({"funding": _funding([0, 1])}, [receipt])
    there.write({}, [Receipt("cd" * 32, "candles", "unit=coins", "b.csv", 8)])
    held = Receipt("cd" * 32, "candles", "unit=coins", "a.csv", 7, rows_added=2)
    assert there.receipt("cd" * 32, "candles", "unit=coins") == held
    assert there.receipt("cd" * 32, "candles", "unit=contracts") is None


def test_writers_that_race_lose_no_row(machine):
    """Two of one series, whose writes depend on each other, and two of other series."""
    symbols = ("BTC/USDT:USDT", "BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT")
    lakes = [machine(f"machine-{number}") for number in range(len(symbols))]

    def write(number):
        for hour in range(12):
            # Every other hour is written by both, and each has some of its own.
            own = [2 * hour, 2 * hour + 1 + 1000 * number]
            lakes[number].write({"funding": _funding(own, symbol=symbols[number])})

    with ThreadPoolExecutor(len(symbols)) as pool:
        list(pool.map(write, range(len(symbols))))
    whole = lakes[0].read("funding")
    assert whole.select("symbol", "event_time").is_duplicated().sum() == 0
    counts = dict(whole.group_by("symbol").len().iter_rows())
    assert counts == {"BTC/USDT:USDT": 36, "ETH/USDT:USDT": 24, "SOL/USDT:USDT": 24}
    assert lakes[1].verify() == []


def test_who_reads_while_others_write_sees_before_or_after(machine):
    writer, reader = machine("writer"), machine("reader")
    writer.write({"funding": _funding(range(24), rate=0.0)})

    def write():
        for number in range(1, 15):
            writer.write({"funding": _funding(range(24), rate=float(number))})

    seen = []
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        while not writing.done():
            rates = _rates(reader)
            assert len(rates) == 24
            assert len(set(rates)) == 1, "half of a write was seen"
            seen.append(rates[0])
        writing.result()
    assert seen == sorted(seen)
    assert _rates(reader)[0] == 14.0


def test_a_crash_between_the_parts_and_the_manifest_stores_nothing(machine, monkeypatch):
    here, there = machine("here"), machine("there")
    here.write({"funding": _funding([0])})

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(ObjectManifest, "_commit", die)
        with pytest.raises(KeyboardInterrupt):
            here.write({"funding": _funding([0, 1], rate=0.5)}, [Receipt("ab", "k", "", "f", 1)])
    assert len([key for key in _objects(here) if key.startswith("funding/")]) == 2
    for lake in (here, there):
        assert _rates(lake) == [0.0001]
        assert lake.receipt("ab", "k", "") is None
    # The same write again finds nothing in its way.
    assert there.write({"funding": _funding([0, 1], rate=0.5)}).total.replaced == 1
    assert _rates(here) == [0.5, 0.5]


def test_a_commit_whose_answer_was_lost_counts_once(machine, monkeypatch):
    here = machine("here")
    put_if = Bucket.put_if

    def put_and_forget(self, key, content, version):
        put_if(self, key, content, version)
        monkeypatch.setattr(Bucket, "put_if", put_if)  # for the rest of the test

    monkeypatch.setattr(Bucket, "put_if", put_and_forget)
    assert here.write({"funding": _funding([0, 1])}).total.added == 2
    assert _rates(machine("there")) == [0.0001, 0.0001]


def test_a_damaged_copy_is_fetched_again_and_a_damaged_object_is_named(machine):
    here = machine("here")
    here.write({"funding": _funding([0, 1])})
    (copy,) = here.files("funding")
    copy.write_bytes(copy.read_bytes()[::-1])
    assert len(_rates(machine("here"))) == 2
    key = copy.relative_to(here.root).as_posix()
    Bucket(here.address).put(key, b"x" * copy.stat().st_size)
    assert here.verify() == [copy]
    with pytest.raises(DamagedFileError, match=rf"{here.address}/{key}: its checksum is"):
        machine("elsewhere").read("funding")
    assert here.discard_damaged() == [copy]
    assert machine("elsewhere").read("funding").is_empty()


def test_a_lake_travels_to_another_process_as_its_address(machine):
    here = machine("here")
    here.write({"funding": _funding([0])})
    arrived = pickle.loads(pickle.dumps(here))  # noqa: S301 - our own
    assert (arrived.address, arrived.root) == (here.address, here.root)
    assert _rates(arrived) == [0.0001]


def test_what_was_published_is_everybodys(machine):
    here, there = machine("here"), machine("there")
    gap = FeedGap("binance", "trades", ("trades",), ("BTC/USDT:USDT",), 1, 2, "closed", False)
    keep_gap(here, gap)
    keep_gap(here, gap)
    assert held_gaps(there, "binance") == (gap,)
    assert held_gaps(there, "bybit") == ()
    learned = here.root / "artefacts" / "map" / "a.json"
    learned.parent.mkdir(parents=True)
    learned.write_bytes(b"{}")
    assert here.publish(learned) == f"{here.address}/artefacts/map/a.json"
    assert (there.refreshed("artefacts") / "artefacts" / "map" / "a.json").read_bytes() == b"{}"


def test_errors_say_what_is_wrong_and_no_secret(address, monkeypatch, tmp_path):
    with pytest.raises(NoDataError, match="there is no lake at s3://lakes/"):
        Lake(address, local=tmp_path)
    with pytest.raises(UsageError, match="names no bucket"):
        Lake("s3://", create=True)
    with pytest.raises(StorageError, match="there is no such bucket"):
        Lake("s3://nobodys/lake", create=True, local=tmp_path)
    monkeypatch.setattr("forcedflow.store.bucket._RETRIES", 0)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(StorageError, match="AWS_ENDPOINT_URL") as caught:
        Lake(address, create=True, local=tmp_path)
    assert SECRET not in "".join((str(caught.value), repr(caught.value.__context__)))


def test_a_server_that_ignores_conditions_is_refused(machine, monkeypatch):
    put = Bucket.put

    def put_anyway(self, key, content, _version):
        put(self, key, content)
        return '"1"'

    monkeypatch.setattr(Bucket, "put_if", put_anyway)
    with pytest.raises(StorageError, match="does not honour puts on condition"):
        machine("here")


def test_commands_take_the_address_where_they_take_a_folder(address, tmp_path):
    file = tmp_path / "candles.csv"
    file.write_text(
        "timestamp,open,high,low,close,volume\n"
        + "".join(f"{1767225600000 + 3600000 * n},1,2,0.5,1.5,10\n" for n in range(3))
    )
    surroundings = os.environ | {"HOME": str(tmp_path), "PYTHONWARNINGS": "error"}

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "forcedflow", *arguments, "--lake", address],
            capture_output=True,
            text=True,
            check=False,
            env=surroundings,
        )

    done = run(
        *("import", "candles", str(file), "--venue", "binance", "--coin", "BTC"),
        *("--market", "um", "--interval", "1h", "--volume-unit", "binance=coins"),
    )
    assert done.returncode == 0, done.stderr
    held = run("coverage", "--json")
    assert '"rows": 3' in held.stdout, held.stderr
    assert list((tmp_path / ".local/share/forcedflow/buckets").glob("*/lakes/*"))
    assert not Path("s3:").exists()
    assert run("doctor").stdout.count(address) == 1


def test_a_simulated_market_is_kept_out_of_a_bucket(address, capsys):
    assert run(["demo", "--lake", address]) == 2
    assert "a simulated lake is a folder, not a bucket" in capsys.readouterr().err
