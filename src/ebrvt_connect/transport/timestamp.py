"""Asking a timestamp authority (tổ chức cấp dấu thời gian) for a token: RFC 3161.

Stamping changes nothing at the authority: a token that was made and lost on the way is a digest with a time
that nobody will see, and the next one is as good. So whatever goes wrong on the way is `RetryLater`, and is
tried again here a few times, each time with a nonce of its own. Authorities in use answer within two seconds
or two minutes, and bear no crowds: the time allowed is long, and few ask at once.

A token is looked at before it goes into a document: that it is about our digest, carries our nonce and,
where one was asked for, the right policy, and that it is signed by the certificate for time stamping that
came with it. Whether that authority is trusted is for `trust` to say.
"""

from __future__ import annotations

import hashlib
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from asn1crypto import cms, core, tsp, x509
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import BaseModel, ConfigDict, Field
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.validation.generic_cms import validate_sig_integrity

from ebrvt_connect.errors import ConnectError, HeldForPerson, RetryLater, Scope, explain
from ebrvt_connect.transport.clock import SystemClock
from ebrvt_connect.transport.failures import status_failure
from ebrvt_connect.transport.http import HttpRequest, HttpSettings, HttpTransport
from ebrvt_connect.transport.patience import with_patience
from ebrvt_connect.transport.signing_proof import DIGESTS
from ebrvt_connect.trust.cms_algorithms import digests_named
from ebrvt_connect.trust.signed_data import CmsMalformed, read_signed_data
from ebrvt_connect.trust.timestamps import is_for_timestamps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from cryptography.x509 import Certificate

    from ebrvt_connect.ports.clock import Clock

SYSTEM = "tsa"
OPERATION = "timestamp"

TIMESTAMP_REFUSED = explain(
    "TIMESTAMP_REFUSED",
    "Máy chủ cấp dấu thời gian từ chối yêu cầu ({reason}).",
    "Kiểm tra địa chỉ và chính sách cấp dấu thời gian trong cấu hình, rồi liên hệ tổ chức cấp dấu thời gian.",
)
TIMESTAMP_UNUSABLE = explain(
    "TIMESTAMP_UNUSABLE",
    "Máy chủ cấp dấu thời gian trả về dữ liệu không dùng được ({reason}).",
    "Chương trình sẽ tự thử lại. Nếu lặp lại, kiểm tra địa chỉ máy chủ và đường truyền.",
)
TIMESTAMP_QUEUE_FULL = explain(
    "TIMESTAMP_QUEUE_FULL",
    "Quá nhiều yêu cầu cấp dấu thời gian đang chờ; máy chủ cấp dấu thời gian trả lời chậm.",
    "Chương trình sẽ tự thử lại. Nếu kéo dài, liên hệ tổ chức cấp dấu thời gian.",
)

_GRANTED = frozenset({"granted", "granted_with_mods"})
_CURABLE = frozenset({"time_not_available", "system_failure"})
"""Refusals that time cures (RFC 3161, 2.4.2); any other will be repeated."""
_LARGEST_REPLY_BYTES = 256 * 1024
_DEADLINE_SECONDS = 180.0
_MOST_AT_ONCE = 4


class TimestampSettings(BaseModel):
    """Which authority, and with how much patience."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    transport: HttpSettings
    """Where it is; `read_seconds` is taken from `timeout_seconds`."""
    path: str = "/"
    """Below the transport's address."""
    policy_oid: str | None = Field(default=None, pattern=r"^[0-2](\.\d+)+$")
    """Ask for this policy, and insist on it."""
    timeout_seconds: float = Field(default=_DEADLINE_SECONDS, gt=0, le=_DEADLINE_SECONDS)
    """For one try."""
    tries: int = Field(default=3, ge=1, le=5)
    """For one timestamp, where what went wrong may pass."""
    at_once: int = Field(default=_MOST_AT_ONCE, ge=1, le=_MOST_AT_ONCE)
    """Requests on their way at the same time; others wait."""


class TimestampReply(core.Sequence):  # type: ignore[misc]
    """TimeStampResp of RFC 3161, 2.4.2: a refusal has no token, which asn1crypto's own class insists on."""

    _fields = [  # noqa: RUF012 - asn1crypto's way of declaring
        ("status", tsp.PKIStatusInfo),
        ("time_stamp_token", cms.ContentInfo, {"optional": True}),
    ]


class TimestampClient(TimeStamper):
    """Asks an authority through a plain function: request body in, reply body out.

    One may be shared by threads as far as its function may.
    """

    def __init__(
        self,
        ask: Callable[[bytes], bytes],
        *,
        policy_oid: str | None = None,
        tries: int = 1,
        timeout_seconds: float = _DEADLINE_SECONDS,
        at_once: int = _MOST_AT_ONCE,
        clock: Clock | None = None,
        on_asking: Callable[[], None] | None = None,
    ) -> None:
        """`ask` carries DER to the authority and back; the rest as in `TimestampSettings`.

        `on_asking` is called before each request: an answer may be minutes away, and somebody may watch.
        """
        super().__init__(include_nonce=True)  # type: ignore[no-untyped-call]
        self._ask = ask
        self._policy_oid = policy_oid
        self._tries = tries
        self._timeout_seconds = timeout_seconds
        self._places = threading.BoundedSemaphore(at_once)
        self._clock = clock or SystemClock()
        self._on_asking = on_asking

    @classmethod
    def over_http(
        cls, transport: HttpTransport, path: str = "/", *, policy_oid: str | None = None
    ) -> TimestampClient:
        """One try over HTTP as RFC 3161, 3.4 has it. The caller opens and closes the transport."""
        return cls(lambda request: _posted(transport, path, request), policy_oid=policy_oid)

    @classmethod
    @contextmanager
    def opened(
        cls,
        settings: TimestampSettings,
        *,
        clock: Clock | None = None,
        on_asking: Callable[[], None] | None = None,
    ) -> Iterator[Self]:
        """With everything the settings say, and a transport of its own; `on_asking` before each request.

        Raises `HeldForPerson` `TLS_FILE_UNUSABLE` for unusable certificate files.
        """
        now = clock or SystemClock()
        wanted = settings.transport.model_copy(update={"read_seconds": settings.timeout_seconds})
        transport = HttpTransport(wanted, system=SYSTEM, clock=SystemClock())
        try:
            yield cls(
                lambda request: _posted(transport, settings.path, request, settings.timeout_seconds),
                policy_oid=settings.policy_oid,
                tries=settings.tries,
                timeout_seconds=settings.timeout_seconds,
                at_once=settings.at_once,
                clock=now,
                on_asking=on_asking,
            )
        finally:
            transport.close()

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> cms.ContentInfo:
        """A token for a digest.

        Raises `HeldForPerson` `TIMESTAMP_REFUSED` (scope system) when the authority says no for good,
        `RetryLater` for anything that may pass and has not within the tries.
        """
        return self._patiently(message_digest, md_algorithm)

    def token_for(self, sha256: bytes) -> bytes:
        """A token (DER) for a SHA-256; raises as `async_timestamp`."""
        return bytes(self._patiently(sha256, "sha256").dump())

    def _patiently(self, digest: bytes, algorithm: str) -> cms.ContentInfo:
        return with_patience(
            lambda: self._one_try(digest, algorithm),
            clock=self._clock,
            tries=self._tries,
            limit_seconds=self._timeout_seconds * self._tries,
        )

    def _one_try(self, message_digest: bytes, md_algorithm: str) -> cms.ContentInfo:
        nonce, request = self.request_cms(message_digest, md_algorithm)  # type: ignore[no-untyped-call]
        if self._policy_oid is not None:
            request["req_policy"] = self._policy_oid
        if self._on_asking is not None:
            self._on_asking()
        with self._place():
            answer = self._ask(request.dump())
        try:
            _check_no_page(answer)
            reply = TimestampReply.load(answer, strict=True)
            _check_granted(reply)
            token = reply["time_stamp_token"]
            info = token["content"]["encap_content_info"]["content"].parsed
            _check_token(info, message_digest, md_algorithm, nonce, self._policy_oid)
            _check_signed(token["content"])
        except ConnectError:
            raise
        except Exception as failure:
            # asn1crypto reads lazily: a broken reply shows itself anywhere in here, in many ways.
            raise _unusable(type(failure).__name__) from failure
        return token

    @contextmanager
    def _place(self) -> Iterator[None]:
        """One of the few that may ask at once."""
        if not self._places.acquire(timeout=self._timeout_seconds):
            raise RetryLater(
                TIMESTAMP_QUEUE_FULL, "no place to ask became free", system=SYSTEM, operation=OPERATION
            )
        try:
            yield
        finally:
            self._places.release()


def _posted(
    transport: HttpTransport, path: str, request: bytes, deadline_seconds: float = _DEADLINE_SECONDS
) -> bytes:
    reply = transport.send(
        HttpRequest(
            operation=OPERATION,
            method="POST",
            path=path,
            headers=(
                ("Content-Type", "application/timestamp-query"),
                ("Accept", "application/timestamp-reply"),
            ),
            body=request,
            safe=True,
            deadline_seconds=deadline_seconds,
            max_response_bytes=_LARGEST_REPLY_BYTES,
        )
    )
    if not reply.ok:
        raise status_failure(reply, safe=True, system=SYSTEM, operation=OPERATION)
    return reply.body


@dataclass(frozen=True, slots=True)
class Stamped:
    """A token that holds by itself: its time, who made it, and the certificates that came along."""

    time: datetime
    authority: Certificate
    others: tuple[Certificate, ...]


def read_token(token: bytes, sha256: bytes) -> Stamped:
    """Read a kept token (DER) about this SHA-256; whether its authority is trusted is not looked at.

    Raises `RetryLater` `TIMESTAMP_UNUSABLE` for one about something else, changed or not readable.
    """
    try:
        content = cms.ContentInfo.load(token, strict=True)["content"]
        info = content["encap_content_info"]["content"].parsed
        _check_token(info, sha256, "sha256", info["nonce"].native, None)
        _check_signed(content)
        signed = read_signed_data(content, timestamp=True)
        return Stamped(info["gen_time"].native, signed.leaf, signed.others)
    except ConnectError:
        raise
    except Exception as failure:
        # As above: a changed token shows itself anywhere, in many ways.
        raise _unusable(type(failure).__name__) from failure


def _check_no_page(answer: bytes) -> None:
    """A proxy or a portal in between answers with a page, and often with 200."""
    if answer.lstrip()[:1] == b"<":
        raise _unusable("trang web thay cho dấu thời gian")


def _check_granted(reply: TimestampReply) -> None:
    status = reply["status"]
    if status["status"].native in _GRANTED:
        return
    reasons = frozenset(status["fail_info"].native or ())
    told = ", ".join(sorted(reasons)) or str(status["status"].native)
    detail = f"timestamp refused: {told}"
    if reasons & _CURABLE:
        raise RetryLater(TIMESTAMP_REFUSED, detail, system=SYSTEM, operation=OPERATION, reason=told)
    raise HeldForPerson(
        TIMESTAMP_REFUSED, detail, scope=Scope.SYSTEM, system=SYSTEM, operation=OPERATION, reason=told
    )


def _check_token(
    info: tsp.TSTInfo, digest: bytes, algorithm: str, nonce: int | None, policy_oid: str | None
) -> None:
    """Ours, fresh, and of the policy asked for."""
    imprint = info["message_imprint"]
    stamped = (imprint["hash_algorithm"]["algorithm"].native, imprint["hashed_message"].native)
    if stamped != (algorithm, digest):
        raise _unusable("dấu thời gian của nội dung khác")
    if info["nonce"].native != nonce:
        raise _unusable("nonce không khớp")
    if policy_oid is not None and info["policy"].dotted != policy_oid:
        raise _unusable("sai chính sách")


def _check_signed(content: cms.SignedData) -> None:
    """By the certificate that came along, which is for time stamping."""
    try:
        signed = read_signed_data(content, timestamp=True)
    except CmsMalformed as failure:
        raise _unusable(failure.reason_vi) from failure
    # By the verdict's own rules: a token it would set aside proves nothing to any receiver.
    if not is_for_timestamps(signed.leaf):
        raise _unusable("chứng thư không dành riêng cho cấp dấu thời gian")
    if not set(digests_named(signed.signer_info)) <= DIGESTS.keys():
        raise _unusable("thuật toán băm không còn an toàn")
    made = content["encap_content_info"]["content"].parsed["gen_time"].native
    if not signed.leaf.not_valid_before_utc <= made <= signed.leaf.not_valid_after_utc:
        raise _unusable("chứng thư của tổ chức cấp dấu thời gian hết hiệu lực")
    leaf = x509.Certificate.load(signed.leaf.public_bytes(Encoding.DER))
    inside = content["encap_content_info"]["content"].contents
    digest = signed.signer_info["digest_algorithm"]["algorithm"].native
    intact, valid = validate_sig_integrity(
        signed.signer_info, leaf, "tst_info", hashlib.new(digest, inside).digest()
    )
    if not (intact and valid):
        raise _unusable("chữ ký của dấu thời gian sai")


def _unusable(reason: str) -> RetryLater:
    return RetryLater(
        TIMESTAMP_UNUSABLE,
        f"timestamp reply cannot be used: {reason}",
        system=SYSTEM,
        operation=OPERATION,
        reason=reason,
    )
