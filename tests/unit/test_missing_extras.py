"""Without an extra, what needs it ends with one message that says how to get it; the rest works."""

from __future__ import annotations

import os
import subprocess
import sys

import lz4.frame
import pytest

# Per extra: what of it is gone, and a command that cannot do without.
NEEDS = {
    "report": (
        "matplotlib",
        ["heatmap", "SIM", "--venue", "sandbox", "--at", "{at}", "--out", "x.png"],
    ),
    "server": ("fastapi", ["serve", "--port", "0"]),
    "alerts": ("apprise", ["alerts", "test", "here", "--rules", "rules.toml"]),
    "mcp": ("mcp", ["mcp"]),
    "ccxt": ("ccxt", ["fetch", "ccxt:bingx", "BTC", "--from", "2026-01-01"]),
    "lz4": ("lz4", ["import", "hyperliquid-fills", "21.lz4", "--coin", "BTC"]),
    "sql": ("duckdb", ["sql", "SELECT 1"]),
}
# Read in a process of its own: here everything is imported already.
WITHOUT = (
    "import sys\n"
    "sys.modules.update(dict.fromkeys(sys.argv.pop(1).split(',')))\n"
    "from forcedflow.cli.app import run\n"
    "sys.exit(run(sys.argv[1:]))\n"
)
RULES = """[targets.here]
kind = "apprise"
url_env = "HERE"

[[rules]]
name = "blind"
kind = "data_stale"
older_than = "15m"
targets = ["here"]
"""


def without(packages, folder, *words):
    """Run a command where these packages cannot be imported."""
    return subprocess.run(
        [sys.executable, "-c", WITHOUT, packages, *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={
            **{k: v for k, v in os.environ.items() if not k.startswith("FORCEDFLOW_")},
            "HOME": str(folder),
            "HERE": "json://127.0.0.1:9/",
            "FORCEDFLOW_LAKE": str(folder / "lake"),
            "COLUMNS": "100",
        },
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Make a small market without any extra, as who has just installed the package does."""
    folder = tmp_path_factory.mktemp("bare")
    (folder / "rules.toml").write_text(RULES, encoding="utf-8")
    (folder / "21.lz4").write_bytes(lz4.frame.compress(b""))
    gone = ",".join({package for package, _ in NEEDS.values()} | {"sklearn", "ray", "obstore"})
    small = ("--days", "2", "--traders", "300", "--seed", "7", "--lake", "lake")
    done = without(gone, folder, "demo", "--headless", *small)
    return folder, done


def test_the_demo_needs_no_extra_and_says_which_one_draws_its_picture(place):
    folder, done = place
    assert done.returncode == 0, done.stderr
    assert "zones: estimated" in done.stdout
    assert "picture:" not in done.stdout
    assert "no forcedflow-demo.png: pictures need matplotlib" in done.stderr
    assert "pip install 'forcedflow[report]'" in done.stderr
    assert not (folder / "forcedflow-demo.png").exists()


@pytest.mark.parametrize("extra", sorted(NEEDS))
def test_a_command_without_its_extra_says_how_to_install_it(extra, place):
    folder, made = place
    package, words = NEEDS[extra]
    at = made.stdout.rpartition("--at ")[2].split()[0]
    done = without(package, folder, *(word.replace("{at}", at) for word in words))
    assert done.returncode in {1, 2}, done.stdout + done.stderr
    said = done.stdout + done.stderr
    assert f"pip install 'forcedflow[{extra}]'" in said
    assert "Traceback" not in said
