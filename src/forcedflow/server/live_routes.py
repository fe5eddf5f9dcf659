"""Endpoints of what runs: the stream of events, health, metrics.

In:  requests.   Out: events as they come; how current everything is.
Free of what the events say.
"""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header, Query, Response
from starlette.types import Receive, Scope, Send

from forcedflow import __version__
from forcedflow.answers.alerts import MOST
from forcedflow.answers.times import iso_time
from forcedflow.server.answer_cache import AnswerCache
from forcedflow.server.desk import Desk
from forcedflow.server.event_stream import Choice, EventStream
from forcedflow.server.metrics import MEDIA_TYPE, Metrics
from forcedflow.server.reply import JSON, other

KEEP_ALIVE_S = 15.0
STUCK_S = 60.0
"""A connection that takes nothing for so long is given up."""


class EventResponse(Response):
    """A connection that hears events until it, or the server, ends.

    Parameters
    ----------
    stream : EventStream
    choice : Choice
    last_id : str or None
        Of the last event heard.
    """

    media_type = "text/event-stream"
    keep_alive_s = KEEP_ALIVE_S
    """A comment is sent after so much silence. [s]"""

    def __init__(self, stream: EventStream, choice: Choice, last_id: str | None) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._stream = stream
        self._sent = time.monotonic()
        self._sending_since: float | None = None
        self._given_up = False
        # Refused here, where there can still be another status.
        self._listener = stream.listen(choice, last_id)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - the protocol's arguments
        """Serve the connection."""
        listener, task = self._listener, asyncio.current_task()
        gone = asyncio.ensure_future(_until_disconnected(receive))
        gone.add_done_callback(lambda _: listener.ready.set())
        # One watch a connection: a time limit on every event would cost as much as the event.
        watch = asyncio.ensure_future(self._watch(task))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            while not (gone.done() or self._stream.closed):
                await listener.ready.wait()
                piece = self._stream.take(listener)
                # Only this connection waits for its reader; its queue is what it may lag behind.
                self._sending_since = time.monotonic()
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                self._sending_since, self._sent = None, time.monotonic()
            # What was published just before the end is heard too.
            last = self._stream.take(listener)
            await send({"type": "http.response.body", "body": last, "more_body": False})
        except asyncio.CancelledError:
            if not self._given_up:
                raise
        finally:
            self._stream.leave(listener)
            for helper in (gone, watch):
                helper.cancel()
            await asyncio.gather(gone, watch, return_exceptions=True)

    async def _watch(self, task: asyncio.Task[None] | None) -> None:
        """Fill silence with comments, and give up a connection that takes nothing."""
        while True:
            await asyncio.sleep(self.keep_alive_s)
            now = time.monotonic()
            if self._sending_since is not None:
                if now - self._sending_since > STUCK_S and task is not None:
                    self._given_up = True
                    task.cancel()
                    return
            elif now - self._sent >= self.keep_alive_s:
                self._stream.comment(self._listener)


async def _until_disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def event_routes(desk: Desk, answers: AnswerCache) -> APIRouter:
    """Return the endpoints under the versioned path."""
    routes = APIRouter(tags=["live"])

    @routes.get("/events", responses=other("text/event-stream"), response_class=Response)
    async def events(
        markets: Annotated[
            str,
            Query(
                description="venue:symbol by commas; all by default.",
                max_length=1_000,
                pattern=r"^[A-Za-z0-9/:_,\-]*$",
            ),
        ] = "",
        kinds: Annotated[
            str,
            Query(description="By commas; all by default.", max_length=200, pattern=r"^[a-z_,]*$"),
        ] = "",
        last_event_id: Annotated[
            str | None, Query(description="As the header.", max_length=60)
        ] = None,
        last_event_id_header: Annotated[
            str | None, Header(alias="Last-Event-ID", description="Id of the last event heard.")
        ] = None,
    ) -> Response:
        """Hear what happens live, as Server-Sent Events."""
        choice = Choice(
            frozenset(name for name in markets.split(",") if name),
            frozenset(name for name in kinds.split(",") if name),
        )
        # A browser that comes back sends the header; the parameter is of its first request.
        heard = last_event_id if last_event_id_header is None else last_event_id_header
        return EventResponse(desk.events, choice, heard)

    @routes.get("/alerts", responses=JSON, response_class=Response)
    async def alert_list(
        limit: Annotated[int, Query(ge=1, le=MOST, description="Alerts at most.")] = 50,
        at: Annotated[
            str | None,
            Query(
                description="Only what had fired by then: ISO 8601 or UTC milliseconds.",
                min_length=4,
                max_length=40,
            ),
        ] = None,
    ) -> Response:
        """Return what fired, newest first, how far its deliveries are, and the rules watched."""
        by_ms = None if at is None else desk.moment(at)
        found = await asyncio.to_thread(desk.told_alerts, limit, by_ms)
        # Deliveries go on while the lake stays as it is, so that no tag could name an answer.
        headers = {"cache-control": "no-store"}
        body = msgspec.json.encode(found)
        return Response(body, media_type="application/json", headers=headers)

    @routes.get("/health", responses=JSON, response_class=Response)
    async def health() -> Response:
        """Return how current everything is."""
        states = await asyncio.to_thread(desk.states)
        found = await asyncio.to_thread(_health, desk, answers)
        ages = [state.age_s for state in states if state.age_s is not None]
        body = msgspec.json.encode(
            {
                **found,
                "sources": states,
                "lake": {"version": await desk.version()},
                "assumptions": {
                    "badge": "LIVE, PARTIAL where a source is missing, STALE where it is late, "
                    "REPLAY of a past period, STORED where nothing is followed"
                },
                "freshness": {"age_s": min(ages, default=None)},
            }
        )
        headers = {"cache-control": "no-store"}
        return Response(body, media_type="application/json", headers=headers)

    return routes


def _health(desk: Desk, answers: AnswerCache) -> dict[str, Any]:
    return {
        "status": "ok",
        "version": __version__,
        "now": iso_time(desk.now_ms()),
        "live": desk.sources is not None,
        "simulated": desk.simulated(),
        "events": {"clients": desk.events.listeners, "last_id": desk.events.last_id},
        "answers": {
            "cached": answers.kept,
            "running": answers.running,
            "waiting": answers.making - answers.running,
        },
    }


def metric_routes(metrics: Metrics) -> APIRouter:
    """Return the endpoint that Prometheus scrapes."""
    routes = APIRouter(tags=["live"])

    @routes.get("/metrics", responses=other("text/plain"), response_class=Response)
    async def scrape() -> Response:
        """Return the metrics of this process for Prometheus."""
        return Response(metrics.text(), media_type=MEDIA_TYPE)

    return routes
