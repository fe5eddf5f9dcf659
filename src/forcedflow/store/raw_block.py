"""Blocks of a raw log: compressed bytes that say themselves whether all of them are there.

In:  bytes.   Out: blocks one after the other in a file, which is a zstd stream to other programs.
Free of messages and of the clock.

A block is a zstd frame with a checksum. Before it stands a skippable frame, which zstd's own tools
pass over, with the block's length and CRC-32. So a file that ends within a block, as after a crash,
is told from one whose middle was damaged.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import zstandard

from forcedflow.errors import DamagedFileError

_LEVEL: Final = 3  # zstd's own default: higher ones cost ten times as much for a tenth of the size

# Magic number and size of a skippable frame (RFC 8878 §3.1.2), then what we put into it: length
# and checksum of the block, and the checksum of those two.
_HEAD: Final = struct.Struct("<IIIII")
_MAGIC: Final = 0x184D2A5F
_PAYLOAD: Final = struct.Struct("<II")
_PAYLOAD_BYTES: Final = 12

_LONGEST_BLOCK: Final = 1 << 28
"""A block said to be longer was not written here. [bytes]"""


@dataclass(frozen=True, slots=True)
class TornTail:
    """The end of a file that was being written when its writer was killed.

    Parameters
    ----------
    path : Path
        The file.
    offset : int
        Where the last whole block ends. [bytes]
    size : int
        Bytes after it, which cannot be read. [bytes]
    """

    path: Path
    offset: int
    size: int

    def __str__(self) -> str:
        return (
            f"{self.path}: ends within a block; the last {self.size:,} bytes, from {self.offset:,} "
            "on, were never finished"
        )


def encode_block(content: bytes) -> bytes:
    """Return a block that holds ``content``."""
    packed = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress(content)
    payload = _PAYLOAD.pack(len(packed), zlib.crc32(packed))
    head = _HEAD.pack(_MAGIC, _PAYLOAD_BYTES, len(packed), zlib.crc32(packed), zlib.crc32(payload))
    return head + packed


def read_blocks(path: Path, on_torn: Callable[[TornTail], None]) -> Iterator[tuple[int, bytes]]:
    """Yield the offset and the content of every whole block of a file.

    Parameters
    ----------
    path : Path
        A file of blocks.
    on_torn : callable
        Told once if the file ends within a block.

    Yields
    ------
    int, bytes
        Where the block begins [bytes], and its content.

    Raises
    ------
    DamagedFileError
        If a block before the end is not what was written; names file and offset.
    """
    with path.open("rb") as file:
        # What is written behind our back while we read belongs to the next reading.
        size = path.stat().st_size
        offset = 0
        while offset < size:
            packed = _next_packed(file, path, offset, size)
            if packed is None:
                on_torn(TornTail(path, offset, size - offset))
                return
            try:
                content = zstandard.ZstdDecompressor().decompress(packed)
            except zstandard.ZstdError as error:
                raise _damaged(path, offset, str(error)) from error
            yield offset, content
            offset += _HEAD.size + len(packed)


def _next_packed(file: BinaryIO, path: Path, offset: int, size: int) -> bytes | None:
    """Return the compressed bytes of a block, or None where the file ends before they do."""
    rest = size - offset
    head = file.read(min(_HEAD.size, rest))
    if len(head) < _HEAD.size:
        return None
    magic, payload_size, length, checksum, head_checksum = _HEAD.unpack(head)
    sound = (magic, payload_size) == (_MAGIC, _PAYLOAD_BYTES) and length <= _LONGEST_BLOCK
    if not sound or zlib.crc32(_PAYLOAD.pack(length, checksum)) != head_checksum:
        # After a power cut a file may be longer than what reached the disk: zeros to the end.
        if not any(head) and _only_zeros(file):
            return None
        raise _damaged(path, offset, "no block begins here")
    if _HEAD.size + length > rest:
        return None
    packed = file.read(length)
    if zlib.crc32(packed) != checksum:
        if _HEAD.size + length == rest:
            return None
        raise _damaged(path, offset, "the block's checksum is not the one written before it")
    return packed


def _only_zeros(file: BinaryIO) -> bool:
    return not any(any(chunk) for chunk in iter(lambda: file.read(1 << 20), b""))


def _damaged(path: Path, offset: int, problem: str) -> DamagedFileError:
    return DamagedFileError(str(path), f"damaged at byte {offset:,}: {problem}")
