"""Evidence that came along with a signature or file: read leniently, trusted for nothing but its own seal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from asn1crypto import cms, crl, ocsp, parser
from asn1crypto import x509 as asn1_x509
from cryptography import x509

from ebrvt_connect.trust.ocsp import OcspAnswer
from ebrvt_connect.trust.remembered import HeldList
from ebrvt_connect.trust.revocation import RevocationArchive, is_signed_with_sha1, read_crl

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

_MOST = 100
"""Certificates, lists and answers that are looked at, of each kind."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """Certificates (hints) and revocation data, each piece of which stands by its issuer's signature."""

    certificates: tuple[x509.Certificate, ...] = ()
    revocation: RevocationArchive | None = None
    """None when nothing of the kind came along."""

    @classmethod
    def of(
        cls,
        *,
        certificates: Iterable[bytes] = (),
        crls: Iterable[bytes] = (),
        ocsps: Iterable[bytes] = (),
        there_at: datetime | None = None,
    ) -> Self:
        """Read what reads; the rest is left out, since it could as well not be there.

        `there_at` is when a timestamp over it proves it to have been there; of lists only those signed with
        SHA-1 are then read, again: the others need no such proof.
        """
        read = dict.fromkeys(c for der in _first(certificates) if (c := _certificate(der)) is not None)
        archives = [a for der in _first(crls) if (a := _list(der, there_at)) is not None]
        archives += [a for der in _first(ocsps) if (a := _answer(der, there_at)) is not None]
        whole = None
        for archive in archives:
            whole = archive if whole is None else whole + archive
        return cls(tuple(read), whole)

    def __add__(self, other: Embedded) -> Embedded:
        """Both together."""
        both = [a for a in (self.revocation, other.revocation) if a is not None]
        revocation = both[0] + both[1] if len(both) > 1 else next(iter(both), None)
        return Embedded((*self.certificates, *other.certificates), revocation)


@dataclass(frozen=True, slots=True)
class EvidencePieces:
    """Evidence as it stands in a signature (DER), not read yet."""

    certificates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    ocsps: tuple[bytes, ...] = ()

    def read(self, there_at: datetime | None = None) -> Embedded:
        """As `Embedded.of`."""
        return Embedded.of(
            certificates=self.certificates, crls=self.crls, ocsps=self.ocsps, there_at=there_at
        )


def reads_as(what: str, der: bytes) -> bool:
    """Whether this is one certificate, list (`crl`), answer (`ocsp`) or `timestamp`, and nothing behind it.

    Blanks and zeros aside, as some tools leave them. Who made it is another question.
    """
    try:
        length = parser.peek(der)
        return not der[length:].strip(b"\0\r\n ") and _SHAPES[what](der[:length])
    except (ValueError, TypeError, KeyError):
        return False


def _is_answer(der: bytes) -> bool:
    """In its wrapping, or bare as some tools store it."""
    try:
        return "response_status" in ocsp.OCSPResponse.load(der).native
    except (ValueError, TypeError):
        return "tbs_response_data" in ocsp.BasicOCSPResponse.load(der).native


def _is_timestamp(der: bytes) -> bool:
    content = cms.ContentInfo.load(der)["content"]
    return bool(content["encap_content_info"]["content_type"].native == "tst_info")


_SHAPES: Mapping[str, Callable[[bytes], bool]] = {
    "certificate": lambda der: bool(asn1_x509.Certificate.load(der)["tbs_certificate"]["validity"].native),
    "crl": lambda der: bool(crl.CertificateList.load(der)["tbs_cert_list"]["this_update"].native),
    "ocsp": _is_answer,
    "timestamp": _is_timestamp,
}


def _first(contents: Iterable[bytes]) -> Iterable[bytes]:
    return (content for content, _ in zip(contents, range(_MOST), strict=False))


def _certificate(der: bytes) -> x509.Certificate | None:
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError:
        return None


def _list(der: bytes, there_at: datetime | None) -> RevocationArchive | None:
    try:
        crl = read_crl(der)
    except ValueError:
        return None
    if there_at is not None and not is_signed_with_sha1(crl):
        return None
    return RevocationArchive((crl,), held=(HeldList(crl, brought=True, there_at=there_at),))


def _answer(der: bytes, there_at: datetime | None) -> RevocationArchive | None:
    try:
        return RevocationArchive(ocsp=(OcspAnswer.read_brought(der, there_at=there_at),))
    except (ValueError, TypeError):
        return None
