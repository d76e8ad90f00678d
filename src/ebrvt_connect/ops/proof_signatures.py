"""The signatures of exchanged files, taken out so that openssl alone can check them (chữ ký tách riêng).

    signatures/1.p7s   the CMS object (DER)
    signatures/1.txt   which file in content/ it signs, and which bytes of it

A PDF's signature leaves out the place it stands in; a detached one signs a whole file; one with its content
inside is a file by itself. Signatures in XML cannot be asked of openssl: `ebrvt verify` checks them.
Taking out is no judging: who may sign for whom, when, and whether it was revoked, is in the verdict.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ebrvt_connect.trust.cms_armour import unarmoured
from ebrvt_connect.trust.cms_content import open_signed_data
from ebrvt_connect.trust.kind import sighted
from ebrvt_connect.trust.pairing import NamedFile, pairings
from ebrvt_connect.trust.pdf_reading import PdfRefused, open_pdf
from ebrvt_connect.trust.policy import VN_2025
from ebrvt_connect.trust.signed_data import CmsMalformed, load_signed_data, signed_by_one
from ebrvt_connect.trust.sound_cms import plainly_holds
from ebrvt_connect.trust.verdict import DocumentKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ebrvt_connect.trust.structure import Slot

LARGEST_BYTES = 64 * 1024**2
"""A larger file keeps its signatures inside: it would be read into memory."""
_TITLE = "ebrvt-proof-signature 1"
_LINES = re.compile(
    rf"{_TITLE}\nfile: ([0-9a-f]{{64}})\ncovers: (all|inside|around (\d{{1,12}}) (\d{{1,12}}) (\d{{1,12}}))\n"
    r"holds: (yes|-)\n"
)
_BROKEN = (CmsMalformed, ValueError, TypeError, KeyError, RecursionError)


@dataclass(frozen=True, slots=True)
class Around:
    """Of a file [0, `start`) and [`stop`, `end`); between stands the signature in hex."""

    start: int
    stop: int
    end: int

    def of(self, data: bytes) -> bytes:
        """The bytes that are signed."""
        return data[: self.start] + data[self.stop : self.end]

    def holds_here(self, data: bytes, cms: bytes) -> bool:
        """Whether it is this signature that stands between, with nothing but zeros behind it."""
        told = data[self.start : self.stop].strip(b"<>")
        try:
            there = bytes.fromhex(told.decode("ascii"))
        except ValueError:
            return False
        return there.startswith(cms) and not there[len(cms) :].strip(b"\0")


@dataclass(frozen=True, slots=True)
class TakenOut:
    """One CMS object and what it signs."""

    file: str
    """SHA-256 of the signed file."""
    cms: bytes
    around: Around | None = None
    inside: bool = False
    """Its content stands in it; neither: it signs the whole file."""
    holds: bool = False
    """Plainly right for these bytes when it was taken out; else nothing is said."""

    def text(self) -> str:
        """As it stands in the bundle."""
        covers = "inside" if self.inside else "all"
        if self.around is not None:
            covers = f"around {self.around.start} {self.around.stop} {self.around.end}"
        return f"{_TITLE}\nfile: {self.file}\ncovers: {covers}\nholds: {'yes' if self.holds else '-'}\n"


def read_signature(text: str, cms: bytes) -> TakenOut:
    """The two files of one signature; raises `ValueError` for a text of another form."""
    found = _LINES.fullmatch(text)
    if found is None:
        raise ValueError(f"expected {_TITLE!r} and its three lines")
    around = None if found[3] is None else Around(int(found[3]), int(found[4]), int(found[5]))
    if around is not None and not around.start < around.stop <= around.end:
        raise ValueError("what is covered does not fit together")
    return TakenOut(found[1], cms, around, found[2] == "inside", found[6] == "yes")


def signatures_of(files: Mapping[str, bytes]) -> Iterator[TakenOut]:
    """The signatures of these files, by SHA-256; none of what cannot be read. Never raises for content."""
    kinds = {sha256: sighted(data).kind for sha256, data in files.items()}
    for sha256, data in files.items():
        if kinds[sha256] is DocumentKind.PDF:
            yield from _of_pdf(sha256, data)
    yield from _of_cms(files, [s for s, kind in kinds.items() if kind is DocumentKind.CMS])


def holds(taken: TakenOut, data: bytes) -> bool:
    """Whether every signer's signature is plainly right for what it covers of this file."""
    try:
        opened = open_signed_data(taken.cms)
        content = opened.content if taken.inside else data
        if taken.around is not None:
            content = taken.around.of(data)
        signers = [signed_by_one(opened.signed, signer) for signer in opened.signed["signer_infos"]]
        return bool(signers) and all(
            plainly_holds(one, hashlib.new(one.signer_digest, content or b"").digest(), VN_2025)
            for one in signers
        )
    except _BROKEN:
        return False


def signer_of(taken: TakenOut) -> tuple[str, str]:
    """The first signer's name and the SHA-256 of its certificate; empty where they cannot be read."""
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import NameOID

    try:
        content = open_signed_data(taken.cms).signed
        leaf = signed_by_one(content, content["signer_infos"][0]).leaf
        name = leaf.subject.rfc4514_string({NameOID.TITLE: "title", NameOID.SERIAL_NUMBER: "serialNumber"})
        return name, hashlib.sha256(leaf.public_bytes(Encoding.DER)).hexdigest()
    except (*_BROKEN, IndexError):
        return "", ""


def _of_pdf(sha256: str, data: bytes) -> Iterator[TakenOut]:
    try:
        found = open_pdf(data, VN_2025).signatures
    except (PdfRefused, *_BROKEN):
        return
    for placed in found:
        if placed.slot is not None and not placed.is_document_timestamp:
            yield from _of_slot(sha256, data, placed.slot)


def _of_slot(sha256: str, data: bytes, slot: Slot) -> Iterator[TakenOut]:
    try:
        cms: bytes = _trimmed(slot.contents)
    except _BROKEN:
        return
    taken = TakenOut(sha256, cms, Around(slot.gap.start, slot.gap.end, slot.end))
    if taken.around is not None and taken.around.holds_here(data, cms):
        yield _weighed(taken, data)


def _trimmed(contents: bytes) -> bytes:
    """Without the zeros behind it."""
    from asn1crypto import parser

    load_signed_data(contents, padding=b"\0")
    return contents[: parser.peek(contents)]


def _of_cms(files: Mapping[str, bytes], candidates: list[str]) -> Iterator[TakenOut]:
    names = list(files)
    named = [NamedFile(name, lambda name=name: files[name]) for name in names]  # type: ignore[misc]
    paired = pairings(named, [names.index(candidate) for candidate in candidates])
    for candidate in candidates:
        try:
            cms = unarmoured(files[candidate])
            inside = open_signed_data(cms).content is not None
        except _BROKEN:
            continue
        if inside:
            yield _weighed(TakenOut(candidate, cms, inside=True), b"")
            continue
        pairing = paired.get(names.index(candidate))
        if pairing is not None and pairing.content is not None:
            signed = names[pairing.content]
            yield _weighed(TakenOut(signed, cms), files[signed])


def _weighed(taken: TakenOut, data: bytes) -> TakenOut:
    return replace(taken, holds=holds(taken, data))
