"""Every script in ``examples`` runs and says what it promises."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "examples"
SCRIPTS = sorted(path.name for path in FOLDER.glob("*.py") if path.name != "simulated.py")

# What a script prints when it did its work.
SAID = {
    "custom_signal.py": ["Price moves towards a near cluster", "moments"],
    "event_scorecard.py": ["base rate", "AUC shifted, 95 %", "shifted columns that do as well"],
    "first_heatmap.py": ["SIMULATED", "if touched", "wrote "],
    "live_alerts.py": ["a cluster is near", "signature right", "desk: delivered"],
    "read_a_lake.py": ["SIM/USDT:USDT", "newest", "SIMULATED, no real market", "wrote "],
    "real_data.py": ["FORCEDFLOW_REAL_DATA is not set"],
}


def test_every_script_is_known_here():
    assert sorted(SAID) == SCRIPTS


@pytest.mark.parametrize("name", SCRIPTS)
def test_it_runs_and_says_what_it_promises(name, tmp_path, capsys, monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setattr(sys, "argv", [name, str(tmp_path)])
    monkeypatch.chdir(tmp_path)
    for variable in ("FORCEDFLOW_REAL_DATA", "EXAMPLE_DESK", "EXAMPLE_DESK_KEY"):
        # Set first, so that what a script sets is taken back as well.
        monkeypatch.setenv(variable, "")
    left = [0]
    try:
        runpy.run_path(str(FOLDER / name), run_name="__main__")
    except SystemExit as error:
        left.append(error.code)
    assert set(left) == {0}
    out = capsys.readouterr().out
    for words in SAID[name]:
        assert words in out
    for line in out.splitlines():
        if line.startswith("wrote "):
            assert Path(line.removeprefix("wrote ")).stat().st_size > 10_000
