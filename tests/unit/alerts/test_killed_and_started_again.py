"""Kill -9 at any moment: no alert is lost, and none is taken twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from tests.reference.observations import START_MS
from tests.unit.alerts.receiver import Receiver

from forcedflow.alerts.outbox import Outbox
from forcedflow.units import MINUTE_MS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
OBSERVATIONS = 10
ALERTS = OBSERVATIONS // 2


def start(folder, receiver, when="never", count=0):
    return subprocess.Popen(
        [
            sys.executable,
            ROOT / "tests" / "unit" / "alerts" / "killed_process.py",
            *map(str, (folder / "outbox.sqlite", receiver.url, OBSERVATIONS, when, count)),
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )


def check(folder, receiver):
    """Every alert was taken, and what came twice came under one key and said so."""
    outbox = Outbox(folder / "outbox.sqlite", exclusive=False)
    rows = outbox.listed()
    outbox.close()
    expected = {START_MS + minute * MINUTE_MS for minute in range(1, OBSERVATIONS, 2)}
    assert {row.alert.at_ms for row in rows} == expected
    assert {row.deliveries["desk"]["state"] for row in rows} == {"sent"}
    keys = Counter(request.headers["idempotency-key"] for request in receiver.requests)
    assert set(keys) == {row.alert.id for row in rows}
    first = set()
    for request in receiver.requests:
        key = request.headers["idempotency-key"]
        if key in first:
            assert json.loads(request.body)["may_have_been_delivered"]
        first.add(key)
    return keys


# A start that is killed at its Nth commit: the schema, what was cut off, what fired, what is sent.
@pytest.mark.parametrize(
    "deaths",
    [
        [("before", 1), ("after", 1), ("before", 2), ("after", 3)],
        [("before", 5), ("after", 5), ("before", 6), ("after", 6), ("before", 7)],
        [("after", 4), ("before", 8), ("after", 9), ("before", 12), ("after", 14)],
    ],
)
def test_killed_around_any_commit_nothing_is_lost_and_nothing_is_taken_twice(tmp_path, deaths):
    with Receiver() as receiver:
        for when, count in deaths:
            killed = start(tmp_path, receiver, when, count)
            _, said = killed.communicate(timeout=60)
            assert killed.returncode == -signal.SIGKILL, said
        last = start(tmp_path, receiver)
        _, said = last.communicate(timeout=60)
        assert last.returncode == 0, said
        check(tmp_path, receiver)


def test_killed_before_the_receiver_has_answered_it_is_repeated_under_the_same_key(tmp_path):
    running = []

    def kill_at_some(_):
        if len(receiver.requests) in {1, 3, 6}:
            running[-1].kill()
            running[-1].wait(timeout=60)
        return 200

    with Receiver(kill_at_some) as receiver:
        for _ in range(4):
            running.append(start(tmp_path, receiver))
            _, said = running[-1].communicate(timeout=60)
        assert [process.returncode for process in running] == [-signal.SIGKILL] * 3 + [0], said
        keys = check(tmp_path, receiver)
    assert keys.total() == ALERTS + 3
