"""Where alerts go: a program of the operator's, a web address, a mailbox.

Each sends one message and says whether it went through; what did not is sent again by whoever keeps the
incidents. Nothing that a sink is told in its settings ever stands in what it says went wrong.
"""

from __future__ import annotations

import json
import os
import smtplib
import ssl
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from typing import TYPE_CHECKING, Literal

from ebrvt_connect.errors import ConnectError, RetryLater, explain
from ebrvt_connect.ports.alerts import Alert
from ebrvt_connect.transport.failures import status_failure
from ebrvt_connect.transport.http import HttpRequest, HttpSettings, HttpTransport
from ebrvt_connect.transport.tls import client_context

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from ebrvt_connect.ports.clock import Clock

ALERT_NOT_SENT = explain(
    "ALERT_NOT_SENT",
    "Không gửi được cảnh báo qua kênh {sink}: {why}.",
    "Kiểm tra mục alerts.{sink} trong cấu hình và kênh cảnh báo đó; chương trình tự gửi lại, liên thông "
    "không dừng.",
)
_ANSWERED_BYTES = 64 * 1024


class CommandSink:
    """Runs a program for each alert (chạy lệnh): the alert as JSON on its standard input."""

    name = "command"

    def __init__(self, argv: Sequence[str], timeout_seconds: float) -> None:
        """`argv` is run as it is, by no shell; it must end with 0 within the time."""
        self._argv = tuple(argv)
        self._timeout = timeout_seconds

    def send(self, alert: Alert) -> None:
        """Raises `RetryLater` `ALERT_NOT_SENT` where it cannot be run, takes too long or ends otherwise."""
        try:
            done = subprocess.run(
                self._argv,
                input=alert_json(alert),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"},
                timeout=self._timeout,
                check=False,
                start_new_session=True,
            )
        except (OSError, subprocess.SubprocessError) as failure:
            raise _not_sent(self.name, type(failure).__name__) from failure
        if done.returncode:
            raise _not_sent(self.name, f"exit {done.returncode}")


class WebhookSink:
    """Posts each alert as JSON to a web address (webhook)."""

    name = "webhook"

    def __init__(self, settings: HttpSettings, path: str, token: str, clock: Clock) -> None:
        """`path` below the settings' address; `token` goes along as `Authorization: Bearer`, if there is one.

        Raises `HeldForPerson` `TLS_FILE_UNUSABLE` for unusable certificate files.
        """
        self._transport = HttpTransport(settings, system="alerts.webhook", clock=clock)
        self._path = path
        bearer = (("Authorization", f"Bearer {token}"),) if token else ()
        self._headers = (("Content-Type", "application/json; charset=utf-8"), *bearer)

    def send(self, alert: Alert) -> None:
        """Raises `RetryLater` `ALERT_NOT_SENT` unless it is answered with success.

        The alert's id goes along as `Idempotency-Key`: one that comes twice, after a cut, can be told.
        """
        request = HttpRequest(
            operation="alert",
            method="POST",
            path=self._path,
            headers=(*self._headers, ("Idempotency-Key", alert.id)),
            body=alert_json(alert),
            safe=True,
            max_response_bytes=_ANSWERED_BYTES,
        )
        try:
            reply = self._transport.send(request)
            if not reply.ok:
                raise status_failure(reply, safe=True, system="alerts.webhook", operation="alert")
        except ConnectError as error:
            raise _not_sent(self.name, error.code) from error

    def close(self) -> None:
        """Close its connections."""
        self._transport.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """The mail server, and who writes to whom."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    sender: str
    to: tuple[str, ...]
    username: str = ""
    password: str = ""
    ca: Path | None = None
    timeout_seconds: float = 30.0


class MailSink:
    """Sends each alert as a mail (thư điện tử)."""

    name = "smtp"

    def __init__(self, mailbox: Mailbox, clock: Clock) -> None:
        """Connects for each mail anew. Raises `HeldForPerson` `TLS_FILE_UNUSABLE` as the others."""
        self._mailbox = mailbox
        self._clock = clock
        self._context = None if mailbox.security == "none" else client_context(system="smtp", ca=mailbox.ca)
        if self._context is not None:
            self._context.sslsocket_class = ssl.SSLSocket  # mail has no deadlines of our own

    def send(self, alert: Alert) -> None:
        """Raises `RetryLater` `ALERT_NOT_SENT` where the server takes it for none of the recipients."""
        mail = mail_of(alert, self._mailbox, self._clock.now())
        try:
            with self._connected() as server:
                server.send_message(mail, self._mailbox.sender, self._mailbox.to)
        except smtplib.SMTPResponseException as failure:
            raise _not_sent(self.name, f"SMTP {failure.smtp_code}") from None
        except (smtplib.SMTPException, OSError) as failure:
            # What a server says may repeat the name and password it was given.
            raise _not_sent(self.name, type(failure).__name__) from None

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        box = self._mailbox
        if box.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                box.host, box.port, timeout=box.timeout_seconds, context=self._context
            )
        else:
            server = smtplib.SMTP(box.host, box.port, timeout=box.timeout_seconds)
        with server:
            if box.security == "starttls":
                server.starttls(context=self._context)
            if box.username:
                server.login(box.username, box.password)
            yield server


def alert_json(alert: Alert) -> bytes:
    """An alert as programs get it."""
    incident = alert.incident
    told = {
        "id": alert.id,
        "what": alert.what.value,
        "subject": alert.subject_vi,
        "text": alert.text_vi,
        "incident": {
            "id": incident.id or None,
            "system": incident.system,
            "code": incident.code,
            "place": incident.place,
            "reason_vi": incident.reason_vi,
            "advice_vi": incident.advice_vi,
            "opened_at": incident.opened_at.isoformat(),
            "last_at": incident.last_at.isoformat(),
            "count": incident.count,
            "closed_at": None if incident.closed_at is None else incident.closed_at.isoformat(),
            "closed_by": incident.closed_by,
        },
    }
    return json.dumps(told, ensure_ascii=False).encode()


def mail_of(alert: Alert, mailbox: Mailbox, now: datetime) -> EmailMessage:
    """An alert as a mail; the same `Message-ID` whenever it is sent."""
    mail = EmailMessage()
    mail["From"] = Address(addr_spec=mailbox.sender)
    mail["To"] = tuple(Address(addr_spec=to) for to in mailbox.to)
    mail["Subject"] = alert.subject_vi.replace("\n", " ")
    mail["Date"] = now
    mail["Message-ID"] = f"<{alert.id}@{mailbox.sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(alert.text_vi)
    return mail


def _not_sent(sink: str, why: str) -> RetryLater:
    return RetryLater(
        ALERT_NOT_SENT, f"the alert did not go through: {why}", system=f"alerts.{sink}", sink=sink, why=why
    )
