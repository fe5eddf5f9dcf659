"""What the package promises on the outside: its names, what an import costs, its layers."""

from __future__ import annotations

import importlib
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

import forcedflow

_ROOT = Path(__file__).parents[2]
_HEAVY = (
    "polars",
    "numba",
    "sklearn",
    "fastapi",
    "ray",
    "ccxt",
    "numpy",
    "matplotlib",
)


def _loaded_after(code: str) -> set[str]:
    """Return the heavy modules that a fresh interpreter holds after running ``code``."""
    script = (
        f"{code}\nimport json, sys\nprint(json.dumps(sorted(set({_HEAVY!r}) & set(sys.modules))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=_ROOT
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_there_are_about_ten_public_names():
    assert 5 <= len(forcedflow.__all__) <= 15
    assert len(set(forcedflow.__all__)) == len(forcedflow.__all__)


@pytest.mark.parametrize("name", forcedflow.__all__)
def test_every_public_name_resolves_and_is_listed(name):
    assert getattr(forcedflow, name) is not None
    assert name in dir(forcedflow)


@pytest.mark.parametrize("name", [name for name in forcedflow.__all__ if name != "__version__"])
def test_every_public_name_is_documented_with_all_its_public_methods(name):
    value = getattr(forcedflow, name)
    assert inspect.getdoc(value)
    if inspect.isclass(value):
        for method, member in vars(value).items():
            if not method.startswith("_") and (
                inspect.isfunction(member) or isinstance(member, property)
            ):
                assert inspect.getdoc(member), f"{name}.{method}"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nothing_here"):
        _ = forcedflow.nothing_here


def test_the_version_is_the_distributions():
    from importlib.metadata import version  # noqa: PLC0415 - beside the only use

    assert forcedflow.__version__ == version("forcedflow")


@pytest.mark.parametrize(
    "stage", ["positions", "heatmap", "zones", "volatility", "margin", "store"]
)
def test_every_stage_lists_its_names_and_documents_them(stage):
    module = importlib.import_module(f"forcedflow.{stage}")
    assert module.__doc__
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), f"{stage}.{name}"


def test_importing_the_package_loads_nothing_heavy():
    assert _loaded_after("import forcedflow") == set()


@pytest.mark.parametrize("arguments", [["--help"], ["zones", "--help"], ["--version"]])
def test_asking_for_help_loads_nothing_heavy(arguments):
    code = f"from forcedflow.cli.app import run\nassert run({arguments!r}) == 0"
    assert _loaded_after(code) == set()


def test_layers_and_purity_are_kept():
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [program, "--no-cache"], capture_output=True, text=True, check=False, cwd=_ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout
