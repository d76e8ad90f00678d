"""Evidence inside a CMS signature (CAdES-X-L, Adobe's archival attribute): certificates, lists, answers.

Only part of it is signed, and it does not matter: see `trust.embedded`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from asn1crypto import core, parser

from ebrvt_connect.trust.embedded import Embedded, EvidencePieces

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from ebrvt_connect.trust.signed_data import SignedData

_OCSP_RESPONSE = "1.3.6.1.5.5.7.16.2"
_ADOBE_REVOCATION = "1.2.840.113583.1.1.8"
_CERTIFICATE_VALUES = "1.2.840.113549.1.9.16.2.23"
_REVOCATION_VALUES = "1.2.840.113549.1.9.16.2.24"


def evidence_in_cms(signed: SignedData) -> Embedded:
    """What a signature carries along; what does not read is left out."""
    return pieces_in_cms(signed).read()


def pieces_in_cms(signed: SignedData, *, protected: Container[bytes] | None = None) -> EvidencePieces:
    """The same, not read yet; with `protected` what was signed and what is among these parts alone.

    A part is a value of `SignedData.crls`, or an unsigned attribute's type and one of its values
    (`trust.archive_stamps_cms`).
    """
    found = _Found(protected)
    # Evidence that does not read is no evidence; what was read before it stands.
    with suppress(ValueError, TypeError, KeyError, IndexError, AttributeError):
        found.gather(signed)
    return EvidencePieces(tuple(found.certificates), tuple(found.crls), tuple(found.ocsps))


class _Found:
    """Pieces of evidence (DER), as they are come upon."""

    def __init__(self, protected: Container[bytes] | None) -> None:
        self.certificates: list[bytes] = []
        self.crls: list[bytes] = []
        self.ocsps: list[bytes] = []
        self._protected = protected

    def gather(self, signed: SignedData) -> None:
        """Raises what asn1crypto raises for encodings that do not read."""
        listed = signed.content["crls"]
        for choice in () if isinstance(listed, core.Void) else listed:
            if not self._counts(choice.dump()):
                continue
            if choice.name == "crl":
                self.crls.append(choice.chosen.dump())
            elif choice.chosen["other_rev_info_format"].dotted == _OCSP_RESPONSE:
                self.ocsps.append(choice.chosen["other_rev_info"].dump())
        for value in signed.signed(_ADOBE_REVOCATION):
            self._tagged(value)
        for value in self._unsigned(signed, _REVOCATION_VALUES):
            self._tagged(value)
        for value in self._unsigned(signed, _CERTIFICATE_VALUES):
            self.certificates += _members(value.dump())

    def _unsigned(self, signed: SignedData, oid: str) -> Iterator[core.Asn1Value]:
        kind = core.ObjectIdentifier(oid).dump()
        return (value for value in signed.unsigned(oid) if self._counts(kind + value.dump()))

    def _counts(self, part: bytes) -> bool:
        return self._protected is None or part in self._protected

    def _tagged(self, value: core.Asn1Value) -> None:
        """[0] lists, [1] answers: BasicOCSPResponse in CAdES, OCSPResponse in Adobe's; either is read."""
        for child in _members(value.dump()):
            tag, (inner,) = parser.parse(child)[2], _members(child)
            if tag == 0:
                self.crls += _members(inner)
            elif tag == 1:
                self.ocsps += _members(inner)


def _members(der: bytes) -> list[bytes]:
    """What stands inside a constructed value, piece by piece; raises `ValueError`."""
    content = parser.parse(der)[4]
    members, at = [], 0
    while at < len(content):
        length = parser.peek(content[at:])
        members.append(content[at : at + length])
        at += length
    return members
