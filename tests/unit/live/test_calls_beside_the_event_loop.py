"""The thread beside the event loop: one alone, told of faults, not waited for once cancelled."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from forcedflow.live.bar_clock import _one_thread


async def _both() -> list[int | None]:
    with _one_thread() as beside:
        return [await beside(threading.get_ident) for _ in range(3)]


def test_every_call_is_made_in_one_thread_that_is_not_the_loop_s():
    idents = asyncio.run(_both())
    assert len(set(idents)) == 1
    assert idents[0] != threading.get_ident()


def test_a_fault_of_the_call_is_its_caller_s():
    async def fails() -> None:
        with _one_thread() as beside:
            await beside(int, "seven")

    with pytest.raises(ValueError, match="seven"):
        asyncio.run(fails())


def test_who_is_cancelled_does_not_wait_for_the_call_under_way():
    begun, leave = threading.Event(), threading.Event()

    def long() -> None:
        begun.set()
        leave.wait(60)

    async def cancelled() -> float:
        async def waits() -> None:
            with _one_thread() as beside:
                await beside(long)

        task = asyncio.create_task(waits())
        assert await asyncio.to_thread(begun.wait, 60)
        asked = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return time.monotonic() - asked

    waited_s = asyncio.run(cancelled())
    leave.set()
    assert waited_s < 30


def test_who_is_not_cancelled_waits_for_what_was_asked():
    done = []

    async def asks() -> None:
        with _one_thread() as beside:
            beside(lambda: (time.sleep(0.05), done.append(1)))

    asyncio.run(asks())
    assert done == [1]
