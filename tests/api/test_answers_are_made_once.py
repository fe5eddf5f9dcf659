"""Heavy answers: made once whoever asks, kept within bounds, never beyond the queue."""

from __future__ import annotations

import asyncio
import threading

import pytest

from forcedflow.errors import NoDataError
from forcedflow.server.answer_cache import Answer, AnswerCache, BusyError


def test_who_asks_the_same_waits_for_the_one_answer():
    made, go = [], threading.Event()

    def make():
        made.append(1)
        go.wait(5)
        return Answer(b"x")

    async def ask():
        cache = AnswerCache()
        asked = [asyncio.ensure_future(cache.get("k", make)) for _ in range(5)]
        await asyncio.sleep(0.05)
        assert (cache.making, cache.running) == (1, 1)
        asked[0].cancel()  # who leaves takes nothing from the others
        go.set()
        found = await asyncio.gather(*asked[1:])
        again = await cache.get("k", make)
        cache.close()
        return found, again

    found, again = asyncio.run(ask())
    assert made == [1]
    assert {answer.body for answer in [*found, again]} == {b"x"}


def test_an_error_is_told_to_everybody_and_not_kept():
    asked = []

    def fail():
        asked.append(1)
        raise NoDataError("nothing")

    async def ask():
        cache = AnswerCache()
        found = await asyncio.gather(
            *(cache.get("k", fail) for _ in range(3)), return_exceptions=True
        )
        with pytest.raises(NoDataError):
            await cache.get("k", fail)
        cache.close()
        return found, cache.kept

    found, kept = asyncio.run(ask())
    assert [type(error) for error in found] == [NoDataError] * 3
    assert (len(asked), kept) == (2, 0)


def test_the_queue_is_bounded_and_empties():
    go = threading.Event()

    def make():
        go.wait(5)
        return Answer(b"x")

    async def ask():
        cache = AnswerCache(workers=1, most_waiting=1)
        asked = [asyncio.ensure_future(cache.get(key, make)) for key in "ab"]
        await asyncio.sleep(0.05)
        with pytest.raises(BusyError):
            await cache.get("c", make)
        go.set()
        await asyncio.gather(*asked)
        assert (await cache.get("c", make)).body == b"x"
        cache.close()

    asyncio.run(ask())


def test_the_least_used_is_forgotten_by_number_and_by_size():
    async def ask():
        cache = AnswerCache(most_kept=2, most_kept_bytes=10)
        made = []

        async def get(key, size=1):
            def make():
                made.append(key)
                return Answer(b"x" * size)

            return await cache.get(key, make)

        await get("a")
        await get("b")
        await get("a")
        await get("c")  # forgets b
        assert cache.kept == 2
        await get("a")
        await get("b")
        assert made == ["a", "b", "c", "b"]
        await get("large", 10)  # forgets all others
        assert cache.kept == 1
        await get("too large", 11)
        assert cache.kept == 1
        cache.close()

    asyncio.run(ask())


def test_a_tag_is_of_the_content_alone():
    assert Answer(b"a").tag == Answer(b"a", "text/plain").tag != Answer(b"b").tag


def test_slow_answers_keep_no_quick_one_waiting():
    go = threading.Event()

    def make_slowly():
        go.wait(5)
        return Answer(b"slow")

    async def ask():
        cache = AnswerCache(workers=1, most_waiting=1)
        slow = [asyncio.ensure_future(cache.get(key, make_slowly, slow=True)) for key in "ab"]
        await asyncio.sleep(0.05)
        with pytest.raises(BusyError):
            await cache.get("c", make_slowly, slow=True)
        quick = await asyncio.wait_for(cache.get("q", lambda: Answer(b"quick")), 5)
        assert (cache.making, cache.running) == (2, 1)
        go.set()
        await asyncio.gather(*slow)
        await asyncio.sleep(0)
        assert (cache.making, cache.running) == (0, 0)
        cache.close()
        return quick.body

    assert asyncio.run(ask()) == b"quick"
