"""Names in certificates, for a reader's eye only: nothing in this house is decided by them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.x509.oid import NameOID

from ebrvt_connect.model.text import nfc
from ebrvt_connect.trust.verdict import SignerName

if TYPE_CHECKING:
    from cryptography import x509


def signer_name(certificate: x509.Certificate) -> SignerName:
    """Who the certificate says it belongs to."""
    subject = certificate.subject
    return SignerName(
        cn=_first(subject, NameOID.COMMON_NAME),
        title=_first(subject, NameOID.TITLE),
        organization=_first(subject, NameOID.ORGANIZATION_NAME),
        serial=f"{certificate.serial_number:x}",
    )


def managing_unit(certificate: x509.Certificate) -> str:
    """The unit that answers for the certificate: organisational units, then the organisation."""
    subject = certificate.subject
    units = [*_all(subject, NameOID.ORGANIZATIONAL_UNIT_NAME), *_all(subject, NameOID.ORGANIZATION_NAME)]
    return ", ".join(units)


def issuer_name(certificate: x509.Certificate) -> str:
    """The issuing authority's common name, or its whole name where it has none."""
    return _first(certificate.issuer, NameOID.COMMON_NAME) or certificate.issuer.rfc4514_string()


def _first(name: x509.Name, oid: x509.ObjectIdentifier) -> str:
    return next(iter(_all(name, oid)), "")


def _all(name: x509.Name, oid: x509.ObjectIdentifier) -> list[str]:
    return [nfc(str(a.value)) for a in name.get_attributes_for_oid(oid)]
