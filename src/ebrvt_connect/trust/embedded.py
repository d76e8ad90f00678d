"""Evidence that came along with a signature or file: read leniently, trusted for nothing but its own seal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from cryptography import x509

from ebrvt_connect.trust.ocsp import OcspAnswer
from ebrvt_connect.trust.revocation import RevocationArchive

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

        `there_at` is when a timestamp over it proves it to have been there.
        """
        read = dict.fromkeys(c for der in _first(certificates) if (c := _certificate(der)) is not None)
        archives = [a for der in _first(crls) if (a := _list(der)) is not None]
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


def _first(contents: Iterable[bytes]) -> Iterable[bytes]:
    return (content for content, _ in zip(contents, range(_MOST), strict=False))


def _certificate(der: bytes) -> x509.Certificate | None:
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError:
        return None


def _list(der: bytes) -> RevocationArchive | None:
    try:
        return RevocationArchive.of([der])
    except ValueError:
        return None


def _answer(der: bytes, there_at: datetime | None) -> RevocationArchive | None:
    try:
        return RevocationArchive(ocsp=(OcspAnswer.read_brought(der, there_at=there_at),))
    except (ValueError, TypeError):
        return None
