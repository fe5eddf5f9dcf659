"""The archive of levels: nothing in it can be changed later without being seen."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forcedflow.cli.app import run
from forcedflow.errors import DamagedFileError, NoDataError, UsageError
from forcedflow.integrations.levels_archive import FIRST, NAME, archive_levels, verify_archive
from forcedflow.units import DAY_MS

NOW_MS = 1_770_000_000_000


def _snapshot(day, symbol="BTC/USDT:USDT", **others):
    zones = [{"side": "long", "low": 60_000.0 + day, "notional_usd": 1e9, "name": "σ"}]
    return {
        "venue": "binance",
        "symbol": symbol,
        "known_to_ms": day * DAY_MS,
        "zones": zones,
    } | others


def _filled(folder, days=4):
    for day in range(days):
        archive_levels(folder, _snapshot(day), NOW_MS + day)
    return folder / NAME


def test_every_line_follows_from_the_one_before(tmp_path):
    _filled(tmp_path)
    links = verify_archive(tmp_path)
    assert [link.sequence for link in links] == [1, 2, 3, 4]
    assert [link.previous for link in links] == [FIRST, *(link.link for link in links[:-1])]
    assert [link.snapshot for link in links] == [_snapshot(day) for day in range(4)]
    assert [link.archived_at_ms for link in links] == [NOW_MS + day for day in range(4)]


def test_a_day_that_is_held_is_never_repainted(tmp_path):
    file = _filled(tmp_path)
    before = file.read_bytes()
    held, added = archive_levels(tmp_path, _snapshot(2, zones=[]), NOW_MS + 9)
    assert not added
    assert (held.sequence, held.snapshot) == (3, _snapshot(2))
    assert file.read_bytes() == before
    assert archive_levels(tmp_path, _snapshot(2, "ETH/USDT:USDT"), NOW_MS + 9)[1]


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_whatever_byte_is_changed_the_first_broken_line_is_named(tmp_path_factory, data):
    file = _filled(tmp_path_factory.mktemp("archive"), 3)
    content = bytearray(file.read_bytes())
    place = data.draw(st.integers(0, len(content) - 2))
    content[place] = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[place]))
    row = bytes(file.read_bytes()[:place]).count(b"\n") + 1
    file.write_bytes(content)
    with pytest.raises(DamagedFileError) as caught:
        verify_archive(file.parent)
    assert caught.value.row is not None
    assert caught.value.row <= row + 1
    assert caught.value.row >= row


@pytest.mark.parametrize(
    "order", [[1, 2, 3], [0, 2, 3], [0, 2, 1, 3], [0, 1, 1, 2, 3], [3, 2, 1, 0]]
)
def test_lines_dropped_doubled_or_reordered_break_the_archive(tmp_path, order):
    file = _filled(tmp_path)
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[row] for row in order))
    with pytest.raises(DamagedFileError, match="row "):
        verify_archive(tmp_path)


def test_a_line_made_anew_with_its_own_hash_breaks_the_next(tmp_path):
    file = _filled(tmp_path)
    lines = file.read_bytes().splitlines(keepends=True)
    forged = tmp_path / "forged"
    archive_levels(forged, _snapshot(0), NOW_MS)
    archive_levels(forged, _snapshot(1, zones=[]), NOW_MS + 1)
    lines[1] = (forged / NAME).read_bytes().splitlines(keepends=True)[1]
    file.write_bytes(b"".join(lines))
    with pytest.raises(DamagedFileError, match="row 3, field previous: does not follow"):
        verify_archive(tmp_path)


def test_nothing_is_appended_to_a_broken_archive(tmp_path):
    file = _filled(tmp_path)
    broken = file.read_bytes().replace(b"60001", b"60009")
    file.write_bytes(broken)
    with pytest.raises(DamagedFileError, match="row 2"):
        archive_levels(tmp_path, _snapshot(9), NOW_MS)
    assert file.read_bytes() == broken


@pytest.mark.parametrize("cut", [1, 40])
def test_a_line_that_was_never_finished_is_no_line(tmp_path, cut):
    file = _filled(tmp_path)
    whole = file.read_bytes()
    file.write_bytes(whole[:-cut])
    assert len(verify_archive(tmp_path)) == 3
    assert archive_levels(tmp_path, _snapshot(3), NOW_MS + 3)[1]
    assert file.read_bytes() == whole


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"sequence":1,"archived_at_ms":1,"previous":"'
        + b"0" * 64
        + b'","link":"","snapshot":[]}',
        b'{"sequence":1,"archived_at_ms":1,"previous":"%s","link":"","snapshot":{"venue":"a",'
        b'"symbol":"b","known_to_ms":1,"x":NaN}}' % (b"0" * 64),
        b'{"sequence":1,"archived_at_ms":1,"previous":"%s","link":"","snapshot":{"venue":"a",'
        b'"symbol":"\\ud800","known_to_ms":1}}' % (b"0" * 64),
        b'{"sequence":1,"archived_at_ms":1,"previous":"%s","link":"","snapshot":{"venue":"a",'
        b'"symbol":"b","known_to_ms":1e400}}' % (b"0" * 64),
    ],
)
def test_any_bytes_become_one_named_error(tmp_path, line):
    (tmp_path / NAME).write_bytes(line + b"\n")
    with pytest.raises(DamagedFileError, match="row 1"):
        verify_archive(tmp_path)


def test_writers_take_turns(tmp_path):
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda day: archive_levels(tmp_path, _snapshot(day), NOW_MS), range(24)))
    days = {link.snapshot["known_to_ms"] // DAY_MS for link in verify_archive(tmp_path)}
    assert days == set(range(24))


def test_what_cannot_be_archived_is_refused(tmp_path):
    with pytest.raises(UsageError, match="known_to_ms"):
        archive_levels(tmp_path, {"venue": "binance", "symbol": "BTC"}, NOW_MS)
    with pytest.raises(UsageError, match="plain values"):
        archive_levels(tmp_path, _snapshot(0, mark=float("nan")), NOW_MS)
    with pytest.raises(NoDataError, match="--archive"):
        verify_archive(tmp_path / "none")


def test_the_command_names_the_first_broken_line(tmp_path, capsys):
    file = _filled(tmp_path)
    assert run(["levels", "verify", str(tmp_path)]) == 0
    newest = json.loads(file.read_text(encoding="utf-8").splitlines()[-1])["link"]
    assert capsys.readouterr().out.endswith(f"newest link {newest}\n")
    file.write_bytes(file.read_bytes().replace(b"60002", b"70002"))
    assert run(["levels", "verify", str(tmp_path)]) == 5
    assert "row 3" in capsys.readouterr().err
    assert run(["levels", "verify"]) == 2
    assert run(["levels", "verify", str(tmp_path / "none")]) == 3
