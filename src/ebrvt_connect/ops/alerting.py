"""Puts together who is told of incidents, and what of this machine is watched."""

from __future__ import annotations

import shutil
import socket
from contextlib import ExitStack
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ebrvt_connect.engine.incident_words import alert_of
from ebrvt_connect.engine.incidents import Alerting
from ebrvt_connect.errors import ConnectError, explain
from ebrvt_connect.ops.blob_place import disk_folders
from ebrvt_connect.ops.config import ConfigInvalid, secret_of
from ebrvt_connect.ops.config_model import Environment
from ebrvt_connect.ops.exposure import CONFIG_INSECURE, plain_http, stays_here
from ebrvt_connect.ops.named_check import Grade
from ebrvt_connect.ops.redaction import redacted_text
from ebrvt_connect.ports.alerts import Cause, Incident, What
from ebrvt_connect.transport.alerts import CommandSink, Mailbox, MailSink, WebhookSink
from ebrvt_connect.transport.http import HttpSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from ebrvt_connect.ops.config import LoadedConfig
    from ebrvt_connect.ops.config_model import AlertMailConfig, AlertWebhookConfig
    from ebrvt_connect.ports.alerts import AlertSink, Watch
    from ebrvt_connect.ports.clock import Clock

DISK_LOW = explain(
    "DISK_LOW",
    "Ổ đĩa tại {folder} chỉ còn {free} MB trống.",
    "Giải phóng dung lượng hoặc chuyển dữ liệu sang ổ khác trước khi ổ đầy; khi đầy, liên thông tạm dừng.",
)
CERTIFICATES_ENDING = explain(
    "CERTIFICATES_ENDING",
    "Có chứng thư đã hoặc sắp hết hạn: {which}",
    "Chuẩn bị chứng thư mới; xem từng chứng thư bằng ebrvt doctor.",
)
_CERTIFICATES_EVERY = timedelta(hours=1)
_NAMED = 5
NO_WATCHES: Mapping[str, Watch] = MappingProxyType({})


def alerting_of(
    loaded: LoadedConfig, clock: Clock, closing: ExitStack, watches: Mapping[str, Watch] = NO_WATCHES
) -> Alerting:
    """From the `[alerts]` table, with further `watches`; what is opened is closed with `closing`.

    Raises `ConfigInvalid` for a secret that is not there or a sink that production must not use, and
    `HeldForPerson` `TLS_FILE_UNUSABLE` for certificate files that cannot be used.
    """
    wanted = loaded.config.alerts
    return Alerting(
        sinks=tuple(_sinks(loaded, clock, closing)),
        watches={**dict(_watches(loaded, clock)), **watches},
        damp=wanted.damp,
        remind_every=wanted.remind_every,
        fetch_failing=wanted.fetch_failing,
        held_long=wanted.held_long,
        redact=redacted_text,
    )


def tried_sinks(loaded: LoadedConfig, clock: Clock) -> Iterator[tuple[str, ConnectError | None]]:
    """Send a trial message through each sink: its name, and why it did not go through; raises as above."""
    now = clock.now()
    trial = Incident(
        id=0,
        system="",
        code="TRIAL",
        place=socket.gethostname(),
        reason_vi="Đây là thông báo thử, không có sự cố nào.",
        advice_vi="Không cần làm gì.",
        opened_at=now,
        last_at=now,
        count=1,
    )
    with ExitStack() as closing:
        for sink in alerting_of(loaded, clock, closing).sinks:
            try:
                sink.send(alert_of(trial, What.OPENED))
            except ConnectError as failure:
                yield sink.name, failure
            else:
                yield sink.name, None


def _sinks(loaded: LoadedConfig, clock: Clock, closing: ExitStack) -> Iterator[AlertSink]:
    wanted = loaded.config.alerts
    if wanted.command is not None:
        yield CommandSink(wanted.command.argv, wanted.command.timeout.total_seconds())
    if wanted.webhook is not None:
        sink = _webhook(loaded, wanted.webhook, clock)
        closing.callback(sink.close)
        yield sink
    if wanted.smtp is not None:
        yield _mail(loaded, wanted.smtp, clock)


def _webhook(loaded: LoadedConfig, wanted: AlertWebhookConfig, clock: Clock) -> WebhookSink:
    if (exposed := plain_http(wanted.url, loaded)) is not None:
        _refuse_in_production(loaded, "alerts.webhook", exposed)
    place = urlsplit(wanted.url)
    settings = HttpSettings(
        url=f"{place.scheme}://{place.netloc}",
        ca=None if wanted.ca is None else loaded.resolve(wanted.ca),
        proxy=wanted.proxy,
    )
    token = "" if wanted.token is None else _secret(loaded, wanted.token, "alerts.webhook.token")
    return WebhookSink(settings, place.path or "/", token, clock)


def _mail(loaded: LoadedConfig, wanted: AlertMailConfig, clock: Clock) -> MailSink:
    if wanted.security == "none" and not stays_here(wanted.host):
        _refuse_in_production(loaded, "alerts.smtp", 'security = "none"')
    password = "" if wanted.password is None else _secret(loaded, wanted.password, "alerts.smtp.password")
    mailbox = Mailbox(
        host=wanted.host,
        port=wanted.port,
        security=wanted.security,
        sender=wanted.sender,
        to=wanted.to,
        username=wanted.username,
        password=password,
        ca=None if wanted.ca is None else loaded.resolve(wanted.ca),
    )
    return MailSink(mailbox, clock)


def _secret(loaded: LoadedConfig, reference: dict[str, object], key: str) -> str:
    return secret_of(reference, key, loaded.resolve)


def _refuse_in_production(loaded: LoadedConfig, key: str, what: str) -> None:
    if loaded.config.environment is Environment.PRODUCTION:
        detail = f"{loaded.path}: {key}: {what} is refused in production"
        raise ConfigInvalid(CONFIG_INSECURE, detail, system=key, what=what)


def _watches(loaded: LoadedConfig, clock: Clock) -> Iterator[tuple[str, Watch]]:
    least = loaded.config.alerts.disk_free
    if least is not None:
        yield "disk", lambda _now: _low_disks(loaded, least)
    yield "certificates", _CertificateWatch(loaded, clock)


def _low_disks(loaded: LoadedConfig, least: int) -> Iterator[Cause]:
    """At most one: folders of one disk fill together, and of two the fuller one is told."""
    free = {folder: shutil.disk_usage(folder).free for folder in disk_folders(loaded)}
    folder = min(free, key=lambda one: free[one], default=None)
    if folder is not None and free[folder] < least:
        yield Cause(
            code=DISK_LOW.code,
            reason_vi=DISK_LOW.sentence_vi.format(folder=folder, free=free[folder] // 1000**2),
            advice_vi=DISK_LOW.advice_vi,
        )


class _CertificateWatch:
    """Looks through the certificates once an hour: reading a trust folder takes a while."""

    def __init__(self, loaded: LoadedConfig, clock: Clock) -> None:
        self._loaded = loaded
        self._clock = clock
        self._again_at: datetime | None = None
        self._found: tuple[Cause, ...] = ()

    def __call__(self, now: datetime) -> tuple[Cause, ...]:
        if self._again_at is None or now >= self._again_at:
            # Not above: the daemon starts without it.
            from ebrvt_connect.ops.checks import certificates

            try:
                found = list(certificates(self._loaded, self._clock))
            except OSError:
                return self._found  # just being renewed, or for longer: that is told by itself
            ending = [result.cause_vi for result in found if result.grade is not Grade.PASS]
            self._found = (_ending(ending),) if ending else ()
            self._again_at = now + _CERTIFICATES_EVERY
        return self._found


def _ending(which: list[str]) -> Cause:
    named = " ".join(which[:_NAMED]) + (" …" if len(which) > _NAMED else "")
    return Cause(
        code=CERTIFICATES_ENDING.code,
        reason_vi=CERTIFICATES_ENDING.sentence_vi.format(which=named),
        advice_vi=CERTIFICATES_ENDING.advice_vi,
        count=len(which),
    )
