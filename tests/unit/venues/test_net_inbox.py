"""The inbox against a twin that is written to be read, and at its edges."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from forcedflow.store.raw_log import Frame
from forcedflow.venues.inbox import DROPPED, Inbox

MAX_FRAMES = 5


def message(connection, n):
    return Frame(n, connection, "message", b"%d" % n)


class Twin:
    """One list in order of arrival; what gives way is searched for every time."""

    def __init__(self):
        self.held = []
        self.dropped = {}

    def put(self, frame, droppable):
        """Return whether there was room for it."""
        self.held.append((frame, droppable))
        while sum(kept is not None for kept, _ in self.held) > MAX_FRAMES:
            for kept, may_go in self.held:
                if kept is not None and may_go:
                    break
            else:
                self.held.pop()
                return False
            name = kept.connection
            self.dropped[name] = self.dropped.get(name, 0) + 1
            # A gap leaves its mark where the last of them stood.
            self.held = [(k, m) for k, m in self.held if not (k is None and m == name)]
            place = next(i for i, (k, _) in enumerate(self.held) if k is kept)
            self.held[place] = (None, name)
        return True

    def take(self):
        found = [("gap", name) if frame is None else frame for frame, name in self.held]
        self.held = []
        return found


STEPS = st.lists(
    st.one_of(
        st.just("take"),
        st.tuples(
            st.sampled_from(["book-a", "book-b", "liquidations"]),
            st.sampled_from(["message", "message", "message", "opened", "closed", "response"]),
        ),
    ),
    max_size=60,
)


@settings(deadline=None)
@given(steps=STEPS)
def test_what_is_kept_and_what_gives_way_is_what_the_twin_says(steps):
    async def run():
        inbox, twin = Inbox(max_frames=MAX_FRAMES), Twin()
        waiting = []

        async def take():
            expected = twin.take()
            batch = await inbox.get_batch()
            assert [
                ("gap", frame.connection) if frame.raw == DROPPED else frame for frame in batch
            ] == expected
            # Who waited comes in now, in turn.
            for task, frame in waiting:
                await task
                assert twin.put(frame, droppable=False)
            waiting.clear()

        for n, step in enumerate(steps):
            if step == "take" or len(waiting) == MAX_FRAMES:
                if len(inbox) or twin.held:
                    await take()
                continue
            connection, kind = step
            frame = Frame(n, connection, kind, b"%d" % n)
            droppable = connection != "liquidations"
            task = asyncio.create_task(inbox.put(frame, droppable=droppable))
            await asyncio.sleep(0)
            if twin.put(frame, droppable=droppable and kind == "message"):
                assert task.done()
            else:
                assert not task.done()
                waiting.append((task, frame))
            assert len(inbox) <= MAX_FRAMES
        while len(inbox) or twin.held:
            await take()
        assert dict(inbox.dropped) == twin.dropped
        assert inbox.bytes_held == 0

    asyncio.run(run())


def test_the_oldest_book_deltas_go_first_and_liquidations_stay():
    async def run():
        inbox = Inbox(max_frames=4)
        await inbox.put(message("liquidations", 1))
        for n in (2, 3):
            await inbox.put(message("book", n), droppable=True)
        for n in (4, 5, 6):
            await inbox.put(message("liquidations", n))
        return await inbox.get_batch(), inbox

    batch, inbox = asyncio.run(run())
    assert [frame.raw for frame in batch] == [b"1", DROPPED, b"4", b"5", b"6"]
    gap = batch[1]
    assert (gap.connection, gap.kind, gap.received_ns) == ("book", "closed", 3)
    assert inbox.dropped == {"book": 2}


def test_a_delta_for_which_there_is_no_room_at_all_is_a_gap_at_the_end():
    async def run():
        inbox = Inbox(max_frames=1)
        await inbox.put(message("liquidations", 1))
        await inbox.put(message("book", 2), droppable=True)
        await inbox.put(message("book", 3), droppable=True)
        return await inbox.get_batch()

    assert [frame.raw for frame in asyncio.run(run())] == [b"1", DROPPED]


def test_marks_of_a_connections_life_never_give_way():
    async def run():
        inbox = Inbox(max_frames=2)
        await inbox.put(Frame(1, "book", "opened", b""), droppable=True)
        await inbox.put(message("book", 2), droppable=True)
        await inbox.put(Frame(3, "book", "closed", b"lost"), droppable=True)
        return await inbox.get_batch()

    assert [(f.kind, f.raw) for f in asyncio.run(run())] == [
        ("opened", b""),
        ("closed", DROPPED),
        ("closed", b"lost"),
    ]


def test_who_brings_what_must_not_be_lost_waits_until_there_is_room():
    async def run():
        inbox = Inbox(max_bytes=1000)
        await inbox.put(Frame(1, "a", "message", b"x" * 700))
        putting = asyncio.create_task(inbox.put(Frame(2, "a", "message", b"y" * 700)))
        await asyncio.sleep(0.01)
        waited = not putting.done()
        first = await inbox.get_batch()
        await putting
        return waited, first + await inbox.get_batch(), inbox

    waited, frames, inbox = asyncio.run(run())
    assert waited
    assert [frame.received_ns for frame in frames] == [1, 2]
    assert (inbox.waits, inbox.peak_bytes) == (1, 900)


def test_a_message_larger_than_the_whole_room_comes_in_alone():
    async def run():
        inbox = Inbox(max_bytes=10)
        await inbox.put(message("a", 1))
        return await inbox.get_batch()

    assert [frame.raw for frame in asyncio.run(run())] == [b"1"]


def test_memory_stays_within_its_bound_whatever_comes():
    async def run():
        inbox = Inbox(max_bytes=50_000)
        for n in range(2000):
            await inbox.put(Frame(n, "book", "message", bytes(n % 900)), droppable=True)
            assert inbox.bytes_held <= 50_000
        return inbox

    inbox = asyncio.run(run())
    assert inbox.dropped["book"] + len(inbox) == 2000
    assert inbox.queued() == {"book": len(inbox)}


def test_what_is_held_can_be_taken_without_waiting_and_makes_room():
    async def run():
        inbox = Inbox(max_frames=2)
        await inbox.put(Frame(1, "a", "message", b"1"))
        await inbox.put(Frame(2, "a", "message", b"2"))
        third = asyncio.create_task(inbox.put(Frame(3, "a", "message", b"3")))
        await asyncio.sleep(0)
        first = inbox.take()
        await third
        return first, inbox.take(), inbox.take()

    first, second, nothing = asyncio.run(run())
    assert [frame.raw for frame in first] == [b"1", b"2"]
    assert [frame.raw for frame in second] == [b"3"]
    assert nothing == []


def test_a_reader_waits_for_the_first_frame_and_learns_of_the_end():
    async def run():
        inbox = Inbox()
        reading = asyncio.create_task(inbox.get_batch())
        await asyncio.sleep(0.01)
        assert not reading.done()
        await inbox.put(message("a", 1))
        first = await reading
        await inbox.put(message("a", 2))
        inbox.close()
        return first, await inbox.get_batch(), await inbox.get_batch()

    first, last, none = asyncio.run(run())
    assert ([f.raw for f in first], [f.raw for f in last], none) == ([b"1"], [b"2"], [])
