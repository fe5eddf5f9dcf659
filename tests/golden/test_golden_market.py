"""The made market, from files to zones and picture, gives what it gave before.

Where a change is meant, write the files anew and look at their diff::

    python -m tests.golden.regenerate
    git diff tests/golden
"""

from __future__ import annotations

import json

import pytest
from tests.golden import regenerate

RELATIVE = 1e-9


@pytest.fixture(scope="module")
def computed(tmp_path_factory):
    return regenerate.compute(tmp_path_factory.mktemp("golden"))


def differences(found, golden, place=""):
    """Every place where two JSON values differ; floats may differ by rounding alone."""
    if isinstance(golden, dict) and isinstance(found, dict):
        for key in sorted({*golden, *found}):
            missing = "nothing"
            yield from differences(
                found.get(key, missing), golden.get(key, missing), f"{place}.{key}"
            )
    elif isinstance(golden, list) and isinstance(found, list):
        if len(golden) != len(found):
            yield f"{place}: {len(golden)} entries before, {len(found)} now"
        for number, (now, before) in enumerate(zip(found, golden, strict=False)):
            yield from differences(now, before, f"{place}[{number}]")
    elif isinstance(golden, float) and isinstance(found, (int, float)):
        if found != pytest.approx(golden, rel=RELATIVE):
            yield f"{place}: {golden!r} before, {found!r} now"
    elif "_usd" in place and isinstance(golden, int) and isinstance(found, int):
        # Whole dollars: the same sum to the last bit but one may round the other way.
        if abs(found - golden) > 1:
            yield f"{place}: {golden!r} before, {found!r} now"
    elif type(found) is not type(golden) or found != golden:
        yield f"{place}: {golden!r} before, {found!r} now"


@pytest.mark.parametrize("name", ["zones.json", "heatmap.json"])
def test_the_made_market_gives_what_it_gave_before(computed, name):
    different = list(differences(computed[name], regenerate.read(name)))
    shown = "\n".join(different[:40])
    assert not different, (
        f"{len(different)} values of {name} differ, first\n{shown}\n"
        "where this is meant: python -m tests.golden.regenerate"
    )


def test_the_golden_files_are_small_and_hold_a_picture():
    files = list(regenerate.FOLDER.glob("*.json"))
    assert {path.name for path in files} == {"zones.json", "heatmap.json"}
    assert sum(path.stat().st_size for path in files) < 100_000
    cells = regenerate.read("heatmap.json")["cells"]
    assert (len(cells), len(cells[0])) == (regenerate.COLUMNS, regenerate.BINS)
    assert len({cell for column in cells for cell in column}) > 50


def test_a_changed_byte_and_a_changed_number_are_found():
    golden = regenerate.read("heatmap.json")
    changed = json.loads(json.dumps(golden))
    changed["cells"][3][4] += 1
    changed["even_usd"][5] *= 1 + 1e-8
    changed["lowest_price"] *= 1 + 1e-12
    found = list(differences(changed, golden))
    assert [place.partition(":")[0] for place in found] == [".cells[3][4]", ".even_usd[5]"]
