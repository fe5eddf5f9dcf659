"""The HTTP client against a real server on loopback that fails in every way we know of."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
import time
import zlib
from contextlib import contextmanager

import httpx2
import pytest
import stamina.instrumentation
from aiohttp import web

from forcedflow.errors import (
    BlockedError,
    NotThereError,
    RateLimitedError,
    UsageError,
    VenueError,
)
from forcedflow.venues.connector import RateLimit
from forcedflow.venues.http import HttpClient, check_proxy, retry_after_s

AMPLE = RateLimit(10_000, 0.2, concurrent=8)


@pytest.fixture(autouse=True)
def _quiet_retries():
    before = stamina.instrumentation.get_on_retry_hooks()
    stamina.instrumentation.set_on_retry_hooks([])
    yield
    stamina.instrumentation.set_on_retry_hooks(before)


@contextmanager
def serving(handler):
    """Run a server in a thread; yield its address."""
    loop = asyncio.new_event_loop()
    started = threading.Event()
    address, stop = [], asyncio.Event()

    async def serve():
        runner = web.ServerRunner(web.Server(handler))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        address.append(f"http://127.0.0.1:{runner.addresses[0][1]}")
        started.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert started.wait(5)
        yield address[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def client(**options):
    values = {"timeout_s": 0.3, "attempts": 3, "backoff_s": 0.01} | options
    return HttpClient("test", values.pop("limit", AMPLE), **values)


class Script:
    """Answers in turn; the last answer stays. Remembers what was asked and when."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    async def __call__(self, request):
        body = await request.read()
        self.asked.append((time.monotonic(), request.method, request.raw_path, body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await answer(request) if callable(answer) else answer()


def says(status=200, body=b"[1]", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def answer(_request):
        return web.Response(status=status, body=body, headers=named)

    return answer


async def cut(request):
    response = web.StreamResponse(headers={"Content-Length": "100"})
    await response.prepare(request)
    await response.write(b"[1, 2")
    request.transport.close()
    return response


async def hang_up(request):
    request.transport.abort()
    return web.Response()


async def stall(_request):
    await asyncio.sleep(1)
    return web.Response()


def test_a_get_sends_its_parameters_and_returns_the_body_untouched():
    script = Script(says(body=b' {"a" : 1} \n'))
    with serving(script) as url, client() as http:
        body = http.get(f"{url}/fapi/v1/depth", {"symbol": "BTCUSDT", "limit": 5}, weight=3)
    assert body == b' {"a" : 1} \n'
    assert [asked[1:3] for asked in script.asked] == [
        ("GET", "/fapi/v1/depth?symbol=BTCUSDT&limit=5")
    ]


def test_a_post_sends_json():
    script = Script(says())
    with serving(script) as url, client() as http:
        assert http.post(f"{url}/info", {"type": "meta"}) == b"[1]"
    _, method, path, body = script.asked[0]
    assert (method, path, json.loads(body)) == ("POST", "/info", {"type": "meta"})


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [("gzip", gzip.compress(b"[1, 2]", mtime=0)), ("deflate", zlib.compress(b"[1, 2]"))],
)
def test_compressed_bodies_are_unpacked(encoding, packed):
    script = Script(says(body=packed, Content_Encoding=encoding))
    with serving(script) as url, client() as http:
        assert http.get(url) == b"[1, 2]"


@pytest.mark.parametrize(
    "failure",
    [
        says(500),
        says(503),
        says(408),
        cut,
        hang_up,
        stall,
        says(body=b"nonsense", Content_Encoding="gzip"),
    ],
    ids=["500", "503", "408", "cut short", "hung up", "stalled", "badly packed"],
)
def test_what_may_be_gone_a_second_later_is_asked_again(failure):
    script = Script(failure, failure, says())
    with serving(script) as url, client() as http:
        assert http.get(url) == b"[1]"
    assert len(script.asked) == 3


@pytest.mark.parametrize(
    ("failure", "said"),
    [(says(502, b"bad gateway"), "status 502: bad gateway"), (cut, "incomplete|without sending")],
)
def test_what_stays_broken_is_an_error_that_says_how(failure, said):
    script = Script(failure)
    with serving(script) as url, client() as http, pytest.raises(VenueError, match=said) as raised:
        http.get(f"{url}/path")
    assert type(raised.value) is VenueError
    assert "3 times in a row" in str(raised.value)
    assert len(script.asked) == 3


def test_nobody_listening_is_an_error_of_the_venue():
    with serving(Script(says())) as url:
        pass
    with client() as http, pytest.raises(VenueError, match="ConnectError"):
        http.get(url)


def test_404_is_a_gap_and_not_asked_again():
    script = Script(says(404))
    with (
        serving(script) as url,
        client() as http,
        pytest.raises(NotThereError, match=r"/data/x\.zip"),
    ):
        http.get(f"{url}/data/x.zip")
    assert len(script.asked) == 1


@pytest.mark.parametrize("status", [403, 451])
def test_a_refused_address_is_told_what_still_works(status):
    script = Script(says(status))
    with serving(script) as url, client() as http, pytest.raises(BlockedError) as raised:
        http.get(url)
    text = str(raised.value)
    assert f"status {status}" in text
    assert "archives" in text
    assert "FORCEDFLOW_PROXY" in text
    assert len(script.asked) == 1


def test_other_refusals_quote_the_venue_but_no_secret():
    script = Script(says(400, b'{"code":-1121,"msg":"Invalid symbol."}'))
    with serving(script) as url, client() as http, pytest.raises(VenueError) as raised:
        http.get(f"{url}/x", {"symbol": "NOPE", "apiKey": "hush", "signature_token": "hush"})
    text = str(raised.value)
    assert "Invalid symbol." in text
    assert "symbol=NOPE" in text
    assert "hush" not in text
    assert len(script.asked) == 1


def test_a_refusal_dressed_as_success_is_still_one():
    script = Script(says(body=b'{"code":-1121,"msg":"Invalid symbol."}'))
    with (
        serving(script) as url,
        client() as http,
        pytest.raises(VenueError, match="Invalid symbol"),
    ):
        http.get(url)


@pytest.mark.parametrize(
    "body",
    [
        b'{"code":200,"msg":"success"}',
        b'{"retCode":0,"retMsg":"OK"}',
        b'{"retCode":10001,"retMsg":"params error"}',
        b'{"code":"x"}',
        b'{"msg":"\xff"}',
        b"{",
        b"null",
        b"",
        b'{"code":-1,"pad":"' + b"x" * 1000 + b'"}',
    ],
)
def test_bodies_that_are_no_refusal_are_the_parsers_matter(body):
    with serving(Script(says(body=body))) as url, client() as http:
        assert http.get(url) == body


@pytest.mark.parametrize(
    "refusal",
    [
        says(429, b"null", Retry_After="0.3"),
        says(418, b"", Retry_After="0.3"),
        says(429, b"null"),
        says(200, b'{"retCode":10006,"retMsg":"Too many visits!"}'),
        says(200, b'{"success":false,"code":510,"message":"Requests are too frequent"}'),
        says(429, b"{}", Retry_After="soon"),
    ],
    ids=["429", "418", "no time named", "bybit", "mexc", "no time that is one"],
)
def test_a_pause_that_the_venue_asks_for_is_kept_and_then_it_answers(refusal):
    script = Script(refusal, says())
    with serving(script) as url, client() as http:
        assert http.get(url) == b"[1]"
    (first, *_), (second, *_) = script.asked
    assert 0.2 <= second - first < 1.0


def test_a_pause_holds_every_thread_of_the_client():
    refused = threading.Event()

    async def refuse(_request):
        refused.set()
        return web.Response(status=429, headers={"Retry-After": "0.5"})

    script = Script(refuse, says())
    with serving(script) as url, client() as http:
        threads = [threading.Thread(target=http.get, args=(url,))]
        threads[0].start()
        assert refused.wait(5)
        time.sleep(0.1)
        threads += [threading.Thread(target=http.get, args=(url,)) for _ in range(5)]
        for thread in threads[1:]:
            thread.start()
        for thread in threads:
            thread.join()
    times = [asked[0] for asked in script.asked]
    assert len(times) == 7
    assert min(times[1:]) - times[0] >= 0.5


@pytest.mark.parametrize("status", [429, 418])
def test_a_longer_pause_than_allowed_is_an_error_and_nobody_asks_before_its_end(status):
    script = Script(says(status, Retry_After="7200"), says())
    with serving(script) as url, client(max_pause_s=1.0) as http:
        with pytest.raises(RateLimitedError, match="pause of 7200 s") as raised:
            http.get(url)
        assert raised.value.retry_after_s == 7200.0
        with pytest.raises(RateLimitedError):
            http.get(url)
    assert len(script.asked) == 1


def test_pauses_of_one_request_add_up():
    script = Script(says(429, Retry_After="0.2"))
    with serving(script) as url, client(max_pause_s=0.5) as http, pytest.raises(RateLimitedError):
        http.get(url)
    assert len(script.asked) == 3


def test_a_redirect_within_the_host_is_followed():
    script = Script(says(302, Location="/there"), says())
    with serving(script) as url, client() as http:
        assert http.get(f"{url}/here") == b"[1]"
    assert [asked[2] for asked in script.asked] == ["/here", "/there"]


@pytest.mark.parametrize(
    ("location", "said"),
    [("http://login.example/?next=x", "http://login.example"), ("/again", "status 302")],
)
def test_a_redirect_elsewhere_or_without_end_is_not_followed(location, said):
    script = Script(says(302, Location=location))
    with serving(script) as url, client() as http, pytest.raises(VenueError, match=said):
        http.get(url)
    assert len(script.asked) <= 4


def test_a_secure_request_is_not_sent_on_in_the_open():
    def answer(_request):
        return httpx2.Response(302, headers={"Location": "http://venue.example/x"})

    with (
        client(transport=httpx2.MockTransport(answer)) as http,
        pytest.raises(VenueError, match="not followed"),
    ):
        http.get("https://venue.example/x")


def test_connections_are_kept_and_used_again():
    ports = set()

    async def answer(request):
        ports.add(request.transport.get_extra_info("peername")[1])
        return web.Response(body=b"[1]")

    with serving(answer) as url, client() as http:
        for _ in range(5):
            http.get(url)
    assert len(ports) == 1


def test_closing_frees_who_waits_for_a_limit():
    failed = []

    def ask():
        try:
            http.get(url)
        except VenueError as error:
            failed.append(error)

    script = Script(says(429, Retry_After="60"))
    with serving(script) as url:
        http = client()
        thread = threading.Thread(target=ask)
        thread.start()
        while not script.asked:
            time.sleep(0.01)
        time.sleep(0.05)
        http.close()
        thread.join(timeout=5)
        assert not thread.is_alive()
        with pytest.raises(VenueError, match="closed"):
            http.get(url)
    assert "closed" in str(failed[0])


@pytest.mark.parametrize(
    "proxy", ["socks5://me:hush@host:1", "me:hush@host:80", "http://", "http://[::1:hush", ""]
)
def test_a_proxy_that_cannot_be_used_is_refused_without_repeating_it(proxy):
    with pytest.raises(UsageError, match="proxy") as raised:
        HttpClient("test", AMPLE, proxy)
    assert "hush" not in str(raised.value)


def test_a_proxy_carries_the_request():
    script = Script(says())
    with serving(script) as url, client(proxy=url) as http:
        assert http.get("http://venue.example/x") == b"[1]"
    assert script.asked[0][2] == "http://venue.example/x"
    check_proxy("http://user:word@localhost:8080")
    check_proxy(None)


@pytest.mark.parametrize(
    ("headers", "pause_s"),
    [
        ({"Retry-After": "30"}, 30.0),
        ({"Retry-After": "1.5"}, 1.5),
        ({}, 9.0),
        ({"Retry-After": "-1"}, 9.0),
        ({"Retry-After": "inf"}, 9.0),
        (
            {
                "Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT",
                "Date": "Wed, 21 Oct 2026 07:27:20 GMT",
            },
            40.0,
        ),
        (
            {
                "Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT",
                "Date": "Wed, 21 Oct 2026 07:29:00 GMT",
            },
            0.0,
        ),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, 9.0),
        (
            {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT", "Date": "21 Oct 2026 07:28:00 -0000"},
            9.0,
        ),
    ],
)
def test_the_pause_asked_for_is_read_in_every_form_it_has(headers, pause_s):
    assert retry_after_s(headers, 9.0) == pause_s


def test_headers_that_a_venue_must_be_told_go_with_every_request():
    heard = []

    async def handler(request):
        heard.append((request.headers["X-Size"], request.headers["User-Agent"]))
        return web.Response(body=b"{}")

    with serving(handler) as root, HttpClient("test", AMPLE, headers={"X-Size": "1"}) as client:
        client.get(f"{root}/a")
        client.post(f"{root}/b", {"a": 1})
    assert heard == [("1", "forcedflow")] * 2
