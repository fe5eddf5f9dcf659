"""The webhook: its signature, its redirects, and the addresses that it refuses."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import ssl
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.reference.observations import START_MS, book, cluster, seen
from tests.unit.alerts.receiver import Receiver

from forcedflow.alerts.addresses import judge_host, parse_networks
from forcedflow.alerts.judge import judge
from forcedflow.alerts.message import DeliveryError, Message
from forcedflow.alerts.rule_state import RuleState
from forcedflow.alerts.secret import Secret
from forcedflow.alerts.webhook import Webhook
from forcedflow.errors import UsageError

KEY = Secret("a key of the user's own", "MADE_KEY")
LOOPBACK = (ip_network("127.0.0.0/8"),)


def message(**stated):
    made = seen(zones=(cluster(away=-0.9, distance_sigma=float("nan")),))
    rules = book("kind='cluster_near'\nleast_usd=50e6\nwithin_pct=1.0").rules
    (alert,), _ = judge(rules[0], RuleState(), made, START_MS)
    return Message(alert, **stated)


def webhook(url, allowed=LOOPBACK, key=KEY, **stated):
    return Webhook(Secret(url, "MADE_URL"), key, allowed, lambda: START_MS, **stated)


def test_the_body_is_signed_and_the_id_travels_as_the_key():
    with Receiver() as receiver:
        sent = message(picture=b"png")
        webhook(f"{receiver.url}/hook?token=1", with_picture=True).send(sent)
        (request,) = receiver.requests
    headers = request.headers
    assert request.path == "/hook?token=1"
    assert headers["host"] == f"127.0.0.1:{receiver.port}"
    assert headers["idempotency-key"] == headers["webhook-id"] == sent.alert.id
    assert headers["webhook-timestamp"] == str(START_MS // 1000)
    signed = f"{sent.alert.id}.{START_MS // 1000}.".encode() + request.body
    digest = hmac.new(KEY.reveal().encode(), signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
    told = json.loads(request.body)
    assert told["level"]["usd"] == 60e6
    assert told["level"]["distance_sigma"] is None
    assert told["assumptions"] == ["stated prior mixture, not calibrated"]
    assert (told["simulated"], told["may_have_been_delivered"]) == (False, False)
    assert base64.b64decode(told["picture_png_base64"]) == b"png"


def test_a_key_of_the_standard_is_used_as_bytes():
    with Receiver() as receiver:
        raw = b"thirty two bytes of key material"
        key = Secret("whsec_" + base64.b64encode(raw).decode(), "MADE_KEY")
        sent = message()
        webhook(receiver.url, key=key).send(sent)
        (request,) = receiver.requests
    signed = f"{sent.alert.id}.{START_MS // 1000}.".encode() + request.body
    expected = base64.b64encode(hmac.new(raw, signed, hashlib.sha256).digest()).decode()
    assert request.headers["webhook-signature"] == f"v1,{expected}"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_followed_with_the_same_body(status):
    with Receiver() as end, Receiver(lambda _: (status, f"{end.url}/there")) as start:
        webhook(start.url).send(message())
        assert [request.path for request in end.requests] == ["/there"]
        assert end.requests[0].body == start.requests[0].body


def test_at_most_three_redirects_are_followed():
    with Receiver(lambda request: (307, request.path + "x")) as receiver:
        with pytest.raises(DeliveryError, match="more than 3 redirects"):
            webhook(f"{receiver.url}/").send(message())
        assert [request.path for request in receiver.requests] == ["/", "/x", "/xx", "/xxx"]


@pytest.mark.parametrize(
    "location",
    ["http://127.0.0.2:1/", "http://[::1]:1/", "http://169.254.169.254/latest/meta-data"],
)
def test_a_redirect_to_where_nothing_may_be_sent_is_refused(location):
    with Receiver(lambda _: (307, location)) as receiver:
        with pytest.raises(DeliveryError, match="no public address") as refused:
            webhook(receiver.url, allowed=(ip_network("127.0.0.1/32"),)).send(message())
        assert refused.value.is_final


@pytest.mark.parametrize(
    ("status", "is_final"), [(400, True), (401, True), (410, True), (429, False), (503, False)]
)
def test_what_the_receiver_answers_decides_whether_it_is_asked_again(status, is_final):
    with Receiver(lambda _: status) as receiver:
        with pytest.raises(DeliveryError, match=f"answered {status}") as refused:
            webhook(receiver.url).send(message())
        assert refused.value.is_final is is_final


PRIVATE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104 - an address that must be refused
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1%eth0",
    "fd00::1",
    "::ffff:10.0.0.1",
    "2002:7f00:1::",
    "64:ff9b::a00:1",
    "ff02::1",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_public_is_refused_however_it_is_written(address):
    with pytest.raises(DeliveryError, match="no public address") as refused:
        judge_host("made.example", 443, (), lambda _host, _port: [address])
    assert refused.value.is_final


def test_a_name_with_one_public_and_one_private_address_is_refused_whole():
    with pytest.raises(DeliveryError, match=r"10\.0\.0\.1"):
        judge_host("made.example", 443, (), lambda _host, _port: ["93.184.216.34", "10.0.0.1"])


def test_a_public_address_and_an_allowed_one_are_taken():
    found = judge_host("a", 80, LOOPBACK, lambda _host, _port: ["93.184.216.34", "127.0.0.1"])
    assert [(str(address), is_allowed) for address, is_allowed in found] == [
        ("93.184.216.34", False),
        ("127.0.0.1", True),
    ]


def test_where_the_first_address_is_not_reached_the_next_is_tried():
    with Receiver() as receiver:
        hook = webhook(
            f"http://made.example:{receiver.port}/",
            ask=lambda _host, _port: ["127.0.0.9", "127.0.0.1"],
        )
        hook.send(message())
        assert len(receiver.requests) == 1


def test_a_receiver_that_never_ends_its_answer_is_not_waited_for():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        taken = threading.Event()

        def answer():
            connection, _ = listening.accept()
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
            taken.wait(30)
            connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        webhook(f"http://127.0.0.1:{port}/").send(message())
        taken.set()
        thread.join()


def test_a_receiver_that_hangs_up_may_have_taken_it():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def hang_up():
            connection, _ = listening.accept()
            connection.recv(65_536)
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(DeliveryError) as refused:
            webhook(f"http://127.0.0.1:{port}/").send(message())
        thread.join()
    assert refused.value.may_have_arrived


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path):
    """Made by hand with a key of this test alone: a receiver that is not who it says."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "made.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("made.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "made.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    asked = []
    context.sni_callback = lambda _socket, server_name, _context: asked.append(server_name)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def answer():
            connection, _ = listening.accept()
            # The handshake ends in an alert: the sender does not trust it.
            with suppress(OSError), connection:
                context.wrap_socket(connection, server_side=True).close()

        thread = threading.Thread(target=answer)
        thread.start()
        hook = webhook(f"https://made.example:{port}/", ask=lambda _host, _port: ["127.0.0.1"])
        with pytest.raises(DeliveryError, match="CERTIFICATE_VERIFY_FAILED"):
            hook.send(message())
        thread.join()
    assert asked == ["made.example"]


def test_an_address_of_ipv6_is_reached():
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listening:
        port = listening.getsockname()[1]
        heard = []

        def answer():
            connection, _ = listening.accept()
            heard.append(connection.recv(65_536))
            connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        webhook(f"http://[::1]:{port}/", allowed=(ip_network("::1/128"),)).send(message())
        thread.join()
    assert f"host: [::1]:{port}".encode() in heard[0].lower()


def test_a_name_is_resolved_once_per_attempt_and_connected_to_by_what_was_judged():
    asked = []

    def answer_once(host, port):
        asked.append((host, port))
        # A second question would be answered with an address that must not be reached.
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    with Receiver() as receiver:
        hook = webhook(f"http://made.example:{receiver.port}/", ask=answer_once)
        hook.send(message())
        assert receiver.requests[0].headers["host"] == f"made.example:{receiver.port}"
        assert asked == [("made.example", receiver.port)]
        with pytest.raises(DeliveryError, match=r"10\.0\.0\.1"):
            hook.send(message())
        assert len(receiver.requests) == 1


def test_a_loopback_address_is_refused_where_nothing_is_allowed():
    with Receiver() as receiver:
        for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]"):
            with pytest.raises(DeliveryError, match="no public address"):
                webhook(f"http://{host}:{receiver.port}/", allowed=()).send(message())
        assert receiver.requests == []


def test_plain_text_to_a_public_address_is_refused():
    with pytest.raises(DeliveryError, match="not https"):
        webhook("http://made.example/", ask=lambda _host, _port: ["93.184.216.34"]).send(message())


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "gopher://made.example/", "no address", "//"]
)
def test_what_is_no_web_address_is_refused(url):
    with pytest.raises(DeliveryError) as refused:
        webhook(url).send(message())
    assert refused.value.is_final


def test_a_proxy_of_the_environment_is_not_used(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with Receiver() as receiver:
        webhook(receiver.url).send(message())
        assert len(receiver.requests) == 1


def test_a_network_that_is_none_is_refused_with_its_place():
    with pytest.raises(UsageError, match=r"targets\.desk\.allow_private"):
        parse_networks(["10.0.0.0/99"], "targets.desk.allow_private")


def test_nobody_listening_is_an_error_without_the_address():
    with pytest.raises(DeliveryError) as refused:
        webhook("http://127.0.0.1:1/secret-path-of-the-user").send(message())
    assert "secret-path" not in str(refused.value)
    assert not refused.value.is_final
