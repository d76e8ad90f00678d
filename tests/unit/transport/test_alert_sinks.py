"""The sinks of alerts against real programs and real servers on loopback."""

import json
import socketserver
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from ebrvt_connect.engine.incident_words import alert_of
from ebrvt_connect.errors import RetryLater
from ebrvt_connect.ports.alerts import Incident, What
from ebrvt_connect.testing.clock import START, FakeClock
from ebrvt_connect.transport.alerts import CommandSink, Mailbox, MailSink, WebhookSink
from ebrvt_connect.transport.http import HttpSettings

PASSWORD = "mat-khau-thu-dien-tu"
TOKEN = "khoa-webhook-5d1c"
INCIDENT = Incident(
    id=7,
    system="cong",
    code="SYSTEM_AWAY",
    place="",
    reason_vi="Cổng không phục vụ được.",
    advice_vi="Báo đơn vị vận hành.",
    opened_at=datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC),
    last_at=START,
    count=10_000,
)
ALERT = alert_of(INCIDENT, What.OPENED)


# --- a program --------------------------------------------------------------------------------------


def command(code, seconds=20.0):
    return CommandSink((sys.executable, "-c", code), seconds)


def test_a_program_gets_the_alert_as_json_and_little_of_our_surroundings(tmp_path, monkeypatch):
    monkeypatch.setenv("EBRVT_SECRET", PASSWORD)
    out = tmp_path / "told.json"
    code = "import json, os, sys; json.dump([json.load(sys.stdin), dict(os.environ)], open(sys.argv[1], 'w'))"
    CommandSink((sys.executable, "-c", code, str(out)), 20.0).send(ALERT)
    told, environment = json.loads(out.read_text())
    assert (told["what"], told["id"]) == ("opened", "7-SYSTEM_AWAY-20261123T010203Z-opened")
    assert told["subject"] == "[ebrvt] Sự cố số 7: cong SYSTEM_AWAY"
    assert (told["incident"]["count"], told["incident"]["closed_at"]) == (10_000, None)
    assert PASSWORD not in str(environment)


@pytest.mark.parametrize(
    ("sink", "why"),
    [
        (command("raise SystemExit(3)"), "exit 3"),
        (command("import time; time.sleep(60)", 0.2), "TimeoutExpired"),
        (CommandSink(("/nirgends/kein-programm",), 5.0), "FileNotFoundError"),
    ],
)
def test_a_program_that_fails_hangs_or_is_not_there_has_not_sent_it(sink, why):
    with pytest.raises(RetryLater) as failure:
        sink.send(ALERT)
    assert (failure.value.code, why in failure.value.explanation_vi) == ("ALERT_NOT_SENT", True)


# --- a web address ----------------------------------------------------------------------------------


@contextmanager
def serving(server):
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def web(status, heard):
    class Answer(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.append((self.path, dict(self.headers), json.loads(body)))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_):
            pass

    return HTTPServer(("127.0.0.1", 0), Answer)


def test_a_web_address_gets_the_alert_with_its_token_and_an_id_to_tell_repeats_by():
    heard = []
    with serving(web(200, heard)) as port:
        sink = WebhookSink(HttpSettings(url=f"http://127.0.0.1:{port}"), "/bao/su-co", TOKEN, FakeClock())
        sink.send(ALERT)
        sink.close()
    ((path, headers, body),) = heard
    assert (path, headers["Authorization"]) == ("/bao/su-co", f"Bearer {TOKEN}")
    assert headers["Idempotency-Key"] == body["id"] == ALERT.id
    assert body["text"].startswith("Sự cố: Cổng không phục vụ được. [SYSTEM_AWAY]\nHệ thống: cong\n")


@pytest.mark.parametrize("status", [302, 401, 404, 500])
def test_a_web_address_that_does_not_take_it_has_not(status):
    with serving(web(status, [])) as port:
        sink = WebhookSink(HttpSettings(url=f"http://127.0.0.1:{port}"), "/", TOKEN, FakeClock())
        with pytest.raises(RetryLater) as failure:
            sink.send(ALERT)
        sink.close()
    assert failure.value.code == "ALERT_NOT_SENT"
    assert TOKEN not in f"{failure.value} {failure.value.explanation_vi}"


def test_a_web_address_nobody_listens_at_has_not_taken_it():
    sink = WebhookSink(HttpSettings(url="http://127.0.0.1:9"), "/", "", FakeClock())
    with pytest.raises(RetryLater, match="REMOTE_REFUSED_CONNECTION"):
        sink.send(ALERT)
    sink.close()


# --- a mailbox --------------------------------------------------------------------------------------


class Post(socketserver.StreamRequestHandler):
    """As much of a mail server as a client needs; `server.refuses` names a command it says no to."""

    def handle(self):
        self._say("220 thu.test")
        while line := self.rfile.readline().decode().strip():
            word = line.split(":", maxsplit=1)[0].split(" ", maxsplit=1)[0].upper()
            self.server.said.append(line)
            if word == self.server.refuses:
                self._say(f"535 no, not {PASSWORD}")
            elif word == "EHLO":
                offers = ["AUTH PLAIN", *(["STARTTLS"] if self.server.context else [])]
                self._say("250-thu.test")
                for offer in offers[:-1]:
                    self._say(f"250-{offer}")
                self._say(f"250 {offers[-1]}")
            elif word == "STARTTLS":
                self._say("220 go on")
                self.request = self.server.context.wrap_socket(self.request, server_side=True)
                self.setup()
            elif word == "AUTH":
                self._say("235 welcome")
            elif word == "DATA":
                self._say("354 go on")
                self.server.mails.append(self._mail())
                self._say("250 taken")
            elif word == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _say(self, line):
        self.wfile.write(f"{line}\r\n".encode())

    def _mail(self):
        lines = iter(self.rfile.readline, b".\r\n")
        return message_from_bytes(b"".join(lines), policy=policy.default)


@contextmanager
def post(*, refuses="", context=None):
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Post)
    server.refuses, server.context, server.said, server.mails = refuses, context, [], []
    server.daemon_threads = True
    with serving(server) as port:
        yield server, port


def mailbox(port, **changes):
    wanted = {
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "sender": "ebrvt@tinh.gov.vn",
        "to": ("truc@tinh.gov.vn", "cntt@tinh.gov.vn"),
        **changes,
    }
    return MailSink(Mailbox(**wanted), FakeClock())


def test_a_mailbox_gets_one_mail_that_can_be_told_from_its_repeats():
    with post() as (server, port):
        mailbox(port).send(ALERT)
        mailbox(port).send(ALERT)
    first, second = server.mails
    assert first["Subject"] == "[ebrvt] Sự cố số 7: cong SYSTEM_AWAY"
    assert (first["From"], first["To"]) == ("ebrvt@tinh.gov.vn", "truc@tinh.gov.vn, cntt@tinh.gov.vn")
    assert first["Message-ID"] == second["Message-ID"] == f"<{ALERT.id}@tinh.gov.vn>"
    assert "Số lượng: 10000" in first.get_content()
    assert first["Auto-Submitted"] == "auto-generated"


def test_a_password_goes_over_tls_only_and_to_whom_the_authority_vouches_for(tls, ca_file):
    with post(context=tls()) as (server, port):
        mailbox(port, security="starttls", ca=ca_file, username="ebrvt", password=PASSWORD).send(ALERT)
    assert [line.split()[0].upper() for line in server.said][:4] == ["EHLO", "STARTTLS", "EHLO", "AUTH"]
    with post(context=tls("mail.elsewhere.test")) as (server, port), pytest.raises(RetryLater):
        mailbox(port, security="starttls", ca=ca_file, username="ebrvt", password=PASSWORD).send(ALERT)
    assert server.mails == []
    assert "AUTH" not in str(server.said)


def test_a_server_without_tls_is_told_no_password():
    with post() as (server, port), pytest.raises(RetryLater, match="SMTPNotSupportedError"):
        mailbox(port, security="starttls", username="ebrvt", password=PASSWORD).send(ALERT)
    assert not [line for line in server.said if line.upper().startswith("AUTH")]


@pytest.mark.parametrize("refuses", ["AUTH", "RCPT", "MAIL"])
def test_a_mail_server_that_says_no_has_not_taken_it_and_its_words_are_not_repeated(refuses):
    with post(refuses=refuses) as (_, port), pytest.raises(RetryLater) as failure:
        mailbox(port, username="ebrvt", password=PASSWORD).send(ALERT)
    assert failure.value.code == "ALERT_NOT_SENT"
    assert PASSWORD not in f"{failure.value} {failure.value.explanation_vi}"
    assert failure.value.__cause__ is None


def test_a_mail_server_nobody_listens_at_has_not_taken_it():
    with pytest.raises(RetryLater, match="ConnectionRefusedError"):
        mailbox(9).send(ALERT)
