"""PDF verifications per second, without and with timestamps and for large files, against plain pyHanko.

The peer is what pyHanko's manual shows: read the file, make a validation context with roots and
revocation lists, validate each signature; a new context for each file. Ours answers more questions (for
whom it is signed, coverage to the last byte, algorithms by policy, its own judgement of revocation) and
tells them in Vietnamese. Time is CPU time of one core.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING

from asn1crypto import crl as asn1_crl
from asn1crypto import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from ebrvt_connect.api import VN_2025, verify
from ebrvt_connect.testing.pki import SandboxPki
from ebrvt_connect.trust.verdict import Indication
from tests.bench import large_pdfs, stock
from tests.bench.measure import Act, Figure, Setup, against, aimed, cpu_seconds_of, noise, over, rates

if TYPE_CHECKING:
    from collections.abc import Mapping

_FORMS = {
    "agency, B-B": ({}, 3.0),
    "agency, B-T": ({"stamped": True}, 2.5),
    "leader and agency, B-T": ({"stamped": True, "both": True}, 1.0),
}
_SIZES = {"1 MB": 2**20, "10 MB": 10 * 2**20, "50 MB": 50 * 2**20}
_KINDS = {
    "40 scanned pages": (large_pdfs.scanned, 40, {}),
    "40 scanned pages, two signatures": (large_pdfs.scanned, 40, {"both": True}),
    "900 pages of text": (large_pdfs.printed, 900, {}),
    "900 pages of text, packed": (partial(large_pdfs.printed, packed=True), 900, {}),
    "20,000 objects": (large_pdfs.tagged, 20_000, {}),
    "20,000 objects, packed": (partial(large_pdfs.tagged, packed=True), 20_000, {}),
}
_LARGE = "10 MB"
_LARGE_RATIO = 1.5


def measure(setup: Setup) -> list[Figure]:
    found: list[Figure] = []
    judge, peer = Verifier(SandboxPki.open(setup.keys)), PlainPyhanko(setup)
    for name, (form, target) in _FORMS.items():
        pdfs = [stock.signed(stock.letter(n), setup.keys, **form) for n in range(setup.sizes.files)]
        contestants = {"plain pyHanko": over(pdfs, peer.verify)}
        (figure,) = rates(name, over(pdfs, judge.passes), contestants, setup.sizes, cpu=True)
        found.append(aimed(figure, target, ratio=True))
    for name, size in _SIZES.items():
        pdf = stock.signed(stock.letter(1, ballast_bytes=scaled(size, setup)), setup.keys)
        contestants = {"plain pyHanko": over([pdf], peer.verify)}
        (figure,) = rates(f"{name}, B-B", over([pdf], judge.passes), contestants, setup.sizes, cpu=True)
        found.append(aimed(figure, 1.0, ratio=True))
        if name == _LARGE:
            found.append(beside_hashing(pdf, judge, setup))
    return [*found, *kinds(judge, peer, setup)]


def kinds(judge: Verifier, peer: PlainPyhanko, setup: Setup) -> list[Figure]:
    """Large files that are not one large stream."""
    found = []
    for name, (make, count, form) in _KINDS.items():
        pdf = stock.signed(make(scaled(count, setup)), setup.keys, **form)
        contestants = {"plain pyHanko": over([pdf], peer.verify)}
        what = f"{name}, {len(pdf) / 2**20:.0f} MB"
        (figure,) = rates(what, over([pdf], judge.passes), contestants, setup.sizes, cpu=True)
        found.append(aimed(figure, 1.0, ratio=True))
    return found


class Verifier:
    """Ours, held to the verdict it must come to."""

    def __init__(self, pki: SandboxPki) -> None:
        self._trust = pki.trust_store()

    def passes(self, data: bytes, beside: Mapping[str, bytes] | None = None) -> None:
        report = verify(data, policy=VN_2025, trust=self._trust, at=stock.AT, detached=beside)
        assert report.indication is Indication.TOTAL_PASSED, report.to_text_vi()


def scaled(size: int, setup: Setup) -> int:
    """The size, or a little where only running is to be seen."""
    return size if setup.sizes.round_seconds else size // 100


def beside_hashing(pdf: bytes, judge: Verifier, setup: Setup) -> Figure:
    """Seconds for a large file, against hashing it once and verifying a small one."""
    small = stock.signed(stock.letter(1), setup.keys)
    large: list[float] = []
    least: list[float] = []
    for _ in range(3 * setup.sizes.rounds):
        noise.listen()
        large.append(1000 * cpu_seconds_of(over([pdf], judge.passes), 2) / 2)
        least.append(
            1000 * (cpu_seconds_of(hashing(pdf), 2) + cpu_seconds_of(over([small], judge.passes), 2)) / 2
        )
    what = f"{_LARGE}, B-B, time"
    figure = against(what, "ms", large, "SHA-256 of it and one small verification", least)
    return replace(figure, target=f"at most {_LARGE_RATIO:g}x", met=(figure.ratio or 0) <= _LARGE_RATIO)


def hashing(pdf: bytes) -> Act:
    """SHA-256 of it, once each turn."""
    return over([pdf], lambda data: hashlib.sha256(data).digest())


class PlainPyhanko:
    """As the manual has it, with the same roots and lists as ours."""

    def __init__(self, setup: Setup) -> None:
        store = SandboxPki.open(setup.keys).trust_store()
        self._roots = [anchor.certificate.public_bytes(Encoding.DER) for anchor in store.anchors]
        self._others = [c.public_bytes(Encoding.DER) for c in store.intermediates]
        self._lists = [held.public_bytes(Encoding.DER) for held in store.revocation.crls]

    def verify(self, pdf: bytes) -> None:
        context = self.context()
        for signature in PdfFileReader(BytesIO(pdf)).embedded_signatures:
            status = validate_pdf_signature(signature, context)
            assert status.bottom_line, status.pretty_print_details()

    def context(self) -> ValidationContext:
        """A new one, as for each file."""
        return ValidationContext(
            trust_roots=[x509.Certificate.load(der) for der in self._roots],
            other_certs=[x509.Certificate.load(der) for der in self._others],
            crls=[asn1_crl.CertificateList.load(der) for der in self._lists],
            revocation_mode="require",
            moment=stock.AT,
            best_signature_time=stock.AT,
        )
