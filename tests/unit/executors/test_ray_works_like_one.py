"""A Ray cluster of two nodes on this machine: the same results, one node killed or none."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import ray
from ray.cluster_utils import Cluster
from tests.reference.executor_tasks import (
    Paths,
    die_always,
    die_on_first_try,
    digest,
    refuse,
    walk,
)

from forcedflow.errors import SchemaError, UsageError, WorkerLostError
from forcedflow.executors import SerialExecutor
from forcedflow.executors.ray import RayExecutor

pytestmark = [
    pytest.mark.slow,
    # Ray leaves its logs and sockets to the end of the process; none of them is ours.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Return a cluster of two nodes that nobody else can find, and that asks for no token."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        patched.setenv("RAY_AUTH_MODE", "disabled")
        patched.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patched.setenv("PYTHONPATH", str(Path.cwd()))
        node = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 80_000_000}
        # A dead node is noticed at once, not after the half minute that busy machines are given.
        watch = {"health_check_period_ms": 1000, "health_check_failure_threshold": 4}
        head = node | {"_system_config": watch}
        running = Cluster(initialize_head=True, head_node_args=head)
        try:
            yield running, running.add_node(**node)
        finally:
            running.shutdown()


@pytest.fixture(scope="module")
def two_nodes(cluster):
    with RayExecutor(cluster[0].address, retries=1) as executor:
        yield executor


def _items(folder, wait_s=0.0, count=8):
    return [Paths(seed, folder, wait_s) for seed in range(count)]


def _workers(folder):
    return {pid for file in folder.glob("seed-*") for pid in file.read_text().split()}


def _alone(folder):
    return digest(list(SerialExecutor().map(walk, _items(folder))))


def test_two_nodes_give_the_bytes_of_one_process_and_a_killed_worker_changes_none(
    tmp_path, two_nodes
):
    alone = tmp_path / "alone"
    alone.mkdir()
    assert digest(list(two_nodes.map(die_on_first_try, _items(tmp_path)))) == _alone(alone)
    assert _workers(tmp_path)
    assert str(os.getpid()) not in _workers(tmp_path)


def test_errors_arrive_as_they_were_raised_and_a_deadly_item_is_named(tmp_path, two_nodes):
    with pytest.raises(SchemaError, match=r"klines\.close, row 7: not a price"):
        list(two_nodes.map(refuse, _items(tmp_path)))
    with pytest.raises(WorkerLostError, match="paths of seed 2: its worker died 2 times"):
        list(two_nodes.map(die_always, _items(tmp_path)))


@pytest.mark.usefixtures("two_nodes")
def test_a_process_is_of_one_cluster():
    with pytest.raises(UsageError, match="part of a Ray cluster already"):
        RayExecutor(workers=1)


def test_a_cluster_has_the_cores_it_has():
    with pytest.raises(UsageError, match="leave out --workers"):
        RayExecutor("auto", workers=2)
    with pytest.raises(UsageError, match="0 workers"):
        RayExecutor(workers=0)


def test_a_cluster_of_this_machine_is_started_and_ended_by_whoever_asks_for_one(tmp_path):
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from forcedflow.cli.workers import executor_named\n"
        "from tests.reference.executor_tasks import Paths, digest, walk\n"
        "with executor_named('ray', workers=1) as executor:\n"
        "    items = [Paths(seed, Path(sys.argv[1])) for seed in range(8)]\n"
        "    print(digest(list(executor.map(walk, items))))\n"
        "import ray\n"
        "assert not ray.is_initialized()\n"
    )
    surroundings = os.environ | {
        "HOME": str(tmp_path),
        "RAY_AUTH_MODE": "disabled",
        "PYTHONPATH": str(Path.cwd()),
        "RAY_ADDRESS": "127.0.0.1:1",  # somebody else's cluster is not joined for being named there
    }
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env=surroundings,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith(_alone(tmp_path))


def test_a_node_that_is_killed_under_way_costs_time_and_nothing_else(tmp_path, cluster, two_nodes):
    running, second = cluster
    alone = tmp_path / "alone"
    alone.mkdir()

    def kill_once_both_work():
        give_up = time.monotonic() + 30
        while len(_workers(tmp_path)) < 2 and time.monotonic() < give_up:
            time.sleep(0.02)  # a node has one core: two workers are two nodes
        running.remove_node(second, False)  # as a machine that loses its power

    killer = threading.Thread(target=kill_once_both_work)
    killer.start()
    found = list(two_nodes.map(walk, _items(tmp_path, wait_s=1.0)))
    killer.join()
    assert digest(found) == _alone(alone)
    tries = [len((tmp_path / f"seed-{seed}").read_text().split()) for seed in range(8)]
    assert sum(tries) > 8, "the second node had nothing to lose"
    # Whoever looks again sees one node, and it still works.
    give_up = time.monotonic() + 30
    while ray.cluster_resources()["CPU"] > 1 and time.monotonic() < give_up:
        time.sleep(0.1)
    assert ray.cluster_resources()["CPU"] == 1
