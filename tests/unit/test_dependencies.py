"""What the package stands on: locked in step with what it states, and free to be passed on."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.markers import Marker

ROOT = Path(__file__).resolve().parents[2]
UV = Path(sys.executable).with_name("uv")

PLAIN = ["--no-emit-project", "--no-hashes", "--no-annotate", "--no-header"]

ALLOWED = re.compile(
    r"apache|\bmit\b|bsd|\bisc\b|python software foundation|psf-2|mozilla|mpl-2|zlib|cc0|hpnd",
    re.IGNORECASE,
)
# A wheel that only names such a package is not bound by it; still, none is added in passing.
BINDING = re.compile(r"\bA?L?GPL|GNU|SSPL|BUSL|commons clause|proprietary", re.IGNORECASE)
CHOSEN = {"pyphen": "offered under MPL 1.1 as well, which is the one that is taken"}


def _locked() -> list[str]:
    """Return the packages that some extra brings to this machine."""
    done = subprocess.run(
        [UV, *["export", "--quiet", "--offline", "--locked", "--no-dev", "--all-extras"], *PLAIN],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    names = []
    for line in done.stdout.splitlines():
        requirement, _, marker = line.partition(" ; ")
        if not marker or Marker(marker).evaluate():
            names.append(requirement.partition("==")[0])
    return names


def _licence(name: str) -> str:
    said = importlib.metadata.metadata(name)
    expression = said.get("License-Expression")
    classifiers = [
        one.rpartition(" :: ")[2]
        for one in said.get_all("Classifier", [])
        if one.startswith("License ::")
    ]
    return expression or "; ".join(classifiers) or (said.get("License") or "").partition("\n")[0]


@pytest.fixture(scope="module")
def locked():
    return _locked()


def test_the_lock_is_in_step_with_what_the_package_states():
    done = subprocess.run(
        [UV, "lock", "--check", "--offline"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_package_that_is_brought_along_has_a_licence_that_lets_it_be_passed_on(locked):
    assert len(locked) > 50
    for name in locked:
        licence = _licence(name)
        assert ALLOWED.search(licence), f"{name}: {licence!r} is not known to be free"


def test_no_package_binds_whoever_uses_it_unless_that_was_thought_about(locked):
    binding = {name for name in locked if BINDING.search(_licence(name))}
    assert binding == set(CHOSEN)


def test_our_own_licence_goes_along_and_is_the_one_that_is_stated():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0" in text
    assert importlib.metadata.metadata("forcedflow")["License-Expression"] == "Apache-2.0"
