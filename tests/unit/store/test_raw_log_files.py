"""Raw logs: what was written comes back, whatever happens to the writer or the disk."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys

import pytest
import zstandard
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from forcedflow.errors import DamagedFileError
from forcedflow.instruments import Instrument
from forcedflow.store import raw_log
from forcedflow.store.raw_log import Frame, RawHeader, RawLog, list_runs, read_raw_log

HOUR_NS = 3_600_000_000_000
START_NS = 1_770_336_000_000_000_000  # 2026-02-06T00:00Z
HEADER = RawHeader(
    "binance",
    ("trades", "liquidations"),
    (Instrument("binance", "BTC", "USDT", "USDT", 0.1, 1.0),),
    60_000,
)


def _frame(number, raw=b'{"e":"forceOrder"}', kind="message"):
    return Frame(START_NS + number * 1_000_000, f"market:{number % 3}", kind, raw)


def _refuse_torn(tail):
    pytest.fail(str(tail))


def _read(folder, on_torn=_refuse_torn, **span):
    runs = list_runs(folder, on_torn)
    return [frame for run in runs for frame in read_raw_log(run.files, on_torn=on_torn, **span)]


def _write(root, frames, flushes=1):
    log = RawLog(root, HEADER)
    step = max(1, -(-len(frames) // flushes))
    for begin in range(0, len(frames), step):
        log.append(frames[begin : begin + step])
        log.flush()
    log.close()
    return log


def _files(root):
    return sorted(root.rglob("*.jsonl.zst"))


frames_of_any_kind = st.lists(
    st.builds(
        Frame,
        st.integers(START_NS, START_NS + 5 * HOUR_NS),
        st.text(max_size=20),
        st.sampled_from(["opened", "message", "response", "closed"]),
        st.binary(max_size=200) | st.text(max_size=50).map(str.encode),
    ),
    max_size=30,
)


@given(frames=frames_of_any_kind, flushes=st.integers(1, 5))
@hypothesis_settings(deadline=None)
def test_any_bytes_come_back_in_the_order_in_which_they_came(tmp_path_factory, frames, flushes):
    root = tmp_path_factory.mktemp("lake")
    _write(root, frames, flushes)
    assert _read(root) == frames


def test_a_file_holds_one_hour_and_is_named_after_it_and_the_run(tmp_path):
    late = Frame(START_NS + HOUR_NS, "market", "message", b"{}")
    back = Frame(START_NS + HOUR_NS - 5, "market", "message", b"{}")  # the clock was set back
    _write(tmp_path, [_frame(0), late, back])
    day = tmp_path / "raw" / "venue=binance" / "date=2026-02-06"
    names = [f"00-{START_NS}.jsonl.zst", f"01-{START_NS}.jsonl.zst"]
    assert _files(tmp_path) == [day / name for name in names]
    (run,) = list_runs(tmp_path, _refuse_torn)
    assert (run.header, run.started_ns) == (HEADER, START_NS)
    assert _read(tmp_path) == [_frame(0), late, back]


def test_other_programs_read_it_as_compressed_lines_of_json(tmp_path):
    _write(tmp_path, [_frame(0), _frame(1, b"\xff\x00")])
    (path,) = _files(tmp_path)
    with path.open("rb") as file:
        content = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True).read()
    first, second, third = map(json.loads, content.splitlines())
    assert first["header"]["venue"] == "binance"
    assert first["header"]["instruments"][0]["contract_size"] == 1.0
    assert second == {
        "recv_ns": START_NS,
        "conn": "market:0",
        "kind": "message",
        "raw": '{"e":"forceOrder"}',
    }
    assert third["raw_base64"] == "/wA="
    assert "raw" not in third


def test_a_span_of_time_can_be_asked_for_alone(tmp_path):
    frames = [_frame(number) for number in range(10)]
    _write(tmp_path, frames, flushes=4)
    start_ms = START_NS // 1_000_000
    assert _read(tmp_path, start_ms=start_ms + 3, end_ms=start_ms + 7) == frames[3:7]


def test_two_runs_in_one_folder_are_read_one_after_the_other(tmp_path):
    early, late = RawLog(tmp_path, HEADER), RawLog(tmp_path, HEADER)
    for number in range(0, 8, 2):  # both record at the same time, across an hour
        moment = number * HOUR_NS // 4_000_000
        early.append([_frame(moment, b"early")])
        late.append([_frame(moment + 1, b"late")])
        early.flush()
        late.flush()
    early.close()
    late.close()
    assert [frame.raw for frame in _read(tmp_path)] == [b"early"] * 4 + [b"late"] * 4


def test_a_file_cut_anywhere_gives_every_whole_block_and_says_that_it_is_torn(tmp_path):
    frames = [_frame(number) for number in range(6)]
    _write(tmp_path, frames, flushes=6)
    (path,) = _files(tmp_path)
    whole = path.read_bytes()
    counts = []
    for end in range(1, len(whole) + 1):
        path.write_bytes(whole[:end])
        torn = []
        read = _read(tmp_path, torn.append)
        assert read == frames[: len(read)]
        counts.append(len(read))
        if torn:
            assert torn[-1].offset + torn[-1].size == end
            assert str(path) in str(torn[-1])
        else:
            assert end == len(whole) or len(read) < 6
    assert counts == sorted(counts)
    assert set(counts) == set(range(7))


def test_zeros_after_the_last_block_as_after_a_power_cut_are_a_torn_tail(tmp_path):
    _write(tmp_path, [_frame(0)])
    (path,) = _files(tmp_path)
    size = path.stat().st_size
    path.write_bytes(path.read_bytes() + b"\0" * 5_000)
    torn = []
    assert _read(tmp_path, torn.append) == [_frame(0)]
    assert {(tail.path, tail.offset, tail.size) for tail in torn} == {(path, size, 5_000)}


@given(data=st.data())
@hypothesis_settings(deadline=None, max_examples=60)
def test_a_flipped_bit_before_the_last_block_is_named_with_file_and_offset(tmp_path_factory, data):
    root = tmp_path_factory.mktemp("lake")
    frames = [_frame(number) for number in range(4)]
    _write(root, frames, flushes=4)
    (path,) = _files(root)
    content = bytearray(path.read_bytes())
    last = max(offset for offset, _ in raw_log.read_blocks(path, _refuse_torn))
    at = data.draw(st.integers(0, last - 1))
    content[at] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    with pytest.raises(DamagedFileError, match="damaged at byte") as caught:
        _read(root)
    assert caught.value.file == str(path)


def test_a_file_of_another_kind_is_refused_by_name(tmp_path):
    stranger = tmp_path / "raw" / "notes.jsonl.zst"
    stranger.parent.mkdir()
    stranger.write_bytes(b"")
    with pytest.raises(DamagedFileError, match="its name is not"):
        list_runs(tmp_path, _refuse_torn)


class _FullDisk:
    """A file that takes so many bytes and then none, as a full disk does."""

    def __init__(self, file, room):
        self._file, self.room = file, room

    def __getattr__(self, name):
        return getattr(self._file, name)

    def write(self, content):
        if self.room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._file.name)
        taken = self._file.write(content[: self.room])
        self.room -= taken
        return taken


def test_a_full_disk_loses_nothing_and_leaves_a_whole_file(tmp_path):
    log = RawLog(tmp_path, HEADER)
    log.append([_frame(0)])
    log.flush()
    log._file = _FullDisk(log._file, room=17)
    log.append([_frame(1), _frame(2)])
    for _ in range(2):
        with pytest.raises(OSError, match="No space left") as caught:
            log.flush()
        assert caught.value.filename == str(_files(tmp_path)[0])
        assert _read(tmp_path) == [_frame(0)]
        assert log.pending_bytes > 0
    log.append([_frame(3)])
    log._file.room = 1 << 20  # somebody made room
    log.close()
    assert log.pending_bytes == 0
    assert _read(tmp_path) == [_frame(number) for number in range(4)]


def test_a_killed_writer_leaves_every_frame_that_it_had_flushed(tmp_path):
    script = f"""
import os
from tests.unit.store.test_raw_log_files import _frame, HEADER
from forcedflow.store.raw_log import RawLog
from pathlib import Path
log = RawLog(Path({str(tmp_path)!r}), HEADER)
number = 0
while True:
    log.append([_frame(number)])
    log.flush()
    os.write(1, b"%d\\n" % number)
    number += 1
"""
    writer = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    for _ in range(40):
        said = writer.stdout.readline()
    writer.kill()
    said = (writer.stdout.read().splitlines() or [said])[-1]
    writer.wait()
    writer.stdout.close()
    torn = []
    read = _read(tmp_path, torn.append)
    assert len(read) > int(said)
    assert read == [_frame(number) for number in range(len(read))]
