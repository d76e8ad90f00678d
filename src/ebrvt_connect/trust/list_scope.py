"""Which certificates a revocation list is about at all (phạm vi danh sách thu hồi): RFC 5280, 5.2.5, 6.3.3.

Large authorities cut their lists in parts: those of users and those of authorities, or one part for each
address certificates name. That a certificate is missing from such a part means something where the part is
the certificate's own; from a part about some reasons for revocation only, or an indirect list, it never does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def scope_of(crl: x509.CertificateRevocationList) -> x509.IssuingDistributionPoint | None:
    """The scope a list states; None for one about all its issuer's certificates. Raises `ValueError`."""
    try:
        return crl.extensions.get_extension_for_class(x509.IssuingDistributionPoint).value
    except x509.ExtensionNotFound:
        return None


def is_about(scope: x509.IssuingDistributionPoint, certificate: x509.Certificate) -> bool:
    """Whether a list of this scope would name a certificate, whatever it was revoked for."""
    if scope.indirect_crl or scope.only_some_reasons is not None or scope.only_contains_attribute_certs:
        return False
    try:
        of_authority = _is_authority(certificate)
        if (scope.only_contains_user_certs and of_authority) or (
            scope.only_contains_ca_certs and not of_authority
        ):
            return False
        if scope.relative_name is not None:
            return False  # nobody uses it
        return scope.full_name is None or _share_one(scope.full_name, _points(certificate))
    except ValueError:
        return False


def _is_authority(certificate: x509.Certificate) -> bool:
    """Raises `ValueError`."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _points(certificate: x509.Certificate) -> Iterator[x509.GeneralName]:
    """Where a certificate says that its issuer's own list, for all reasons, lies; raises `ValueError`."""
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return
    for point in points:
        if point.reasons is None and point.crl_issuer is None:
            yield from point.full_name or ()


def _share_one(these: Iterable[x509.GeneralName], those: Iterable[x509.GeneralName]) -> bool:
    return not set(these).isdisjoint(those)
