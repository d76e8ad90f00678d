"""Certificates from the files that the configuration names (PEM or DER)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ebrvt_connect.errors import HeldForPerson, Scope
from ebrvt_connect.transport.signing_proof import SIGNING_CERTIFICATE_UNUSABLE

if TYPE_CHECKING:
    from pathlib import Path


def read_certificates(path: Path, *, system: str) -> tuple[bytes, ...]:
    """The certificates of a file as DER, in its order, at least one.

    Raises `HeldForPerson` `SIGNING_CERTIFICATE_UNUSABLE` (scope system) for a file that does not read.
    """
    try:
        content = path.read_bytes()
        if content.lstrip().startswith(b"-----BEGIN"):
            found = x509.load_pem_x509_certificates(content)
        else:
            found = [x509.load_der_x509_certificate(content)]
    except (OSError, ValueError) as failure:
        raise HeldForPerson(
            SIGNING_CERTIFICATE_UNUSABLE,
            f"a certificate file cannot be read: {type(failure).__name__}",
            scope=Scope.SYSTEM,
            system=system,
            operation="open",
            reason=f"tệp {path.name}",
        ) from failure
    return tuple(c.public_bytes(Encoding.DER) for c in found)
