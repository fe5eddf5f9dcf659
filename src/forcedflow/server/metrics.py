"""What the server measures of itself, for Prometheus.

In:  requests as they end, refusals, the stream and the cache.   Out: the text that is scraped.
Free of what was asked: paths are counted, never their parameters.
"""

from __future__ import annotations

import time
from collections.abc import Set as AbstractSet

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from forcedflow.server.answer_cache import AnswerCache
from forcedflow.server.event_stream import EventStream

MEDIA_TYPE = CONTENT_TYPE_LATEST

_BUCKETS_S = (0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0)


class Metrics:
    """Counters of one application.

    Parameters
    ----------
    events : EventStream
    answers : AnswerCache
    """

    def __init__(self, events: EventStream, answers: AnswerCache) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "forcedflow_requests",
            "Requests by path and status.",
            ("path", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "forcedflow_request_seconds",
            "Time to the end of an answer; streams are not counted.",
            ("path",),
            buckets=_BUCKETS_S,
            registry=self.registry,
        )
        self.refused = Counter(
            "forcedflow_refused",
            "Requests refused before they were read, by code.",
            ("code",),
            registry=self.registry,
        )
        for name, words, read in (
            ("forcedflow_event_listeners", "Open event streams.", lambda: events.listeners),
            ("forcedflow_events", "Events published.", lambda: events.published),
            ("forcedflow_event_overflows", "Queues that overflowed.", lambda: events.overflows),
            ("forcedflow_answers_kept", "Answers kept.", lambda: answers.kept),
            ("forcedflow_answers_making", "Answers made or waited for.", lambda: answers.making),
        ):
            Gauge(name, words, registry=self.registry).set_function(read)

    def text(self) -> bytes:
        """Return what is scraped."""
        return generate_latest(self.registry)

    def refuse(self, code: str) -> None:
        """Count a refusal."""
        self.refused.labels(code).inc()


class Metered:
    """Counts what passes through.

    Parameters
    ----------
    app : ASGI application
    metrics : Metrics
    paths : set of str
        Paths counted under their own name; any other is ``other``, whatever it is.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, paths: AbstractSet[str]) -> None:
        self._app, self._metrics, self._paths = app, metrics, paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        started = time.perf_counter()

        async def send_counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_counted)
        finally:
            path = scope["path"] if scope["path"] in self._paths else "other"
            self._metrics.requests.labels(path, str(status)).inc()
            if not path.endswith("/events"):
                self._metrics.seconds.labels(path).observe(time.perf_counter() - started)
