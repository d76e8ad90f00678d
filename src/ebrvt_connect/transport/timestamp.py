"""Asking a timestamp authority (tổ chức cấp dấu thời gian) for a token: RFC 3161.

Stamping changes nothing at the authority, so whatever goes wrong on the way is `RetryLater`. A token is
looked at before it goes into a document: that it is about our digest, carries our nonce and, where one
was asked for, the right policy. Whether the authority is trusted is for `trust` to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asn1crypto import cms, core, tsp
from pyhanko.sign.timestamps import TimeStamper

from ebrvt_connect.errors import ConnectError, HeldForPerson, RetryLater, Scope, explain
from ebrvt_connect.transport.failures import status_failure
from ebrvt_connect.transport.http import HttpRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from ebrvt_connect.transport.http import HttpTransport

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

_GRANTED = frozenset({"granted", "granted_with_mods"})
_CURABLE = frozenset({"time_not_available", "system_failure"})
"""Refusals that time cures (RFC 3161, 2.4.2); any other will be repeated."""
_LARGEST_REPLY_BYTES = 256 * 1024
_DEADLINE_SECONDS = 180.0
"""Authorities in use answer within two seconds or two minutes."""


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

    def __init__(self, ask: Callable[[bytes], bytes], *, policy_oid: str | None = None) -> None:
        """`ask` carries DER to the authority and back; `policy_oid` asks for one policy and insists on it."""
        super().__init__(include_nonce=True)  # type: ignore[no-untyped-call]
        self._ask = ask
        self._policy_oid = policy_oid

    @classmethod
    def over_http(
        cls, transport: HttpTransport, path: str = "/", *, policy_oid: str | None = None
    ) -> TimestampClient:
        """Over HTTP as RFC 3161, 3.4 has it. The caller opens and closes the transport."""
        return cls(lambda request: _posted(transport, path, request), policy_oid=policy_oid)

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> cms.ContentInfo:
        """A token for a digest.

        Raises `HeldForPerson` `TIMESTAMP_REFUSED` (scope system) when the authority says no for good,
        `RetryLater` for anything that may pass.
        """
        nonce, request = self.request_cms(message_digest, md_algorithm)  # type: ignore[no-untyped-call]
        if self._policy_oid is not None:
            request["req_policy"] = self._policy_oid
        answer = self._ask(request.dump())
        try:
            reply = TimestampReply.load(answer, strict=True)
            _check_granted(reply)
            token = reply["time_stamp_token"]
            info = token["content"]["encap_content_info"]["content"].parsed
            _check_token(info, message_digest, md_algorithm, nonce, self._policy_oid)
        except ConnectError:
            raise
        except Exception as failure:
            # asn1crypto reads lazily: a broken reply shows itself anywhere in here, in many ways.
            raise _unusable(type(failure).__name__) from failure
        return token


def _posted(transport: HttpTransport, path: str, request: bytes) -> bytes:
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
            deadline_seconds=_DEADLINE_SECONDS,
            max_response_bytes=_LARGEST_REPLY_BYTES,
        )
    )
    if not reply.ok:
        raise status_failure(reply, safe=True, system=SYSTEM, operation=OPERATION)
    return reply.body


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


def _unusable(reason: str) -> RetryLater:
    return RetryLater(
        TIMESTAMP_UNUSABLE,
        f"timestamp reply cannot be used: {reason}",
        system=SYSTEM,
        operation=OPERATION,
        reason=reason,
    )
