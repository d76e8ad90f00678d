"""The trust store (kho tin cậy): anchors pinned by SHA-256, hints, revocation lists, the register of signers.

An authority is trusted because an operator has pinned its certificate's SHA-256, never because of its
name: anybody can make a certificate that says "Ban Cơ yếu Chính phủ". The branch an anchor stands in
says what it may vouch for. Made by pure functions from bytes; `transport.trust_folder` reads the files.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import pkcs7

from ebrvt_connect.errors import InvalidValue, explain
from ebrvt_connect.trust.pins import (
    ANCHOR_FOLDERS,
    INTERMEDIATE,
    PINS_FILE,
    TRUST_FOLDER_INVALID,
    USES_OF,
    Branch,
    Pin,
    Use,
    invalid_file,
    read_pins,
)
from ebrvt_connect.trust.revocation import RevocationArchive, read_crl
from ebrvt_connect.trust.signers import SignerRegister
from ebrvt_connect.trust.verdict import SignatureKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

TRUST_PIN_MISSING = explain(
    "TRUST_PIN_MISSING",
    "Chứng thư gốc {file} chưa được ghim trong pins.toml nên không được tin cậy.",
    "Đối chiếu SHA-256 {sha256} với nguồn chính thức rồi ghim bằng: ebrvt trust add KHO/{file} "
    "--branch {branch} --trust KHO (KHO là thư mục kho tin cậy); không đúng thì gỡ tệp này.",
)

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
    pin: Pin | None = None
    """The operator's row with its bounds; an anchor named for one call has none."""

    @property
    def uses(self) -> frozenset[Use]:
        """What its chains may be used for."""
        return USES_OF[self.branch] if self.pin is None else self.pin.uses

    def trouble_at(self, moment: datetime) -> str:
        """Why the operator's bounds shut `moment` out, in Vietnamese; empty when they do not."""
        if self.pin is None or self.pin.holds_at(moment):
            return ""
        days = " ".join(
            f"{word} {day:%d/%m/%Y}"
            for word, day in (("từ", self.pin.valid_from), ("đến hết", self.pin.valid_to))
            if day is not None
        )
        return f"chứng thư gốc chỉ được đơn vị tin cậy cho chữ ký {days}"

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
        return tuple(a for a in self.anchors if Use.SIGN in a.uses)

    @property
    def for_timestamps(self) -> tuple[Anchor, ...]:
        """Anchors that vouch for timestamps."""
        return tuple(a for a in self.anchors if Use.TIMESTAMP in a.uses)

    def with_more(self, *, hints: Iterable[bytes] = (), crls: Iterable[bytes] = ()) -> TrustStore:
        """The same store with further hints and revocation lists (PEM or DER), for one call.

        Raises `InvalidValue` `TRUST_FOLDER_INVALID` for bytes that are neither.
        """
        others = tuple(c for n, raw in enumerate(hints, 1) for c in certificates_of(f"certificate {n}", raw))
        return replace(
            self,
            intermediates=self.intermediates + others,
            revocation=self.revocation + _archive(_numbered(crls)),
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
        Anchor(c, Branch.OTHER)
        for n, raw in enumerate(certificates, 1)
        for c in certificates_of(f"anchor {n}", raw)
    )
    others = tuple(c for n, raw in enumerate(hints, 1) for c in certificates_of(f"certificate {n}", raw))
    return TrustStore(anchors, others, _archive(_numbered(crls)), signers or SignerRegister())


def store_of_files(files: Mapping[str, bytes]) -> TrustStore:
    """The store of a trust folder given as relative path -> content.

    `<branch>/*.{crt,cer,pem,p7b}` anchors, each listed in `pins.toml` (see `trust.pins`);
    `intermediate/*` hints; `crl/*.crl`; `signers.toml`. Other files are left alone. Raises
    `InvalidValue` `TRUST_FOLDER_INVALID` for a file that does not read, `TRUST_PIN_MISSING`
    for an anchor without pin.
    """
    pins = {(pin.branch, pin.sha256): pin for pin in read_pins(files.get(PINS_FILE, b""))}
    anchors: list[Anchor] = []
    hints: list[x509.Certificate] = []
    crls: dict[str, bytes] = {}
    for path in sorted(files):
        folder, _, name = path.rpartition("/")
        suffix = name.rpartition(".")[2].lower()
        if folder == "crl" and suffix == "crl":
            crls[path] = files[path]
        elif suffix in CERTIFICATE_SUFFIXES and folder == INTERMEDIATE:
            hints += certificates_of(path, files[path])
        elif suffix in CERTIFICATE_SUFFIXES and folder in ANCHOR_FOLDERS:
            anchors += (_pinned(path, c, Branch(folder), pins) for c in certificates_of(path, files[path]))
    register = (
        SignerRegister.from_toml(files["signers.toml"]) if "signers.toml" in files else SignerRegister()
    )
    return TrustStore(tuple(anchors), tuple(hints), _archive(crls.items()), register)


CERTIFICATE_SUFFIXES = frozenset({"crt", "cer", "pem", "der", "p7b"})
"""Of files that hold certificates; others in a branch's folder are left alone."""


def certificates_of(path: str, content: bytes) -> list[x509.Certificate]:
    """The certificates of a file: PEM (several), DER, or PKCS#7 in either spelling.

    Raises `InvalidValue` `TRUST_FOLDER_INVALID` naming `path` for bytes that are none of these.
    """
    try:
        if b"-----BEGIN CERTIFICATE" in content:
            return x509.load_pem_x509_certificates(content)
        if path.lower().endswith("p7b"):
            loads = pkcs7.load_pem_pkcs7_certificates if b"-----BEGIN" in content else _der_pkcs7
            return loads(content)
        return [x509.load_der_x509_certificate(content)]
    except (ValueError, UnsupportedAlgorithm) as failure:
        raise invalid_file(path, "không phải chứng thư số (PEM, DER hoặc P7B)", str(failure)) from failure


def _pinned(
    path: str, certificate: x509.Certificate, branch: Branch, pins: Mapping[tuple[str, str], Pin]
) -> Anchor:
    sha256 = sha256_of(certificate)
    pin = pins.get((branch.value, sha256))
    if pin is None:
        raise InvalidValue(
            TRUST_PIN_MISSING,
            f"{path}: sha256 {sha256} is not pinned",
            file=path,
            sha256=sha256,
            branch=branch.value,
        )
    return Anchor(certificate, branch, pin)


def _der_pkcs7(content: bytes) -> list[x509.Certificate]:
    return pkcs7.load_der_pkcs7_certificates(content)


def _archive(crls: Iterable[tuple[str, bytes]]) -> RevocationArchive:
    """Lists by the name of their file; raises `InvalidValue` naming the one that does not read."""
    read = []
    for path, content in crls:
        try:
            read.append(read_crl(content))
        except ValueError as failure:
            said = "không phải danh sách thu hồi (CRL, PEM hoặc DER)"
            raise invalid_file(path, said, str(failure)) from failure
    return RevocationArchive(tuple(read))


def _numbered(crls: Iterable[bytes]) -> Iterable[tuple[str, bytes]]:
    return ((f"crl {nth}", content) for nth, content in enumerate(crls, 1))


__all__ = [
    "CERTIFICATE_SUFFIXES",
    "INTERMEDIATE",
    "TRUST_FOLDER_INVALID",
    "TRUST_PIN_MISSING",
    "Anchor",
    "Branch",
    "TrustStore",
    "Use",
    "certificates_of",
    "sha256_of",
    "store_of_anchors",
    "store_of_files",
]
