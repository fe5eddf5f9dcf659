"""The page of faults is fresh, and every cell of it is a test."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

from tests.venues.faults import FAULTS

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_of_faults_is_fresh():
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "faults.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stderr}run: python docs/faults.py"


def test_every_declared_fault_is_brought_about_by_a_test():
    tested = set()
    for path in sorted((ROOT / "tests" / "venues").glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                tested |= {
                    ast.literal_eval(decorator.args[0])
                    for decorator in node.decorator_list
                    if isinstance(decorator, ast.Call)
                    and isinstance(decorator.func, ast.Name)
                    and decorator.func.id == "fault"
                }
    assert tested == set(FAULTS)
