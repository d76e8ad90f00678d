"""PDF verifications per second, without and with timestamps, against plain pyHanko.

The peer is what pyHanko's manual shows: read the file, make a validation context with roots and
revocation lists, validate each signature; a new context for each file. Ours answers more questions (for
whom it is signed, coverage to the last byte, algorithms by policy, its own judgement of revocation) and
tells them in Vietnamese.
"""

from __future__ import annotations

from io import BytesIO
from itertools import cycle
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
from tests.bench import stock
from tests.bench.measure import Act, Figure, Setup, rates

if TYPE_CHECKING:
    from collections.abc import Callable

_FORMS = {
    "agency, B-B": {},
    "agency, B-T": {"stamped": True},
    "leader and agency, B-T": {"stamped": True, "both": True},
}


def measure(setup: Setup) -> list[Figure]:
    found: list[Figure] = []
    trust = SandboxPki.open(setup.keys).trust_store()
    peer = PlainPyhanko(setup)
    for name, form in _FORMS.items():
        pdfs = [stock.signed(stock.letter(n), setup.keys, **form) for n in range(setup.sizes.files)]

        def ours(pdf: bytes) -> None:
            report = verify(pdf, policy=VN_2025, trust=trust, at=stock.AT)
            assert report.indication is Indication.TOTAL_PASSED, report.to_text_vi()

        found += rates(name, over(pdfs, ours), {"plain pyHanko": over(pdfs, peer.verify)}, setup.sizes)
    return found


def over(pdfs: list[bytes], act: Callable[[bytes], object]) -> Act:
    """Each file in its turn."""
    following = cycle(pdfs)

    def turns(count: int) -> None:
        for _ in range(count):
            act(next(following))

    return turns


class PlainPyhanko:
    """As the manual has it, with the same roots and lists as ours."""

    def __init__(self, setup: Setup) -> None:
        store = SandboxPki.open(setup.keys).trust_store()
        self._roots = [anchor.certificate.public_bytes(Encoding.DER) for anchor in store.anchors]
        self._others = [c.public_bytes(Encoding.DER) for c in store.intermediates]
        self._lists = [held.public_bytes(Encoding.DER) for held in store.revocation.crls]

    def verify(self, pdf: bytes) -> None:
        context = self._context()
        for signature in PdfFileReader(BytesIO(pdf)).embedded_signatures:
            status = validate_pdf_signature(signature, context)
            assert status.bottom_line, status.pretty_print_details()

    def _context(self) -> ValidationContext:
        return ValidationContext(
            trust_roots=[x509.Certificate.load(der) for der in self._roots],
            other_certs=[x509.Certificate.load(der) for der in self._others],
            crls=[asn1_crl.CertificateList.load(der) for der in self._lists],
            revocation_mode="require",
            moment=stock.AT,
            best_signature_time=stock.AT,
        )
