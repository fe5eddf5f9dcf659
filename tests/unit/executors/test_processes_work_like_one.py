"""Executors of one machine: the same results whoever works, and nothing left behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import Mock, call

import pytest
from tests.reference.executor_tasks import (
    Paths,
    die_always,
    die_on_first_try,
    digest,
    refuse,
    refuse_unreadably,
    walk,
)

from forcedflow.errors import SchemaError, UsageError, WorkerLostError
from forcedflow.executors import SerialExecutor
from forcedflow.executors.processes import ProcessExecutor


@pytest.fixture(scope="module")
def two_workers():
    with ProcessExecutor(2) as executor:
        yield executor
    assert multiprocessing.active_children() == []


def _items(folder, count=7):
    return [Paths(seed, folder) for seed in range(count)]


def test_results_do_not_depend_on_the_number_of_workers(tmp_path, two_workers):
    items = _items(tmp_path)
    alone = digest(list(SerialExecutor().map(walk, items)))
    assert digest(list(two_workers.map(walk, items))) == alone
    with ProcessExecutor(3) as executor:
        assert digest(list(executor.map(walk, items))) == alone


def test_results_come_in_the_order_of_the_items_whoever_is_done_first(tmp_path, two_workers):
    slow_first = [Paths(0, tmp_path, wait_s=0.5), *_items(tmp_path)[1:]]
    expected = digest([walk(Paths(item.seed, tmp_path)) for item in slow_first])
    assert digest(list(two_workers.map(walk, slow_first))) == expected


def test_progress_counts_every_item_once(tmp_path, two_workers):
    for executor in (SerialExecutor(), two_workers):
        progress = Mock()
        list(executor.map(walk, _items(tmp_path), progress=progress))
        assert progress.call_args_list == [call(done, 7) for done in range(1, 8)]


def test_an_item_whose_worker_was_killed_is_run_again_and_no_other(tmp_path, two_workers):
    found = list(two_workers.map(die_on_first_try, _items(tmp_path)))
    other = tmp_path / "other"
    other.mkdir()
    assert digest(found) == digest(list(SerialExecutor().map(walk, _items(other))))
    assert all(len((tmp_path / f"seed-{n}").read_text().split()) == 1 for n in range(7))


def test_an_item_that_kills_every_worker_is_named(tmp_path):
    with ProcessExecutor(2, retries=1) as executor:
        with pytest.raises(WorkerLostError, match="paths of seed 2: its worker died 2 times") as e:
            list(executor.map(die_always, _items(tmp_path)))
        assert (e.value.item, e.value.attempts) == ("paths of seed 2", 2)
        # The executor is none the worse for it.
        assert len(list(executor.map(walk, _items(tmp_path)))) == 7


def test_an_error_of_the_task_arrives_as_it_was_raised(tmp_path, two_workers):
    for executor in (SerialExecutor(), two_workers):
        with pytest.raises(SchemaError, match=r"klines\.close, row 7: not a price") as caught:
            list(executor.map(refuse, _items(tmp_path)))
        assert caught.value.row == 7
    with pytest.raises(RuntimeError, match="UnreadableError: a fault at paths of seed 0"):
        list(two_workers.map(refuse_unreadably, _items(tmp_path, 1)))


def test_two_runs_may_be_under_way_at_once(tmp_path, two_workers):
    first = two_workers.map(walk, _items(tmp_path))
    second = two_workers.map(die_on_first_try, _items(tmp_path))
    mixed = [results for pair in zip(first, second, strict=True) for results in pair]
    assert digest(mixed[::2]) == digest(mixed[1::2])


def test_whoever_stops_asking_leaves_no_work_behind(tmp_path):
    with ProcessExecutor(2) as executor:
        asked = executor.map(walk, [Paths(seed, tmp_path, wait_s=0.1 * seed) for seed in range(9)])
        next(asked)
        asked.close()
        ran = len(list(tmp_path.iterdir()))
        assert ran < 9
        time.sleep(0.3)
        assert len(list(tmp_path.iterdir())) == ran


def test_no_worker_is_a_usage_error():
    with pytest.raises(UsageError, match="0 workers"):
        ProcessExecutor(0)


def test_an_interruption_ends_soon_and_leaves_no_process(tmp_path):
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from forcedflow.executors.processes import ProcessExecutor\n"
        "from tests.reference.executor_tasks import Paths, walk\n"
        "if __name__ == '__main__':\n"
        "    items = [Paths(n, Path(sys.argv[1]), wait_s=60.0) for n in range(4)]\n"
        "    with ProcessExecutor(2) as executor:\n"
        "        list(executor.map(walk, items))\n"
    )
    script = tmp_path / "run.py"
    script.write_text(code)
    folder = tmp_path / "ran"
    folder.mkdir()
    process = subprocess.Popen(
        [sys.executable, str(script), str(folder)],
        start_new_session=True,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path.cwd())},
        text=True,
    )
    deadline = time.monotonic() + 60
    while len(list(folder.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
    _, told = process.communicate(timeout=20)
    assert process.returncode == -signal.SIGINT or "KeyboardInterrupt" in told
    give_up = time.monotonic() + 10
    while _is_alive(process.pid) and time.monotonic() < give_up:
        time.sleep(0.05)  # the last to go is a bookkeeper of Python's own
    assert not _is_alive(process.pid)


def _is_alive(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
