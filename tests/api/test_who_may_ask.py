"""Loopback or a token, the right host, not too much: and safe headers on everything."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers
from starlette.testclient import TestClient

from forcedflow.errors import UsageError
from forcedflow.server.guard import HEADERS, Access, Limits, TokenBucket

TOKEN = "a-token-of-24-characters"  # noqa: S105 - of these tests alone


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.org", "10.0.0.1"])  # noqa: S104 - refused
def test_an_address_others_can_reach_needs_a_token(host):
    with pytest.raises(UsageError, match="there is no token") as refused:
        Access(host)
    assert "FORCEDFLOW_TOKEN" in str(refused.value)
    assert Access(host, TOKEN).token == TOKEN


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost", "LOCALHOST"])
def test_loopback_needs_none(host):
    assert Access(host).token is None


@pytest.mark.parametrize(
    "token", ["short", "", "with a\nline break in it", "ünïcödé-tökén-öf-lëngth"]
)
def test_a_token_that_is_none_is_refused(token):
    with pytest.raises(UsageError, match="a token has 16 printable"):
        Access("127.0.0.1", token)


def test_the_token_is_never_shown():
    assert TOKEN not in repr(Access("0.0.0.0", TOKEN))  # noqa: S104 - not bound
    assert TOKEN not in str(Access("0.0.0.0", TOKEN))  # noqa: S104 - not bound


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("127.0.0.1", True),
        ("127.0.0.1:8480", True),
        ("localhost:8480", True),
        ("[::1]:8480", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example", False),
        ("192.168.1.5", False),
        ("", False),
        ("[::1", False),
        ("@", False),
        ("evil@127.0.0.1", False),
        ("127.0.0.1/evil", False),
        ("127.0.0.1#@evil.example", False),
    ],
)
def test_a_page_that_points_its_own_name_here_is_refused(host, known):
    assert Access().knows_host(host) is known


def test_names_that_were_allowed_and_plain_addresses_are_known_beyond_loopback():
    access = Access("0.0.0.0", TOKEN, ("desk.example",))  # noqa: S104 - not bound
    assert access.knows_host("desk.example:8480")
    assert access.knows_host("192.168.1.5:8480")
    assert not access.knows_host("evil.example")


@pytest.mark.parametrize("path", ["/", "/api/v1/markets", "/metrics", "/openapi.json"])
def test_another_host_gets_nothing(serving, path):
    reply = serving(base_url="http://evil.example").get(path)
    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "forbidden_host")


@pytest.mark.parametrize(
    "header",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
    ],
)
def test_a_page_of_another_site_may_not_ask(serving, header):
    reply = serving().get("/api/v1/markets", headers=header)
    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "forbidden_host")


def test_our_own_page_may_ask(serving):
    own = {"origin": "http://127.0.0.1:8480", "sec-fetch-site": "same-origin"}
    assert serving().get("/api/v1/markets", headers=own).status_code == 200


@pytest.mark.parametrize("path", ["/api/v1/markets", "/metrics", "/openapi.json", "/api/v1/none"])
def test_the_token_is_asked_for_where_there_is_one(serving, path):
    client = serving(access=Access("0.0.0.0", TOKEN))  # noqa: S104 - not bound
    for wrong in (
        {},
        {"authorization": "Bearer another-token-of-24-ch"},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": TOKEN},
    ):
        reply = client.get(path, headers=wrong)
        assert (reply.status_code, reply.json()["error"]["code"]) == (401, "unauthorized")
        assert reply.headers["www-authenticate"] == "Bearer"
    assert client.get(f"{path}?token={TOKEN}x").status_code == 401
    expected = 404 if path.endswith("none") else 200
    right = {"authorization": f"Bearer {TOKEN}"}
    assert client.get(path, headers=right).status_code == expected
    assert client.get(f"{path}?token={TOKEN}").status_code == expected


def test_any_bytes_as_a_token_are_only_a_wrong_token():
    access = Access("127.0.0.1", TOKEN)
    raw = [(b"authorization", b"Bearer \xff\xfe\x00")]
    assert not access.knows_token(Headers(raw=raw), "token=%ff&token=\xff")


def test_a_client_that_asks_too_often_waits_and_nobody_else_does(serving, market):
    limits = Limits(per_second=1.0, burst=3)
    now = [0.0]
    client = serving(limits=limits, clock=lambda: now[0])
    assert [client.get("/api/v1/calendar").status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = client.get("/api/v1/calendar")
    assert refused.json()["error"]["code"] == "too_many_requests"
    assert int(refused.headers["retry-after"]) >= 1
    other = TestClient(client.app, base_url="http://127.0.0.1", client=("10.1.1.1", 1))
    assert other.get("/api/v1/calendar").status_code == 200
    now[0] = 1.0
    assert client.get("/api/v1/calendar").status_code == 200
    assert market[0].series()


def test_buckets_of_clients_long_silent_are_forgotten():
    buckets = TokenBucket(Limits(per_second=1.0, burst=1, most_clients=2), lambda: 0.0)
    assert buckets.wait_s("a") == 0
    assert buckets.wait_s("a") == pytest.approx(1.0)
    assert buckets.wait_s("b") == buckets.wait_s("c") == 0
    assert buckets.wait_s("a") == 0  # forgotten, and so full again


def test_a_large_body_is_refused_said_or_not(serving):
    client = serving(limits=Limits(body_bytes=1_000))
    said = client.request("GET", "/api/v1/calendar", content=b"x" * 1_001)
    assert (said.status_code, said.json()["error"]["code"]) == (413, "too_large")

    def pieces():
        for _ in range(11):
            yield b"x" * 100

    unsaid = client.request("GET", "/api/v1/calendar", content=pieces())
    assert (unsaid.status_code, unsaid.json()["error"]["code"]) == (413, "too_large")
    assert client.request("GET", "/api/v1/calendar", content=b"x" * 999).status_code == 200


@pytest.mark.parametrize("path", ["/", "/api/v1/markets", "/api/v1/none", "/metrics"])
def test_safe_headers_are_on_everything(serving, path):
    reply = serving().get(path)
    for name, value in HEADERS.items():
        assert reply.headers[name] == value
    policy = reply.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe-eval" not in policy


def test_the_page_is_served_where_it_was_built_and_missed_in_words_where_not(serving, tmp_path):
    bare = serving(static=tmp_path).get("/")
    assert bare.status_code == 503
    assert "was not built" in bare.text
    (tmp_path / "index.html").write_text("<!doctype html><title>desk</title>")
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "a.js").write_text("1")
    built = serving(static=tmp_path)
    assert "<title>desk</title>" in built.get("/").text
    assert built.get("/assets/a.js").headers["content-type"].startswith("text/javascript")
    assert built.get("/assets/none.js").json()["error"]["code"] == "not_found"
    assert built.get("/../conftest.py").status_code == 404
    assert built.get("/api/v1/none").json()["error"]["code"] == "not_found"
