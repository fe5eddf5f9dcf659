"""Help, doctor, warm-up and the first look: what a newcomer meets."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.e2e.conftest import strict_json

from forcedflow import __version__

PROJECT = Path(__file__).parents[2]
COMMANDS = ("demo", "import", "coverage", "heatmap", "zones", "doctor", "warmup")


def test_help_lists_every_command(command):
    done = command("--help")
    assert (done.returncode, done.stderr) == (0, "")
    for name in COMMANDS:
        assert f"\n  {name} " in done.stdout or f" {name} " in done.stdout
    assert "never advice" in done.stdout


def test_every_command_explains_itself(call):
    for name in COMMANDS:
        status, out, err = call(name, "--help")
        assert (status, err) == (0, "")
        assert f"forcedflow {name}" in out
        assert "--json" in out


def test_the_version_is_the_packages_own(call):
    assert call("--version")[:2] == (0, f"{__version__}\n")


def test_help_imports_nothing_heavy():
    script = (
        "import sys\n"
        "from forcedflow.cli.app import run\n"
        "run(['--help'])\n"
        "heavy = {'numpy', 'polars', 'numba', 'matplotlib'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_an_unknown_command_is_a_usage_error(call):
    status, out, err = call("frobnicate")
    assert (status, out) == (2, "")
    assert "frobnicate" in err
    assert "hint: forcedflow --help" in err


def test_output_cut_off_by_its_reader_is_no_failure(lake):
    """As in ``forcedflow coverage | head -1``."""
    with subprocess.Popen(
        [sys.executable, "-m", "forcedflow", "heatmap", "BTC", "--lake", lake, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as started:
        assert started.stdout.readline() == "{\n"
        started.stdout.close()
        assert started.stderr.read() == ""
    assert started.returncode == 0


def test_doctor_finds_a_sound_installation_and_lake(answer, lake):
    report = answer("doctor", "--lake", lake, "--verify")
    assert set(report) == {"ok", "findings"}
    assert report["ok"] is True
    assert all(set(f) == {"what", "state", "detail", "remedy"} for f in report["findings"])
    by_name = {finding["what"]: finding for finding in report["findings"]}
    packages = ("forcedflow", "numpy", "polars", "numba")
    for name in (*packages, "ladder kernel", "sandbox kernel", "lake", "files"):
        assert by_name[name]["state"] in {"ok", "missing"}
    assert by_name["files"]["detail"] == "all files intact"
    assert all(finding["remedy"] for finding in report["findings"] if finding["state"] != "ok")


def test_doctor_names_a_damaged_file_and_fails(call, lake, tmp_path):
    copy = shutil.copytree(lake, tmp_path / "lake")
    part = min(copy.rglob("*.parquet"))
    part.write_bytes(part.read_bytes()[:-1])
    status, out, _ = call("doctor", "--lake", copy, "--verify", "--json")
    assert status == 1
    report = strict_json(out)
    (damaged,) = [f for f in report["findings"] if f["state"] == "broken"]
    assert report["ok"] is False
    assert part.name in damaged["detail"]
    assert damaged["remedy"]
    status, out, _ = call("doctor", "--lake", copy, "--verify")
    assert status == 1
    assert "✗ files: 1 damaged" in out


def test_doctor_without_a_lake_says_how_to_make_one(command, tmp_path):
    done = command("doctor", FORCEDFLOW_LAKE=str(tmp_path / "none"))
    assert done.returncode == 0
    assert f"lake: none in {tmp_path / 'none'} yet" in done.stdout
    assert "forcedflow import KIND PATH" in done.stdout
    assert not (tmp_path / "none").exists()


def test_doctor_finds_a_file_where_the_lake_should_be(call, tmp_path):
    (tmp_path / "lake").write_text("")
    status, out, _ = call("doctor", "--lake", tmp_path / "lake", "--json")
    assert status == 1
    assert strict_json(out)["ok"] is False


def test_warmup_compiles_and_says_how_long_it_took(answer, call):
    taken = answer("warmup")
    assert set(taken) == {"ladder_s", "cascade_s", "sandbox_s", "fonts_s"}
    assert all(seconds >= 0 for seconds in taken.values())
    status, out, _ = call("warmup")
    assert status == 0
    assert out.startswith("kernels ready: ladder in ")


def test_after_a_warmup_doctor_finds_the_kernels(answer, lake):
    answer("warmup")
    findings = {f["what"]: f for f in answer("doctor", "--lake", lake)["findings"]}
    for name in ("ladder", "sandbox", "cascade", "waves"):
        assert findings[f"{name} kernel"]["state"] == "ok"


def test_the_first_look_without_data_says_how_to_fetch_some(tmp_path):
    kept = {k: v for k, v in os.environ.items() if k != "FORCEDFLOW_REAL_DATA"}
    done = subprocess.run(
        [sys.executable, PROJECT / "examples" / "real_data.py"],
        capture_output=True,
        encoding="utf-8",
        check=False,
        cwd=tmp_path,
        env=kept,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "FORCEDFLOW_REAL_DATA is not set" in done.stdout
    assert "https://data.binance.vision" in done.stdout
    assert "forcedflow import binance-vision data" in done.stdout
    assert list(tmp_path.iterdir()) == []
