"""Leases: one writer per series, in a folder and in a bucket."""

# ruff: noqa: SIM117, PT012 - what is expected of a lease stands outside of what holds it

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading

import msgspec
import pytest
from tests.reference.s3_server import BUCKET, environment, serving

from forcedflow.errors import LeaseHeldError, StorageError
from forcedflow.store import Lake
from forcedflow.store.leases import LEEWAY_MS, TERM_MS, Lease, holding

_BTC = [("binance", "BTC/USDT:USDT")]
_KEY = "leases/record/binance/BTC%2FUSDT%3AUSDT.json"


class _Clock:
    def __init__(self):
        self.ms = 1_767_225_600_000

    def __call__(self):
        return self.ms


@pytest.fixture
def clock():
    return _Clock()


@pytest.fixture(scope="module")
def server():
    with serving() as endpoint:
        yield endpoint


@pytest.fixture(params=["folder", "bucket"])
def two_machines(request, tmp_path, monkeypatch):
    """Return one lake as two machines open it."""
    if request.param == "folder":
        return Lake(tmp_path / "lake", create=True), Lake(tmp_path / "lake")
    for name, value in environment(request.getfixturevalue("server")).items():
        monkeypatch.setenv(name, value)
    address = f"s3://{BUCKET}/{request.node.name}"
    return (
        Lake(address, create=True, local=tmp_path / "here"),
        Lake(address, local=tmp_path / "there"),
    )


def _lease_of_another_host(lake, clock, term_ms=TERM_MS):
    held = Lease("x", "elsewhere", "another", "1", 77, clock.ms, clock.ms + term_ms)
    found = lake.conditional.get_version(_KEY)
    assert lake.conditional.put_if(_KEY, msgspec.json.encode(held), found and found[1])


def test_a_second_writer_is_told_who_writes_since_when_and_what_to_do(two_machines, clock):
    here, there = two_machines
    with holding(here, "record", _BTC, clock):
        with pytest.raises(LeaseHeldError) as caught, holding(there, "record", _BTC, clock):
            pytest.fail("two writers of one series")
        text = str(caught.value)
        me = f"process {os.getpid()} on {socket.gethostname()}"
        assert text.startswith(
            f"binance BTC/USDT:USDT is being recorded into this lake by {me} "
            "since 2026-01-01 00:00:00Z\nhint: "
        )
        assert "after 2026-01-01 00:01:15Z" in text
        # Other work, other markets and other venues are free.
        with holding(there, "fetch", _BTC, clock):
            pass
        with holding(there, "record", [("bybit", "BTC/USDT:USDT")], clock):
            pass
    with holding(there, "record", _BTC, clock):
        pass


def test_of_several_series_all_are_taken_or_none(two_machines, clock):
    here, there = two_machines
    eth = [("binance", "ETH/USDT:USDT")]
    with holding(here, "record", _BTC, clock):
        with pytest.raises(LeaseHeldError), holding(there, "record", [*eth, *_BTC], clock):
            pytest.fail("two writers of one series")
        with holding(there, "record", eth, clock):
            pass


def test_a_lease_that_was_not_renewed_is_taken_over_and_not_before(two_machines, clock):
    here, there = two_machines
    _lease_of_another_host(here, clock)
    clock.ms += TERM_MS + LEEWAY_MS - 1
    with pytest.raises(LeaseHeldError, match="process 77 on elsewhere"):
        with holding(there, "record", _BTC, clock):
            pytest.fail("its holder may still write")
    clock.ms += 1
    with holding(there, "record", _BTC, clock):
        pass


def test_who_was_killed_on_this_machine_is_succeeded_at_once(tmp_path, clock):
    code = (
        "import sys, time\n"
        "from forcedflow.store import Lake\n"
        "from forcedflow.store.leases import holding\n"
        "with holding(Lake(sys.argv[1], create=True), 'record', "
        "[('binance', 'BTC/USDT:USDT')], lambda: int(sys.argv[2])):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(600)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "lake"), str(clock.ms)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        lake = Lake(tmp_path / "lake")
        with pytest.raises(LeaseHeldError, match=f"process {process.pid}"):
            with holding(lake, "record", _BTC, clock):
                pytest.fail("its holder is alive")
        process.send_signal(signal.SIGKILL)
        process.wait()
        with holding(lake, "record", _BTC, clock):
            pass


def test_of_two_who_come_at_once_one_is_refused(two_machines, clock):
    gate, inside, refused = threading.Barrier(2), threading.Semaphore(0), []

    def come(lake):
        gate.wait()
        try:
            with holding(lake, "record", _BTC, clock):
                inside.acquire(timeout=30)
        except LeaseHeldError as error:
            refused.append(error)
            inside.release()

    threads = [threading.Thread(target=come, args=(lake,)) for lake in two_machines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1


def test_a_lease_is_renewed_while_it_is_held(two_machines, clock):
    here, _ = two_machines
    until = []
    with holding(here, "record", _BTC, clock, term_ms=60):
        deadline = threading.Event()
        while len(set(until)) < 3 and not deadline.wait(0.02):
            clock.ms += 20
            held = msgspec.json.decode(here.conditional.get_version(_KEY)[0], type=Lease)
            until.append(held.expires_ms)
    assert until == sorted(until)


def test_who_loses_a_lease_is_interrupted_and_told_to_whom(two_machines, clock):
    here, there = two_machines
    with pytest.raises(LeaseHeldError, match="process 77 on elsewhere"):
        with holding(here, "record", _BTC, clock, term_ms=300):
            while True:
                try:
                    _lease_of_another_host(there, clock)
                    break
                except AssertionError:
                    continue  # renewed between the look and the put
            threading.Event().wait(30)


def test_a_network_that_is_down_ends_the_work_when_the_term_is_over(
    two_machines, clock, monkeypatch
):
    here, _ = two_machines

    def down(*_):
        raise StorageError("s3://lakes", "no route")

    with pytest.raises(LeaseHeldError, match=f"process {os.getpid()} on"):
        with holding(here, "record", _BTC, clock, term_ms=60):
            monkeypatch.setattr(type(here.conditional), "put_if", down)
            threading.Event().wait(0.15)  # renewals fail, and the term is not over by this clock
            clock.ms += 60
            threading.Event().wait(30)
