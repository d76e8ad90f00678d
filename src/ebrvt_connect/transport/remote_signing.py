"""A key at a remote signing service (ký số từ xa), as a `Signer`: a digest goes, a signature comes back.

The calls are those of the Cloud Signature Consortium's API, version 2: `credentials/info` once, then for
each signature `credentials/authorize` (with the PIN, bound to this very digest) and `signatures/signHash`.
National gateways wrap the same steps in words of their own; check `docs/operate/signing.md` against the
provider's contract before first use.

Each signature has a transaction number that follows from key, digest and algorithm, so asking for it twice
is asking for the same. A reply that was lost is asked after by that number before anything is sent again.
A PIN that was refused is not given a second time. What comes back is verified under the certificate.
"""

from __future__ import annotations

import hashlib
import re
import threading
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from ebrvt_connect.codec.jsonwire import json_value, write_json
from ebrvt_connect.errors import (
    ConnectError,
    Explanation,
    HeldForPerson,
    InvalidValue,
    ReconcileFirst,
    RetryLater,
    Scope,
    explain,
)
from ebrvt_connect.transport.credentials import TokenOrPassword
from ebrvt_connect.transport.failures import status_failure
from ebrvt_connect.transport.http import HttpRequest
from ebrvt_connect.transport.patience import with_patience
from ebrvt_connect.transport.signing_proof import (
    certified_key,
    chain_of,
    check_digest,
    given_pin,
    key_kind,
    proven,
    pss_parameters,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ebrvt_connect.ports.clock import Clock
    from ebrvt_connect.ports.signer import KeyKind
    from ebrvt_connect.transport.http import HttpReply, HttpTransport

REMOTE_PIN_REFUSED = explain(
    "REMOTE_PIN_REFUSED",
    "Dịch vụ ký số từ xa {system} không chấp nhận mã PIN; chương trình không thử lại để tránh bị khóa.",
    "Dịch vụ khóa chứng thư sau vài lần nhập sai mã PIN: đừng thử lại khi chưa chắc mã PIN. Hỏi lại người "
    "ký; chương trình chạy liên tục thì sửa mã PIN đã khai báo rồi khởi động lại.",
)
REMOTE_CREDENTIAL_UNUSABLE = explain(
    "REMOTE_CREDENTIAL_UNUSABLE",
    "Khóa ký tại dịch vụ ký số từ xa {system} không dùng được ({reason}).",
    "Kiểm tra mã chứng thư (credential_id) trong cấu hình và tình trạng chứng thư số tại nhà cung cấp.",
)
REMOTE_SIGNING_REFUSED = explain(
    "REMOTE_SIGNING_REFUSED",
    "Dịch vụ ký số từ xa {system} từ chối yêu cầu ký ({reason}).",
    "Gửi mã lỗi này cho nhà cung cấp dịch vụ; kiểm tra tài khoản và cấu hình rồi cho chạy tiếp.",
)
REMOTE_SIGNING_DECLINED = explain(
    "REMOTE_SIGNING_DECLINED",
    "Người ký không đồng ý ký trên dịch vụ ký số từ xa {system}; văn bản chưa được ký.",
    "Trao đổi với người ký; nếu đồng ý ký, gửi lại yêu cầu ký.",
)
REMOTE_SIGNING_AWAITED = explain(
    "REMOTE_SIGNING_AWAITED",
    "Dịch vụ ký số từ xa {system} đang chờ người ký xác nhận.",
    "Người ký mở ứng dụng của nhà cung cấp và xác nhận; chương trình đang chạy tự hỏi lại, không gửi yêu cầu "
    "thứ hai; với ebrvt sign, chạy lại kèm --again như đã báo.",
)
REMOTE_SIGNING_IN_DOUBT = explain(
    "REMOTE_SIGNING_IN_DOUBT",
    "Chưa rõ dịch vụ ký số từ xa {system} đã ký hay chưa: câu trả lời bị mất và chưa hỏi lại được.",
    "Không ký lại như lệnh mới. Chương trình đang chạy sẽ hỏi lại trước khi gửi; với ebrvt sign, chạy lại "
    "kèm --again như đã báo. Nếu kéo dài, kiểm tra đường truyền.",
)
REMOTE_SIGNING_NOT_ARRIVED = explain(
    "REMOTE_SIGNING_NOT_ARRIVED",
    "Yêu cầu ký chưa tới dịch vụ ký số từ xa {system}, hoặc phiên ủy quyền đã hết hạn.",
    "Không cần làm gì: chương trình tự gửi lại cùng yêu cầu đó.",
)

_DIGEST_OIDS: Final = {
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
}
_RSA_OIDS: Final = {
    "sha256": "1.2.840.113549.1.1.11",
    "sha384": "1.2.840.113549.1.1.12",
    "sha512": "1.2.840.113549.1.1.13",
}
_ECDSA_OIDS: Final = {
    "sha256": "1.2.840.10045.4.3.2",
    "sha384": "1.2.840.10045.4.3.3",
    "sha512": "1.2.840.10045.4.3.4",
}
_PSS_OID: Final = "1.2.840.113549.1.1.10"
_PIN_WORDS = frozenset({"invalid_pin", "invalid_auth_data", "invalid_otp", "credential_locked"})
_DECLINED_WORDS = frozenset({"user_declined", "access_denied"})
_STALE_WORDS = frozenset({"invalid_sad", "expired_sad"})
_WORD = re.compile(r"[a-z][a-z_]{1,39}\Z")
_LARGEST_REPLY_BYTES = 256 * 1024
_MOST_CERTIFICATES = 10
_NOT_FOUND = 404


class RemoteSigningSettings(BaseModel):
    """Which key at which service; where the service is stands in the transport's settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    credential_id: str = Field(min_length=1, max_length=200)
    """What the service calls the key (credentialID, serial number)."""
    account: TokenOrPassword
    """How the service knows our program (token, or sp_id with sp_password)."""
    base_path: str = "/csc/v2"
    """Before each operation's name."""
    certificate_sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """The signing certificate that is expected (hex); another one is refused."""
    prefer_pss: bool = False
    """Sign RSASSA-PSS instead of PKCS#1 v1.5."""
    deadline_seconds: float = Field(default=60.0, gt=0, le=300)
    """For each call."""
    tries: int = Field(default=3, ge=1, le=5)
    """Attempts within one signature, where nothing has happened at the service."""
    wait_seconds: float = Field(default=120.0, ge=0, le=600)
    """How long a signer may take to confirm on their device, before it is asked after later."""
    poll_seconds: float = Field(default=2.0, gt=0, le=60)
    """Between questions meanwhile."""
    settle_seconds: float = Field(default=90.0, ge=0, le=600)
    """How long an order whose reply was lost is asked after before it counts as never arrived: a slow service
    may still be at work on it, and a second order beside it would be signed, too."""


class _NotThere(Exception):
    """The service knows no such transaction."""


class RemoteSigner:
    """A certificate whose key a service holds; may be used by several threads."""

    def __init__(
        self,
        settings: RemoteSigningSettings,
        transport: HttpTransport,
        *,
        clock: Clock,
        pin: Callable[[], str] | None = None,
        system: str = "remote-signing",
        ask_first: bool = False,
    ) -> None:
        """Ask for the certificate. `pin` is called for each signature; the caller closes the transport.

        `ask_first`: a program that has ended may have ordered the same and not heard of it, so each order is
        asked after before it is sent.

        Raises `HeldForPerson` (scope system) `REMOTE_CREDENTIAL_UNUSABLE`, `REMOTE_SIGNING_REFUSED` or
        `SIGNING_CERTIFICATE_UNUSABLE`, and what the transport raises.
        """
        self._settings = settings
        self._transport = transport
        self._clock = clock
        self._pin = pin
        self._system = system
        self._lock = threading.Lock()
        self._in_doubt: set[str] = set()
        self._ask_first = ask_first
        self._pin_refused = False
        self._pin_known_good = pin is None
        self._certificates = self._asked_certificates()
        self._public = certified_key(self._certificates[0], system=system)

    @property
    def certificates_der(self) -> tuple[bytes, ...]:
        """The certificate and then its issuers, the root left out."""
        return self._certificates

    @property
    def key_kind(self) -> KeyKind:
        """What kind of key signs."""
        return key_kind(self._public)

    @property
    def prefers_pss(self) -> bool:
        """Whether CMS and PDF signatures shall be RSASSA-PSS."""
        return self._settings.prefer_pss and self.key_kind == "rsa"

    def __repr__(self) -> str:
        """Which service; nothing secret."""
        return f"<RemoteSigner {self._system!r}>"

    def sign_digest(self, digest: bytes, algorithm: str, *, pss: bool = False) -> bytes:
        """Have a digest signed.

        Raises `ValueError` as the port says; `HeldForPerson` `REMOTE_PIN_REFUSED` (scope system),
        `SIGNING_PIN_MISSING` (scope system),
        `REMOTE_SIGNING_REFUSED` (scope system), `REMOTE_SIGNING_DECLINED`, `SIGNATURE_OF_ANOTHER_KEY`;
        `RetryLater` when nothing has happened; `ReconcileFirst` `REMOTE_SIGNING_IN_DOUBT` or
        `REMOTE_SIGNING_AWAITED` when it may have: signing the same digest again asks after it first.
        """
        hashed = check_digest(digest, algorithm, self.key_kind, pss=pss)
        order = self._order(digest, algorithm, pss=pss)
        settings = self._settings
        if self._ask_first:
            self._doubt(order["clientData"], doubtful=True)
        value = with_patience(
            lambda: self._attempt(order),
            clock=self._clock,
            tries=settings.tries,
            limit_seconds=settings.deadline_seconds * settings.tries + settings.settle_seconds,
        )
        return proven(value, digest, hashed, self._public, pss=pss, system=self._system)

    # --- one signature -----------------------------------------------------------------------------

    def _order(self, digest: bytes, algorithm: str, *, pss: bool) -> dict[str, Any]:
        """What is to be signed and how; its transaction number names nothing but that."""
        rsa = self.key_kind == "rsa"
        method = _PSS_OID if pss else (_RSA_OIDS if rsa else _ECDSA_OIDS)[algorithm]
        named = f"{self._settings.credential_id}|{method}|{algorithm}|{digest.hex()}"
        order = {
            "credentialID": self._settings.credential_id,
            "hashes": [_text(digest)],
            "hashAlgorithmOID": _DIGEST_OIDS[algorithm],
            "signAlgo": method,
            "operationMode": "S",
            "clientData": hashlib.sha256(named.encode()).hexdigest(),
        }
        return order | ({"signAlgoParams": _text(pss_parameters(algorithm).dump())} if pss else {})

    def _attempt(self, order: dict[str, Any]) -> bytes:
        transaction = order["clientData"]
        with self._lock:
            doubtful = transaction in self._in_doubt
        if doubtful:
            return self._found_out(transaction)
        sad = self._authorized(order)
        self._doubt(transaction, doubtful=True)
        try:
            told = self._post("signatures/signHash", order | {"SAD": sad}, safe=False, key=transaction)
        except ReconcileFirst:
            return self._found_out(transaction)
        except ConnectError:
            self._doubt(transaction, doubtful=False)
            raise
        return self._settled(transaction, told)

    def _found_out(self, transaction: str) -> bytes:
        """What became of an order whose reply was lost."""
        try:
            return self._settled(transaction, self._known_of(transaction))
        except _NotThere as absence:
            self._doubt(transaction, doubtful=False)
            raise self._retry(REMOTE_SIGNING_NOT_ARRIVED, "the transaction is not known there") from absence
        except RetryLater as failure:
            raise self._unclear(REMOTE_SIGNING_IN_DOUBT, "asking after a lost reply failed") from failure
        except HeldForPerson as refusal:
            # Only the signer's own no ends the doubt; an account that may not ask has learnt nothing.
            if refusal.code == REMOTE_SIGNING_DECLINED.code:
                self._doubt(transaction, doubtful=False)
            raise

    def _known_of(self, transaction: str) -> dict[str, Any]:
        """What the service says of an order, once it knows it; raises `_NotThere` when it still does not."""
        ends_at = self._clock.monotonic() + self._settings.settle_seconds
        while True:
            try:
                return self._ask_after(transaction)
            except _NotThere:
                if self._clock.monotonic() + self._settings.poll_seconds > ends_at:
                    raise
                self._clock.sleep(self._settings.poll_seconds)

    def _settled(self, transaction: str, told: dict[str, Any]) -> bytes:
        """The signature, waiting for the signer's confirmation where that is wanted."""
        ends_at = self._clock.monotonic() + self._settings.wait_seconds
        asked = told.get("responseID")
        name = asked if isinstance(asked, str) and 0 < len(asked) <= 200 else transaction  # noqa: PLR2004 - an identifier
        while "signatures" not in told:
            if self._clock.monotonic() + self._settings.poll_seconds > ends_at:
                raise self._unclear(REMOTE_SIGNING_AWAITED, "the signer has not confirmed yet")
            self._clock.sleep(self._settings.poll_seconds)
            try:
                told = self._ask_after(name)
            except _NotThere as absence:
                raise self._unclear(REMOTE_SIGNING_IN_DOUBT, "a pending order is not known") from absence
            except RetryLater as failure:
                raise self._unclear(REMOTE_SIGNING_IN_DOUBT, "asking after an order failed") from failure
        value = _decoded(told["signatures"])
        if value is None:
            raise self._held(REMOTE_SIGNING_REFUSED, "expected one signature in Base64", reason="unreadable")
        self._doubt(transaction, doubtful=False)
        return value

    def _ask_after(self, name: str) -> dict[str, Any]:
        question = {"credentialID": self._settings.credential_id, "responseID": name}
        return self._post("signatures/signPolling", question, safe=True)

    def _authorized(self, order: dict[str, Any]) -> str:
        """Leave to sign this digest, once (SAD)."""
        if self._pin_refused:
            raise self._held(REMOTE_PIN_REFUSED, "refused before, not tried again")
        asked = {name: order[name] for name in ("credentialID", "hashes", "hashAlgorithmOID", "clientData")}
        asked["numSignatures"] = 1
        if self._pin is not None:
            asked["authData"] = [{"id": "PIN", "value": given_pin(self._pin(), system=self._system)}]
        # A PIN that never held must not be given again only because the answer to it was lost.
        told = self._post("credentials/authorize", asked, safe=self._pin_known_good)
        self._pin_known_good = True
        sad = told.get("SAD")
        if not isinstance(sad, str) or not sad:
            raise self._held(REMOTE_SIGNING_REFUSED, "expected SAD as text", reason="no_sad")
        return sad

    def _doubt(self, transaction: str, *, doubtful: bool) -> None:
        with self._lock:
            (self._in_doubt.add if doubtful else self._in_doubt.discard)(transaction)

    # --- the certificate ---------------------------------------------------------------------------

    def _asked_certificates(self) -> tuple[bytes, ...]:
        asked = {"credentialID": self._settings.credential_id, "certificates": "chain", "certInfo": False}
        told = self._post("credentials/info", asked, safe=True)
        key, certificate = told.get("key"), told.get("cert")
        if not isinstance(key, dict) or not isinstance(certificate, dict):
            raise self._held(REMOTE_CREDENTIAL_UNUSABLE, "expected key and cert", reason="thiếu thông tin")
        if key.get("status", "enabled") != "enabled":
            raise self._held(REMOTE_CREDENTIAL_UNUSABLE, "the key is not enabled", reason="khóa bị vô hiệu")
        if certificate.get("status", "valid") != "valid":
            reason = "chứng thư số hết hạn, bị thu hồi hoặc tạm dừng"
            raise self._held(REMOTE_CREDENTIAL_UNUSABLE, "the certificate is not valid", reason=reason)
        listed = certificate.get("certificates")
        found = [_one(text) for text in listed] if isinstance(listed, list) else []
        chain = [der for der in found if der is not None]
        if not chain or len(chain) != len(found) or len(chain) > _MOST_CERTIFICATES:
            reason = "không đọc được chứng thư số"
            raise self._held(REMOTE_CREDENTIAL_UNUSABLE, "expected certificates in Base64", reason=reason)
        expected = self._settings.certificate_sha256
        if expected is not None and hashlib.sha256(chain[0]).hexdigest() != expected:
            reason = "chứng thư số khác với certificate_sha256 đã khai báo"
            raise self._held(REMOTE_CREDENTIAL_UNUSABLE, "another certificate than expected", reason=reason)
        certified_key(chain[0], system=self._system)
        try:
            return chain_of(chain[0], tuple(chain[1:]))
        except ValueError:
            return (chain[0],)

    # --- the wire ----------------------------------------------------------------------------------

    def _post(self, operation: str, content: dict[str, Any], *, safe: bool, key: str = "") -> dict[str, Any]:
        headers = [
            ("Content-Type", "application/json; charset=utf-8"),
            ("Accept", "application/json"),
            ("Authorization", self._settings.account.authorization),
        ]
        if key:
            headers.append(("Idempotency-Key", key))
        reply = self._transport.send(
            HttpRequest(
                operation=operation,
                method="POST",
                path=f"{self._settings.base_path}/{operation}",
                headers=tuple(headers),
                body=write_json(content),
                safe=safe,
                deadline_seconds=self._settings.deadline_seconds,
                max_response_bytes=_LARGEST_REPLY_BYTES,
            )
        )
        told = _object(reply)
        if reply.ok and told is not None:
            return told
        raise self._refusal(reply, told, operation, safe=safe)

    def _refusal(
        self, reply: HttpReply, told: dict[str, Any] | None, operation: str, *, safe: bool
    ) -> Exception:
        """The service's error word; its description may quote what was sent and is not repeated."""
        word = told.get("error") if told else None
        if reply.ok or not isinstance(word, str) or not _WORD.match(word):
            return status_failure(reply, safe=safe, system=self._system, operation=operation)
        if reply.status == _NOT_FOUND and operation == "signatures/signPolling":
            return _NotThere()
        if word in _PIN_WORDS:
            self._pin_refused = True
            return self._held(REMOTE_PIN_REFUSED, f"{operation}: {word}")
        if word in _DECLINED_WORDS:
            return self._held(REMOTE_SIGNING_DECLINED, f"{operation}: {word}", scope=Scope.MESSAGE)
        if word in _STALE_WORDS:
            return self._retry(REMOTE_SIGNING_NOT_ARRIVED, f"{operation}: {word}")
        if reply.status in {408, 429} or reply.status >= 500:  # noqa: PLR2004 - busy or broken, whatever its word
            return status_failure(reply, safe=safe, system=self._system, operation=operation)
        return self._held(REMOTE_SIGNING_REFUSED, f"{operation}: {word}", reason=word)

    def _held(
        self, why: Explanation, detail: str, *, scope: Scope = Scope.SYSTEM, **facts: str
    ) -> HeldForPerson:
        return HeldForPerson(why, detail, scope=scope, system=self._system, operation="sign", **facts)

    def _retry(self, why: Explanation, detail: str) -> RetryLater:
        return RetryLater(why, detail, system=self._system, operation="sign")

    def _unclear(self, why: Explanation, detail: str) -> ReconcileFirst:
        return ReconcileFirst(why, detail, system=self._system, operation="sign")


def _object(reply: HttpReply) -> dict[str, Any] | None:
    try:
        value = json_value(reply.body)
    except InvalidValue:
        return None
    return value if isinstance(value, dict) else None


def _decoded(signatures: object) -> bytes | None:
    if not isinstance(signatures, list) or len(signatures) != 1:
        return None
    return _one(signatures[0])


def _one(text: object) -> bytes | None:
    try:
        return b64decode(text, validate=True) if isinstance(text, str) and text else None
    except ValueError:
        return None


def _text(content: bytes) -> str:
    return b64encode(content).decode("ascii")
