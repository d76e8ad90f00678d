"""A simulated OCSP responder and list server (máy chủ OCSP và CRL mô phỏng), real HTTP on loopback.

It signs real answers with the keys it is given and knows no law: what is revoked is what a test says. It
misbehaves on demand, as servers on the way to a verdict do: late, wrong, foreign, oversized. For tests and
for trying out the settings, never for production; its keys are the sandbox's.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from asn1crypto import ocsp as asn1_ocsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cryptography.hazmat.primitives.asymmetric import rsa

    from ebrvt_connect.testing.pki_issue import Identity

_HTML = b"<html><body>Dang bao tri</body></html>"
_VALID_FOR = timedelta(hours=1)
_DRIP_SECONDS = 0.05
_OVERSIZED = 256 * 1024


class Misbehaviour(StrEnum):
    """How the server answers instead of well (kiểu lỗi)."""

    DRIP = "drip"
    """A byte now and then, without end: no single wait is ever too long."""
    WRONG_SERIAL = "wrong-serial"
    """A good answer about another certificate."""
    EXPIRED = "expired"
    """Its nextUpdate lies in the past."""
    UNSIGNED = "unsigned"
    """The signature is broken."""
    WRONG_SIGNER = "wrong-signer"
    """Signed by `impostor`, under the same names."""
    UNKNOWN = "unknown"
    """It does not know the certificate."""
    TRY_LATER = "try-later"
    """Busy, in OCSP's own words; for lists HTTP 503."""
    HTML = "html"
    """A page with status 200, as gateways send."""
    OVERSIZED = "oversized"
    """More bytes than anybody wants."""
    REDIRECT = "redirect"
    """To `redirect_to`."""
    WRONG_NONCE = "wrong-nonce"
    """An answer to somebody else's question."""


@dataclass
class RevocationAuthority:
    """One authority's answers; everything may be changed while it serves."""

    issuer: Identity
    """Signs lists, and answers too unless there is a responder."""
    now: Callable[[], datetime]
    responder: Identity | None = None
    """A delegated responder; its certificate is sent along."""
    impostor: Identity | None = None
    """Whose key signs for `WRONG_SIGNER`."""
    revoked: dict[int, tuple[datetime, x509.ReasonFlags]] = field(default_factory=dict)
    """By serial number."""
    ocsp_fault: Misbehaviour | None = None
    crl_fault: Misbehaviour | None = None
    redirect_to: str = ""
    valid_for: timedelta = _VALID_FOR
    asked: list[str] = field(default_factory=list)
    """`ocsp` or `crl` for each request that came."""
    url: str = ""
    """Where it serves, while it does."""

    @property
    def ocsp_url(self) -> str:
        """The responder's address."""
        return f"{self.url}/ocsp"

    @property
    def crl_url(self) -> str:
        """The list's address."""
        return f"{self.url}/authority.crl"

    @contextmanager
    def serving(self) -> Iterator[RevocationAuthority]:
        """Serve on a free port of the loopback interface."""
        server = _Server(self)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield self
        finally:
            server.stopping.set()
            server.shutdown()
            server.server_close()
            thread.join(timeout=5)

    def revoke(
        self,
        certificate: x509.Certificate,
        at: datetime,
        reason: x509.ReasonFlags = x509.ReasonFlags.key_compromise,
    ) -> None:
        """Revoke, or with `certificate_hold` suspend."""
        self.revoked[certificate.serial_number] = (at, reason)

    def answer_ocsp(self, request: bytes) -> bytes:
        """The answer to a request (DER), misbehaving as told."""
        try:
            asked = ocsp.load_der_ocsp_request(request)
        except ValueError:
            return _refusal(ocsp.OCSPResponseStatus.MALFORMED_REQUEST)
        if self.ocsp_fault is Misbehaviour.TRY_LATER:
            return _refusal(ocsp.OCSPResponseStatus.TRY_LATER)
        signed = self._signed(asked)
        return _broken(signed) if self.ocsp_fault is Misbehaviour.UNSIGNED else signed

    def answer_about(self, certificate: x509.Certificate) -> bytes:
        """An answer as if somebody had asked about a certificate: for archives and files."""
        builder = ocsp.OCSPRequestBuilder().add_certificate(
            certificate,
            self.issuer.certificate,
            hashes.SHA1(),  # noqa: S303 - a name for the issuer
        )
        return self.answer_ocsp(builder.build().public_bytes(Encoding.DER))

    def list_now(self) -> bytes:
        """The revocation list of this moment (DER), misbehaving as told."""
        fault, now = self.crl_fault, self.now().replace(microsecond=0)
        made = now - 2 * self.valid_for if fault is Misbehaviour.EXPIRED else now
        signer = self._impostor() if fault is Misbehaviour.WRONG_SIGNER else self.issuer
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.issuer.certificate.subject)
            .last_update(made)
            .next_update(made + self.valid_for)
            .add_extension(x509.CRLNumber(int(made.timestamp())), critical=False)
        )
        for serial, (at, reason) in self.revoked.items():
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at)
            entry = entry.add_extension(x509.CRLReason(reason), critical=False)
            builder = builder.add_revoked_certificate(entry.build())
        signed = builder.sign(signer.key, hashes.SHA256()).public_bytes(Encoding.DER)
        return signed[:-1] + bytes([signed[-1] ^ 1]) if fault is Misbehaviour.UNSIGNED else signed

    def _signed(self, asked: ocsp.OCSPRequest) -> bytes:
        fault, now = self.ocsp_fault, self.now().replace(microsecond=0)
        made = now - 2 * self.valid_for if fault is Misbehaviour.EXPIRED else now
        serial = asked.serial_number + (fault is Misbehaviour.WRONG_SERIAL)
        at, reason = self.revoked.get(asked.serial_number, (None, None))
        status = ocsp.OCSPCertStatus.GOOD if at is None else ocsp.OCSPCertStatus.REVOKED
        if fault is Misbehaviour.UNKNOWN:
            status, at, reason = ocsp.OCSPCertStatus.UNKNOWN, None, None
        signer = self.responder or self.issuer
        builder = (
            ocsp.OCSPResponseBuilder()
            .add_response_by_hash(
                issuer_name_hash=asked.issuer_name_hash,
                issuer_key_hash=asked.issuer_key_hash,
                serial_number=serial,
                algorithm=asked.hash_algorithm,
                cert_status=status,
                this_update=made,
                next_update=made + self.valid_for,
                revocation_time=at,
                revocation_reason=reason,
            )
            .responder_id(ocsp.OCSPResponderEncoding.HASH, signer.certificate)
        )
        if self.responder is not None:
            builder = builder.certificates([self.responder.certificate])
        for extension in asked.extensions:
            if isinstance(extension.value, x509.OCSPNonce):
                foreign = fault is Misbehaviour.WRONG_NONCE
                nonce = x509.OCSPNonce(b"somebody else's") if foreign else extension.value
                builder = builder.add_extension(nonce, critical=False)
        key = (self._impostor() if fault is Misbehaviour.WRONG_SIGNER else signer).key
        return _produced(builder.sign(signer.key, hashes.SHA256()).public_bytes(Encoding.DER), now, key)

    def _impostor(self) -> Identity:
        if self.impostor is None:
            raise ValueError("WRONG_SIGNER needs an impostor")
        return self.impostor


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, authority: RevocationAuthority) -> None:
        self.authority = authority
        self.stopping = threading.Event()
        super().__init__(("127.0.0.1", 0), _Door)

    def handle_error(self, *_: object) -> None:
        """Whoever asked has gone before the end: that is what some faults are for."""


class _Door(BaseHTTPRequestHandler):
    """HTTP around the authority."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        """An OCSP request."""
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        authority = self.server.authority
        authority.asked.append("ocsp")
        if not self._misbehaved(authority.ocsp_fault):
            self._send(authority.answer_ocsp(body), "application/ocsp-response")

    def do_GET(self) -> None:
        """A request for the list."""
        authority = self.server.authority
        authority.asked.append("crl")
        if authority.crl_fault is Misbehaviour.TRY_LATER:
            self._send(b"", "text/plain", status=503)
        elif not self._misbehaved(authority.crl_fault):
            self._send(authority.list_now(), "application/pkix-crl")

    def log_message(self, *_: object) -> None:
        """Keep silent: the authority's journal is `asked`."""

    def _misbehaved(self, fault: Misbehaviour | None) -> bool:
        """Whether the fault has answered already."""
        if fault is Misbehaviour.HTML:
            self._send(_HTML, "text/html")
        elif fault is Misbehaviour.OVERSIZED:
            self._send(bytes(_OVERSIZED), "application/octet-stream")
        elif fault is Misbehaviour.REDIRECT:
            self._send(b"", "text/plain", status=302, location=self.server.authority.redirect_to)
        elif fault is Misbehaviour.DRIP:
            self._drip()
        else:
            return False
        return True

    def _send(self, body: bytes, kind: str, *, status: int = 200, location: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(body)

    def _drip(self) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        try:
            while not self.server.stopping.wait(_DRIP_SECONDS):
                self.wfile.write(b"\0")
                self.wfile.flush()
        except OSError:
            return  # whoever asked has had enough


def _refusal(status: ocsp.OCSPResponseStatus) -> bytes:
    return ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(Encoding.DER)


def _produced(answer: bytes, at: datetime, key: rsa.RSAPrivateKey) -> bytes:
    """The same, produced at a time: the library's builder knows no clock but the machine's."""
    basic = asn1_ocsp.OCSPResponse.load(answer).basic_ocsp_response
    content = basic["tbs_response_data"]
    content["produced_at"] = at
    signature = key.sign(content.dump(force=True), padding.PKCS1v15(), hashes.SHA256())
    return _with_signature(basic, signature)


def _broken(answer: bytes) -> bytes:
    """The same with one bit of its signature turned."""
    basic = asn1_ocsp.OCSPResponse.load(answer).basic_ocsp_response
    signature = bytearray(basic["signature"].native)
    signature[-1] ^= 1
    return _with_signature(basic, bytes(signature))


def _with_signature(basic: asn1_ocsp.BasicOCSPResponse, signature: bytes) -> bytes:
    basic["signature"] = signature
    content = {"response_type": "basic_ocsp_response", "response": basic}
    return bytes(asn1_ocsp.OCSPResponse({"response_status": "successful", "response_bytes": content}).dump())
