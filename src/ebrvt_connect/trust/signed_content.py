"""The octets a signature is about, and nothing beside them (nội dung được ký).

A file can pass and still hold bytes that nobody signed: the element around the signed one in an XML paper,
its name included. Who goes on with the content of a file takes it from here, not from the file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ebrvt_connect.trust.grounds import Grounds
from ebrvt_connect.trust.verdict import DocumentKind, Indication
from ebrvt_connect.trust.verify import verify_bytes
from ebrvt_connect.trust.xml_words import SIGNATURE

if TYPE_CHECKING:
    from datetime import datetime

    from lxml.etree import _Element as Element

    from ebrvt_connect.trust.anchors import TrustStore
    from ebrvt_connect.trust.policy import VerificationPolicy
    from ebrvt_connect.trust.revocation import RevocationArchive
    from ebrvt_connect.trust.verdict import VerificationReport


@dataclass(frozen=True, slots=True)
class SignedPart:
    """One piece of content that every signature of the file vouches for."""

    path: str
    """Where it stands in an XML file: `/ketQua/noiDung`; empty for the content as a whole."""
    octets: bytes = field(repr=False)
    """The very bytes that were signed: of XML, its canonical form without the signatures in it."""


@dataclass(frozen=True, slots=True)
class SignedContent:
    """A report, and what was signed; there are no parts unless the file has passed."""

    report: VerificationReport
    parts: tuple[SignedPart, ...] = ()


def signed_content(
    data: bytes,
    *,
    policy: VerificationPolicy,
    trust: TrustStore,
    at: datetime,
    revocation: RevocationArchive | None = None,
    name: str = "",
) -> SignedContent:
    """Verify a file at the time `at` (aware), and hand out what all of its signatures cover.

    XML: each element signed. CMS: the content inside. PDF: the file, of which later revisions add signatures
    and evidence at most. An Office package has no such octets: its report names what is not covered. Never
    raises for what the file holds; raises `ValueError` for a naive time.
    """
    report = verify_bytes(data, policy=policy, trust=trust, at=at, revocation=revocation, name=name)
    if report.indication is not Indication.TOTAL_PASSED:
        return SignedContent(report)
    if report.kind is DocumentKind.PDF:
        return SignedContent(report, (SignedPart("", data),))
    if report.kind is DocumentKind.CMS:
        return SignedContent(report, _inside(data))
    if report.kind in {DocumentKind.XML, DocumentKind.EDXML}:
        return SignedContent(report, _elements(data, Grounds.of(policy, trust, at, revocation)))
    return SignedContent(report)


def _inside(data: bytes) -> tuple[SignedPart, ...]:
    """None for a detached signature: whoever has its content handed it in."""
    from ebrvt_connect.trust.cms_armour import unarmoured
    from ebrvt_connect.trust.cms_content import open_signed_data

    content = open_signed_data(unarmoured(data)).content
    return () if content is None else (SignedPart("", bytes(content)),)


def _elements(data: bytes, grounds: Grounds) -> tuple[SignedPart, ...]:
    from ebrvt_connect.trust.xades import examine_all
    from ebrvt_connect.trust.xml_reading import path_of, read_root

    examined = examine_all(read_root(data), len(data), grounds)
    signed = [[part for part in one.signed if not _is_in_signature(part[0])] for one in examined]
    each = [{element for element, _ in parts} for parts in signed if parts]  # others confirm a signature
    common = {
        path_of(element): octets
        for parts in signed
        for element, octets in parts
        if all(not covered.isdisjoint((element, *element.iterancestors())) for covered in each)
    }
    return tuple(SignedPart(path, octets) for path, octets in sorted(common.items()))


def _is_in_signature(element: Element) -> bool:
    """Its own properties and key."""
    return any(above.tag == SIGNATURE for above in (element, *element.iterancestors()))
