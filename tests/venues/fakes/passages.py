"""What becomes of messages on their way: doubled, shuffled, torn, wrapped, grown.

In:  messages as a venue says them.   Out: what a socket carries instead.
Free of any venue: each works on whatever text it is given.
"""

from __future__ import annotations

import gzip
import random
from collections.abc import Sequence
from typing import Any

import msgspec
from tests.venues.fakes.exchange import Passage, Wire

TOMORROW = {"zzNew": {"deep": [1, None, "x"]}, "zz": True, "zzText": "–"}
"""Fields that no documentation names yet."""


def doubled(messages: list[str]) -> Sequence[Wire]:
    """Say everything twice in a row."""
    return [message for message in messages for _ in range(2)]


def repeated(messages: list[str]) -> Sequence[Wire]:
    """Say everything, and then everything again."""
    return messages * 2


def shuffled(seed: int) -> Passage:
    """Say everything in an order of its own."""

    def passage(messages: list[str]) -> Sequence[Wire]:
        return random.Random(seed).sample(messages, len(messages))  # noqa: S311 - an order

    return passage


def with_torn_between(messages: list[str]) -> Sequence[Wire]:
    """Say the first half of each message before the whole of it."""
    return [wire for message in messages for wire in (message[: len(message) // 2], message)]


def grown(messages: list[str]) -> Sequence[Wire]:
    """Add to every object fields that nobody knows."""
    return [msgspec.json.encode(_grow(msgspec.json.decode(m))).decode() for m in messages]


def gzipped(messages: list[str]) -> Sequence[Wire]:
    """Say everything as binary messages of gzip'd text."""
    return [gzip.compress(message.encode()) for message in messages]


def _grow(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _grow(inner) for key, inner in value.items()} | TOMORROW
    if isinstance(value, list):
        return [_grow(inner) for inner in value]
    return value
