"""A server over a lake of nine simulated days, in this process and on a socket."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading

import msgspec
import pytest
import uvicorn
from starlette.testclient import TestClient
from tests.reference.situations import sandbox_lake

from forcedflow.answers.times import iso_time
from forcedflow.cli.app import run
from forcedflow.server import Desk, EventStream, create_app
from forcedflow.server.guard import Access, Limits

BASE = "http://127.0.0.1"
WITHOUT_LIMIT = Limits(per_second=1e6, burst=10**6)


@pytest.fixture(scope="session")
def market(tmp_path_factory):
    """A lake of the simulated exchange, and the moment of its end. Nobody writes to it."""
    return sandbox_lake(tmp_path_factory.mktemp("served") / "lake")


@pytest.fixture(scope="session")
def at(market):
    return iso_time(market[1])


@pytest.fixture(scope="session")
def client(market):
    """A client of a server whose present is the end of the lake."""
    held, end_ms = market
    app = create_app(Desk(held, lambda: end_ms), limits=WITHOUT_LIMIT)
    with TestClient(app, base_url=BASE) as found:
        yield found


@pytest.fixture
def serving(market):
    """Make a client of a server that is set up otherwise."""
    held, end_ms = market
    with contextlib.ExitStack() as stack:

        def serve(*, address="127.0.0.1", desk=None, base_url=BASE, **how):
            app = create_app(desk or Desk(held, lambda: end_ms), **how)
            asks_from = TestClient(
                app, base_url=base_url, client=(address, 50_000), raise_server_exceptions=False
            )
            return stack.enter_context(asks_from)

        yield serve


@pytest.fixture
def printed(market, at, capsys):
    """Run a command on the same lake, as of the same moment; return the JSON that it prints."""

    def run_here(*arguments, timed=True):
        capsys.readouterr()
        moment = ("--at", at) if timed else ()
        words = [*arguments, "--lake", market[0].root, *moment, "--json"]
        assert run([str(word) for word in words]) == 0
        return msgspec.json.format(capsys.readouterr().out.strip(), indent=0)

    return run_here


@pytest.fixture
def on_socket(market):
    """Serve on a real socket in a thread; give the port and the stream of events."""
    held, end_ms = market
    with contextlib.ExitStack() as stack:

        def serve(**how):
            events = how.pop("events", None) or EventStream()
            app = create_app(
                Desk(held, lambda: end_ms, events), how.pop("access", Access()), WITHOUT_LIMIT
            )
            return stack.enter_context(served(app, events)), events

        yield serve


@contextlib.contextmanager
def served(app, events):
    """Serve on a free port of loopback, in a thread."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_level="error", access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(
            target=lambda: asyncio.run(server.serve([listening])), daemon=True
        )
        thread.start()
        while not server.started:
            thread.join(0.01)
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            events.close()
            thread.join(10)
            assert not thread.is_alive()
