"""The trust store (kho tin cậy): anchors pinned by SHA-256, hints, revocation lists, the register of signers.

An authority is trusted because an operator has pinned its certificate's SHA-256, never because of its
name: anybody can make a certificate that says "Ban Cơ yếu Chính phủ". The branch an anchor stands in
says what it may vouch for. Made by pure functions from bytes; `transport.trust_folder` reads the files.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import pkcs7

from ebrvt_connect.errors import InvalidValue, explain
from ebrvt_connect.trust.revocation import RevocationArchive
from ebrvt_connect.trust.signers import SignerRegister
from ebrvt_connect.trust.verdict import SignatureKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TRUST_FOLDER_INVALID = explain(
    "TRUST_FOLDER_INVALID",
    "Kho tin cậy có tệp không hợp lệ: {file} ({reason}).",
    "Sửa hoặc gỡ tệp này trong thư mục trust; chỉ thêm chứng thư đã đối chiếu SHA-256 với nguồn chính thức.",
)
TRUST_PIN_MISSING = explain(
    "TRUST_PIN_MISSING",
    "Chứng thư gốc {file} chưa được ghim trong pins.toml nên không được tin cậy.",
    "Đối chiếu SHA-256 {sha256} với nguồn chính thức rồi thêm vào pins.toml.",
)


class Branch(StrEnum):
    """What an anchor may vouch for (nhánh tin cậy); also the names of the folders."""

    GOVERNMENT = "government"
    """Chữ ký số chuyên dùng công vụ."""
    NATIONAL = "national"
    """Chữ ký số công cộng, under the national root."""
    FOREIGN = "foreign"
    """Recognised foreign certificates."""
    TSA = "tsa"
    """Timestamps only."""
    OTHER = "other"
    """Named for one call on the command line."""


INTERMEDIATE = "intermediate"
"""Folder of issuing authorities: hints for building a chain, trusted only through an anchor."""

_KINDS = {
    Branch.GOVERNMENT: SignatureKind.GOVERNMENT,
    Branch.NATIONAL: SignatureKind.PUBLIC,
    Branch.FOREIGN: SignatureKind.FOREIGN,
}


def sha256_of(certificate: x509.Certificate) -> str:
    """What a certificate is pinned and registered by (hex)."""
    return certificate.fingerprint(hashes.SHA256()).hex()


@dataclass(frozen=True, slots=True)
class Anchor:
    """A pinned authority (cơ quan chứng thực gốc)."""

    certificate: x509.Certificate
    branch: Branch

    @property
    def kind(self) -> SignatureKind:
        """What kind of signature it vouches for."""
        return _KINDS.get(self.branch, SignatureKind.OTHER)


@dataclass(frozen=True, slots=True)
class TrustStore:
    """All a verification trusts; frozen, may be shared by threads."""

    anchors: tuple[Anchor, ...] = ()
    intermediates: tuple[x509.Certificate, ...] = ()
    revocation: RevocationArchive = field(default_factory=RevocationArchive)
    signers: SignerRegister = field(default_factory=SignerRegister)

    @property
    def for_signing(self) -> tuple[Anchor, ...]:
        """Anchors that vouch for signatures of people and agencies."""
        return tuple(a for a in self.anchors if a.branch is not Branch.TSA)

    @property
    def for_timestamps(self) -> tuple[Anchor, ...]:
        """Anchors that vouch for timestamps."""
        return tuple(a for a in self.anchors if a.branch in (Branch.TSA, Branch.OTHER))

    def with_more(self, *, hints: Iterable[bytes] = (), crls: Iterable[bytes] = ()) -> TrustStore:
        """The same store with further hints and revocation lists (PEM or DER), for one call.

        Raises `InvalidValue` `TRUST_FOLDER_INVALID` for bytes that are neither.
        """
        others = tuple(c for n, raw in enumerate(hints, 1) for c in _read(f"certificate {n}", raw))
        return replace(
            self,
            intermediates=self.intermediates + others,
            revocation=self.revocation + _archive(crls),
        )


def store_of_anchors(
    certificates: Iterable[bytes],
    *,
    hints: Iterable[bytes] = (),
    crls: Iterable[bytes] = (),
    signers: SignerRegister | None = None,
) -> TrustStore:
    """A store that trusts exactly these certificates (PEM or DER), for one call.

    Raises `InvalidValue` `TRUST_FOLDER_INVALID` for bytes that are not a certificate or a CRL.
    """
    anchors = tuple(
        Anchor(c, Branch.OTHER) for n, raw in enumerate(certificates, 1) for c in _read(f"anchor {n}", raw)
    )
    others = tuple(c for n, raw in enumerate(hints, 1) for c in _read(f"certificate {n}", raw))
    return TrustStore(anchors, others, _archive(crls), signers or SignerRegister())


def store_of_files(files: Mapping[str, bytes]) -> TrustStore:
    """The store of a trust folder given as relative path -> content.

    `<branch>/*.{crt,cer,pem,p7b}` anchors, each listed in `pins.toml`; `intermediate/*` hints;
    `crl/*.crl`; `signers.toml`. Other files are left alone. Raises `InvalidValue`
    `TRUST_FOLDER_INVALID` for a file that does not read, `TRUST_PIN_MISSING` for an anchor without pin.
    """
    pins = _pins(files.get("pins.toml", b""))
    anchors: list[Anchor] = []
    hints: list[x509.Certificate] = []
    crls: list[bytes] = []
    for path in sorted(files):
        folder, _, name = path.rpartition("/")
        suffix = name.rpartition(".")[2].lower()
        if folder == "crl" and suffix == "crl":
            crls.append(files[path])
        elif suffix in _CERTIFICATE_SUFFIXES and folder == INTERMEDIATE:
            hints += _read(path, files[path])
        elif suffix in _CERTIFICATE_SUFFIXES and folder in _ANCHOR_FOLDERS:
            anchors += (_pinned(path, c, Branch(folder), pins) for c in _read(path, files[path]))
    register = (
        SignerRegister.from_toml(files["signers.toml"]) if "signers.toml" in files else SignerRegister()
    )
    return TrustStore(tuple(anchors), tuple(hints), _archive(crls), register)


_CERTIFICATE_SUFFIXES = frozenset({"crt", "cer", "pem", "der", "p7b"})
_ANCHOR_FOLDERS = frozenset(b.value for b in Branch if b is not Branch.OTHER)
_SHA256_HEX_DIGITS = 64


def _pins(content: bytes) -> frozenset[tuple[str, str]]:
    """(branch, sha256) of `[[pin]] sha256 = "...", branch = "..."`; other keys are for people."""
    try:
        rows = tomllib.loads(content.decode()).get("pin", [])
        pins = frozenset((str(r["branch"]), str(r["sha256"]).replace(":", "").lower()) for r in rows)
    except (ValueError, KeyError, TypeError, AttributeError) as failure:
        raise _invalid("pins.toml", str(failure)) from failure
    for branch, sha256 in pins:
        if branch not in _ANCHOR_FOLDERS or len(sha256) != _SHA256_HEX_DIGITS:
            raise _invalid("pins.toml", f"{branch}: {sha256[:80]}")
    return pins


def _pinned(
    path: str, certificate: x509.Certificate, branch: Branch, pins: frozenset[tuple[str, str]]
) -> Anchor:
    sha256 = sha256_of(certificate)
    if (branch.value, sha256) not in pins:
        raise InvalidValue(
            TRUST_PIN_MISSING, f"{path}: sha256 {sha256} is not pinned", file=path, sha256=sha256
        )
    return Anchor(certificate, branch)


def _read(path: str, content: bytes) -> list[x509.Certificate]:
    try:
        if b"-----BEGIN CERTIFICATE" in content:
            return x509.load_pem_x509_certificates(content)
        if path.lower().endswith("p7b"):
            loads = pkcs7.load_pem_pkcs7_certificates if b"-----BEGIN" in content else _der_pkcs7
            return loads(content)
        return [x509.load_der_x509_certificate(content)]
    except ValueError as failure:
        raise _invalid(path, str(failure)) from failure


def _der_pkcs7(content: bytes) -> list[x509.Certificate]:
    return pkcs7.load_der_pkcs7_certificates(content)


def _archive(crls: Iterable[bytes]) -> RevocationArchive:
    try:
        return RevocationArchive.of(crls)
    except ValueError as failure:
        raise _invalid("crl", str(failure)) from failure


def _invalid(path: str, reason: str) -> InvalidValue:
    return InvalidValue(TRUST_FOLDER_INVALID, f"{path}: {reason}", file=path, reason=reason)
