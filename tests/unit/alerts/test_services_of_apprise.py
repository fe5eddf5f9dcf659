"""Services through apprise: JSON, Telegram, Discord and e-mail against receivers on loopback."""

from __future__ import annotations

import json
import logging
import pickle
import socketserver
import threading

import pytest
from apprise.plugins.discord import NotifyDiscord
from apprise.plugins.telegram import NotifyTelegram
from msgspec import structs
from tests.reference.observations import START_MS, book, loading, seen
from tests.unit.alerts.receiver import Receiver

from forcedflow.alerts.desk import AlertDesk
from forcedflow.alerts.judge import judge
from forcedflow.alerts.message import DeliveryError, Message
from forcedflow.alerts.outbox import Outbox
from forcedflow.alerts.rule_state import RuleState
from forcedflow.alerts.rules_file import parse_rules
from forcedflow.alerts.secret import Secret
from forcedflow.alerts.targets import make_senders
from forcedflow.errors import UsageError

# Apprise looks for a module that Python is about to drop, and copes without it.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

TOKEN = "123456789:" + "AbCdEfGhIjKlMnOpQrStUvWxYz-01234567"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d494844520000000100000001080600000"
    "01f15c4890000000d49444154789c626001000000ffff030000060005"
    "57bfabd40000000049454e44ae426082"
)


def message(**stated):
    (rule,) = book("kind='loading_over'\nabove=75").rules
    made = seen(loading=loading(80))
    (alert,), _ = judge(rule, RuleState(), made, START_MS)
    return Message(alert, **stated)


def service(url, **stated):
    text = "[targets.desk]\nkind='apprise'\nurl_env='MADE_URL'"
    rules = book("kind='loading_over'\nabove=75", targets=text)
    return make_senders(rules, {"MADE_URL": url}, lambda: START_MS, **stated)["desk"]


def test_json_gets_the_text_with_its_id():
    with Receiver() as receiver:
        sent = message()
        service(f"json://127.0.0.1:{receiver.port}/x").send(sent)
        told = json.loads(receiver.requests[0].body)
    assert told["title"] == "BTC/USDT:USDT: loading 80 of 100"
    assert f"id: {sent.alert.id}" in told["message"]


def test_telegram_gets_the_text_and_the_picture(monkeypatch):
    with Receiver() as receiver:
        monkeypatch.setattr(NotifyTelegram, "notify_url", f"{receiver.url}/bot")
        sent = message(picture=PNG)
        service(f"tgram://{TOKEN}/12315544").send(sent)
        paths = [request.path for request in receiver.requests]
        bodies = b"".join(request.body for request in receiver.requests)
    assert all(path.startswith(f"/bot{TOKEN}/") for path in paths)
    assert any(path.endswith("/sendPhoto") for path in paths)
    assert sent.alert.id.encode() in bodies
    assert PNG in bodies


def test_discord_gets_the_text_and_the_picture(monkeypatch):
    with Receiver() as receiver:
        monkeypatch.setattr(NotifyDiscord, "notify_url", f"{receiver.url}/api/webhooks")
        sent = message(picture=PNG)
        service("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js").send(sent)
        bodies = b"".join(request.body for request in receiver.requests)
    assert sent.alert.id.encode() in bodies
    assert PNG in bodies


def test_a_text_too_long_for_a_service_comes_in_parts(monkeypatch):
    def refuse_long(request):
        return 200 if len(json.loads(request.body)["content"]) <= 2_000 else 400

    sent = message()
    reasons = tuple(f"reason {number}: {'x' * 90}" for number in range(40))
    sent = Message(structs.replace(sent.alert, reasons=reasons))
    with Receiver(refuse_long) as receiver:
        monkeypatch.setattr(NotifyDiscord, "notify_url", f"{receiver.url}/api/webhooks")
        monkeypatch.setattr(NotifyDiscord, "request_rate_per_sec", 0)
        service("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js").send(sent)
        told = "".join(json.loads(request.body)["content"] for request in receiver.requests)
    assert len(receiver.requests) > 1
    assert sent.alert.id in told
    assert all(f"reason {number}:" in told for number in range(40))


class _Mail(socketserver.StreamRequestHandler):
    """As much of SMTP as a client needs to leave a message."""

    def handle(self):
        self._say("220 made.example")
        while line := self.rfile.readline().strip():
            verb = line[:4].upper()
            if verb == b"DATA":
                self._say("354 go on")
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.mails.append(b"".join(lines))
                self._say("250 taken")
            elif verb == b"QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 made.example")

    def _say(self, text):
        self.wfile.write(f"{text}\r\n".encode())


@pytest.fixture
def mail_server():
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Mail)
    server.mails = []
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_mail_gets_the_text_and_the_picture(mail_server):
    port = mail_server.server_address[1]
    sent = message(picture=PNG)
    service(f"mailto://127.0.0.1:{port}?from=us@made.example&to=you@made.example").send(sent)
    (mail,) = mail_server.mails
    assert b"heatmap.png" in mail
    assert b"loading 80 of 100" in mail.replace(b"_", b" ").replace(b"=3A", b":")


def test_a_service_that_refuses_is_an_error_and_its_logs_show_no_secret(monkeypatch, caplog):
    with Receiver(lambda _: 403) as receiver, caplog.at_level(logging.DEBUG):
        monkeypatch.setattr(NotifyTelegram, "notify_url", f"{receiver.url}/bot")
        with pytest.raises(DeliveryError) as refused:
            service(f"tgram://{TOKEN}/12315544").send(message())
    shown = caplog.text + str(refused.value)
    assert "/bot***" in caplog.text  # the library does log its addresses
    assert TOKEN not in shown
    assert TOKEN.partition(":")[2] not in shown


SECRET_URL = "http://user:verysecret@127.0.0.1:1/verysecret-path?token=verysecret"  # noqa: S105 - made
SECRETS = {"MADE_URL": SECRET_URL, "MADE_KEY": "verysecret-key"}
WEBHOOK = """
[delivery]
follow_up = false
[targets.desk]
kind = "webhook"
url_env = "MADE_URL"
secret_env = "MADE_KEY"
allow_private = ["127.0.0.1/32"]
[[rules]]
name = "loaded"
kind = "loading_over"
above = 75
targets = ["desk"]
"""


def test_no_secret_shows_in_logs_errors_the_outbox_or_a_repr(tmp_path, caplog, capsys):
    rules = parse_rules(WEBHOOK)
    with caplog.at_level(logging.DEBUG):
        senders = make_senders(rules, SECRETS, lambda: START_MS)
        outbox = Outbox(tmp_path / "outbox.sqlite")
        desk = AlertDesk(rules, outbox, senders, lambda: START_MS)
        desk.observe(seen(loading=loading(80)))
        assert desk.deliver() == 0
    row = outbox.listed()[0].deliveries["desk"]
    assert row["problem"]
    outbox.close()
    held = b"".join(path.read_bytes() for path in tmp_path.iterdir()).decode(errors="replace")
    shown = capsys.readouterr()
    for text in (caplog.text, repr(senders), repr(desk), str(row), held, shown.out, shown.err):
        assert "verysecret" not in text


def test_a_secret_prints_as_stars_and_cannot_be_pickled():
    secret = Secret("tgram://token-of-the-user/1", "MADE_URL")
    assert (str(secret), repr(secret), f"{secret}") == ("Secret(MADE_URL=***)",) * 3
    assert secret.mask("POST /token-of-the-user/1 failed") == "POST /***/1 failed"
    with pytest.raises(TypeError):
        pickle.dumps(secret)


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({}, "the variable MADE_URL is not set"),
        ({"MADE_URL": "  "}, "the variable MADE_URL is not set"),
        ({"MADE_URL": SECRET_URL}, "the variable MADE_KEY is not set"),
        ({"MADE_URL": SECRET_URL, "MADE_KEY": "whsec_verysecret!"}, "MADE_KEY: begins with"),
    ],
)
def test_a_variable_that_is_not_set_is_named(variables, problem):
    with pytest.raises(UsageError) as refused:
        make_senders(parse_rules(WEBHOOK), variables, lambda: START_MS)
    assert problem in str(refused.value)
    assert "verysecret" not in str(refused.value)


@pytest.mark.parametrize("url", ["verysecret", "verysecret://x", "json://a verysecret://b"])
def test_an_address_that_apprise_does_not_know_is_refused_without_repeating_it(url):
    with pytest.raises(UsageError) as refused:
        service(url)
    assert "MADE_URL" in str(refused.value)
    assert "verysecret" not in str(refused.value)
