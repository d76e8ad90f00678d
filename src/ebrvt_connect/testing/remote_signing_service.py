"""A remote signing service (dịch vụ ký số từ xa) that is simulated: CSC API version 2, with its suspicion.

It checks what a real one would: the account, the PIN (three wrong ones lock the key), that leave to sign
(SAD) is fresh, used once and for the digest it was given for, that digest, algorithm and key fit together,
and that a transaction number is not used for something else. It signs once for each transaction, and can
lose replies, ask for the signer's confirmation, be busy, and be slower than a proxy in between has patience.
"""

from __future__ import annotations

import json
import secrets
import threading
from base64 import b64decode, b64encode
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from asn1crypto import algos

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from ebrvt_connect.ports.clock import Clock
    from ebrvt_connect.ports.signer import Signer

BASE_PATH = "/csc/v2"
SAD_LIFETIME = timedelta(minutes=5)
TRIES_BEFORE_LOCK = 3
LARGEST_REQUEST_BYTES = 64 * 1024
_DIGESTS = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
_DIGEST_BYTES = {"sha256": 32, "sha384": 48, "sha512": 64}
_PSS = "1.2.840.113549.1.1.10"
_METHODS = {
    "1.2.840.113549.1.1.11": ("rsa", "sha256"),
    "1.2.840.113549.1.1.12": ("rsa", "sha384"),
    "1.2.840.113549.1.1.13": ("rsa", "sha512"),
    "1.2.840.10045.4.3.2": ("ec", "sha256"),
    "1.2.840.10045.4.3.3": ("ec", "sha384"),
    "1.2.840.10045.4.3.4": ("ec", "sha512"),
}


@dataclass(slots=True)
class HeldKey:
    """A key the service holds for somebody."""

    signer: Signer
    pin: str
    key_status: str = "enabled"
    certificate_status: str = "valid"
    confirms: bool = False
    """Whether the signer must confirm each signature on a device of theirs."""
    wrong_pins: int = 0


@dataclass(slots=True)
class _Leave:
    credential: str
    hashes: list[str]
    until: datetime


@dataclass(slots=True)
class _Transaction:
    asked: dict[str, Any]
    signature: bytes
    name: str
    confirmed: bool
    declined: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP status with what is written as JSON."""

    status: int
    content: dict[str, Any]


class _Refused(Exception):
    def __init__(self, word: str, status: int = 400) -> None:
        super().__init__(word)
        self.answer = Answer(status, {"error": word, "error_description": f"simulated: {word}"})


@dataclass
class RemoteSigningService:
    """The service; several threads may call it."""

    keys: Mapping[str, HeldKey]
    """By credentialID."""
    authorization: str
    """The `Authorization` header it accepts."""
    clock: Clock
    made: Counter[str] = field(default_factory=Counter)
    """Signatures made with each key: what a provider would bill."""
    calls: list[str] = field(default_factory=list)
    """Operations as they came."""
    lose: list[str] = field(default_factory=list)
    """Operations whose next reply is lost after the work is done, once for each time it is named."""
    drop: list[str] = field(default_factory=list)
    """The same, but the request never arrives."""
    busy: list[str] = field(default_factory=list)
    """Operations answered `503` once for each time they are named, with nothing done."""
    slow: list[str] = field(default_factory=list)
    """Operations whose next request is taken, cut off by a proxy, and worked on only after `slow_seconds`."""
    slow_seconds: float = 131.0
    """By the service's clock; nothing is known of the order meanwhile."""
    _late: list[tuple[datetime, str, Mapping[str, str], bytes]] = field(default_factory=list)
    _leaves: dict[str, _Leave] = field(default_factory=dict)
    _transactions: dict[str, _Transaction] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, operation: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer one call; `headers` by lower-case name."""
        with self._lock:
            self._catch_up()
            self.calls.append(operation)
            try:
                return Answer(200, self._answered(operation, headers, body))
            except _Refused as refusal:
                return refusal.answer

    def take_late(self, operation: str, headers: Mapping[str, str], body: bytes) -> None:
        """Take a request that is worked on after `slow_seconds`, whoever still waits for the answer."""
        with self._lock:
            self._late.append(
                (self.clock.now() + timedelta(seconds=self.slow_seconds), operation, headers, body)
            )

    def _catch_up(self) -> None:
        due = [late for late in self._late if self.clock.now() >= late[0]]
        self._late = [late for late in self._late if late not in due]
        for _, operation, headers, body in due:
            with suppress(_Refused):
                self._answered(operation, headers, body)

    def confirm(self, *, agree: bool = True) -> None:
        """Everybody who was asked confirms (or declines) on their device."""
        with self._lock:
            for transaction in self._transactions.values():
                if not transaction.confirmed:
                    transaction.confirmed, transaction.declined = True, not agree

    def _answered(self, operation: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        if not secrets.compare_digest(headers.get("authorization", "").encode(), self.authorization.encode()):
            raise _Refused("invalid_token", 401)
        try:
            asked = json.loads(body)
        except ValueError:
            raise _Refused("invalid_request") from None
        if not isinstance(asked, dict):
            raise _Refused("invalid_request")
        key = self.keys.get(str(asked.get("credentialID")))
        if key is None:
            raise _Refused("invalid_credential")
        if operation == "credentials/info":
            return _info(key)
        if operation == "credentials/authorize":
            return self._authorized(key, asked)
        if operation == "signatures/signHash":
            return self._signed(key, asked, headers.get("idempotency-key", ""))
        if operation == "signatures/signPolling":
            return self._told_again(asked)
        raise _Refused("invalid_operation", 404)

    def _authorized(self, key: HeldKey, asked: dict[str, Any]) -> dict[str, Any]:
        if key.wrong_pins >= TRIES_BEFORE_LOCK:
            raise _Refused("credential_locked")
        given = [a.get("value") for a in asked.get("authData", []) if a.get("id") == "PIN"]
        if given != [key.pin]:
            key.wrong_pins += 1
            raise _Refused("invalid_pin")
        key.wrong_pins = 0
        _digest_of(asked)
        if asked.get("numSignatures") != 1:
            raise _Refused("invalid_request")
        sad = secrets.token_urlsafe(24)
        self._leaves[sad] = _Leave(
            asked["credentialID"], list(asked["hashes"]), self.clock.now() + SAD_LIFETIME
        )
        return {"SAD": sad, "expiresIn": int(SAD_LIFETIME.total_seconds())}

    def _signed(self, key: HeldKey, asked: dict[str, Any], transaction: str) -> dict[str, Any]:
        leave = self._leaves.pop(str(asked.pop("SAD", "")), None)
        if leave is None or (leave.credential, leave.hashes) != (asked["credentialID"], asked.get("hashes")):
            raise _Refused("invalid_sad")
        if self.clock.now() > leave.until:
            raise _Refused("expired_sad")
        if not transaction or transaction != asked.get("clientData"):
            raise _Refused("invalid_request")
        known = self._transactions.get(transaction)
        if known is not None:
            if known.asked != asked:
                raise _Refused("idempotency_conflict", 409)
            return self._outcome(known)
        digest, algorithm = _digest_of(asked)
        pss = _checked_method(key.signer, asked, algorithm)
        signature = key.signer.sign_digest(digest, algorithm, pss=pss)
        self.made[asked["credentialID"]] += 1
        made = _Transaction(asked, signature, secrets.token_hex(8), confirmed=not key.confirms)
        self._transactions[transaction] = self._transactions[made.name] = made
        return self._outcome(made)

    def _told_again(self, asked: dict[str, Any]) -> dict[str, Any]:
        known = self._transactions.get(str(asked.get("responseID")))
        if known is None or known.asked["credentialID"] != asked["credentialID"]:
            raise _Refused("unknown_transaction", 404)
        return self._outcome(known)

    def _outcome(self, transaction: _Transaction) -> dict[str, Any]:
        if transaction.declined:
            raise _Refused("user_declined")
        if not transaction.confirmed:
            return {"responseID": transaction.name}
        return {"signatures": [b64encode(transaction.signature).decode()]}

    @contextmanager
    def listening(self) -> Iterator[str]:
        """Serve on a loopback port; gives the address below which `BASE_PATH` lies."""
        service = self

        class Handler(_Handler):
            served = service

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join(timeout=5)


class _Handler(BaseHTTPRequestHandler):
    served: RemoteSigningService
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        if not self.path.startswith(BASE_PATH + "/") or length > LARGEST_REQUEST_BYTES:
            self._write(Answer(404, {"error": "invalid_operation"}))
            return
        operation = self.path.removeprefix(BASE_PATH + "/")
        body = self.rfile.read(length)
        service = self.served
        if _taken(service.drop, operation):
            self.close_connection = True
            return
        if _taken(service.busy, operation):
            self._write(Answer(503, {"error": "busy"}))
            return
        headers = {k.lower(): v for k, v in self.headers.items()}
        if _taken(service.slow, operation):
            service.take_late(operation, headers, body)
            self.close_connection = True
            return
        answer = service.answer(operation, headers, body)
        if _taken(service.lose, operation):
            self.close_connection = True
            return
        self._write(answer)

    def _write(self, answer: Answer) -> None:
        content = json.dumps(answer.content).encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing: what comes in holds a PIN."""


def _info(key: HeldKey) -> dict[str, Any]:
    chain = [b64encode(der).decode() for der in key.signer.certificates_der]
    return {
        "key": {"status": key.key_status},
        "cert": {"status": key.certificate_status, "certificates": chain},
        "auth": {"mode": "explicit"},
        "multisign": 1,
    }


def _digest_of(asked: dict[str, Any]) -> tuple[bytes, str]:
    algorithm = _DIGESTS.get(str(asked.get("hashAlgorithmOID")))
    hashes = asked.get("hashes")
    if algorithm is None or not isinstance(hashes, list) or len(hashes) != 1:
        raise _Refused("invalid_request")
    try:
        digest = b64decode(hashes[0], validate=True)
    except (ValueError, TypeError):
        raise _Refused("invalid_request") from None
    if len(digest) != _DIGEST_BYTES[algorithm]:
        raise _Refused("invalid_digest_length")
    return digest, algorithm


def _checked_method(signer: Signer, asked: dict[str, Any], algorithm: str) -> bool:
    """Whether it is PSS; refuses a method that does not go with key and digest."""
    method = asked.get("signAlgo")
    if method != _PSS:
        if _METHODS.get(str(method)) != (signer.key_kind, algorithm):
            raise _Refused("invalid_algorithm")
        return False
    if signer.key_kind != "rsa":
        raise _Refused("invalid_algorithm")
    try:
        given = algos.RSASSAPSSParams.load(b64decode(asked.get("signAlgoParams") or "", validate=True)).native
        wanted = (algorithm, algorithm, _DIGEST_BYTES[algorithm])
        told = (
            given["hash_algorithm"]["algorithm"],
            given["mask_gen_algorithm"]["parameters"]["algorithm"],
            given["salt_length"],
        )
    except (ValueError, TypeError, KeyError):
        raise _Refused("invalid_algorithm") from None
    if told != wanted:
        raise _Refused("invalid_algorithm")
    return True


def _taken(faults: list[str], operation: str) -> bool:
    """Whether the next call of this operation shall go wrong; it then has."""
    if operation not in faults:
        return False
    faults.remove(operation)
    return True
