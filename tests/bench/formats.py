"""Verifications per second of signed XML, Office packages and CMS files, against signxml and pyHanko.

signxml answers for the mathematics alone, with the certificate put into its hand: nobody asks it who
issued that and whether it was revoked. PyHanko's CMS call is asked as its manual has it, with a new context
for each file. Office packages have no peer in Python: there the target is a rate. CPU time of one core.
"""

from __future__ import annotations

from asn1crypto import cms
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.sign.validation import async_validate_cms_signature, async_validate_detached_cms
from signxml import XMLVerifier

from ebrvt_connect.testing.pki import SandboxPki
from ebrvt_connect.testing.sample_ooxml import PackageSignature, office_parts, packed, signed_package
from ebrvt_connect.testing.sample_signed import result_paper_xml, signed_cms
from ebrvt_connect.trust.immediate import run_to_end
from ebrvt_connect.trust.xmldsig import sign_packet
from tests.bench import stock
from tests.bench.measure import Figure, Setup, aimed, alone, over, rates
from tests.bench.verifying import PlainPyhanko, Verifier

_XML_RATIO, _PACKAGES_PER_SECOND, _CMS_RATIO = 0.5, 300, 2.0
_REFERENCE = "goi-1"
_PAPER_LINES = 60
_CONTENT_BYTES = 100_000


def measure(setup: Setup) -> list[Figure]:
    pki = SandboxPki.open(setup.keys)
    judge = Verifier(pki)
    return [*xml(setup, pki, judge), *cms_files(setup, pki, judge), *packages(setup, pki, judge)]


def xml(setup: Setup, pki: SandboxPki, judge: Verifier) -> list[Figure]:
    key = pki.signer(stock.OURS)
    files = [sign_packet(packet(n), key, reference_id=_REFERENCE) for n in range(setup.sizes.files)]
    certificate = pki.identity(f"{stock.OURS}-agency-good").certificate.public_bytes(Encoding.PEM).decode()

    def bare(data: bytes) -> None:
        XMLVerifier().verify(data, x509_cert=certificate)

    peers = {"bare signxml, certificate in hand": over(files, bare)}
    what = f"XML, {len(files[0]) / 1000:.0f} kB"
    (figure,) = rates(what, over(files, judge.passes), peers, setup.sizes, cpu=True)
    return [aimed(figure, _XML_RATIO, ratio=True)]


def packet(number: int) -> bytes:
    facts = {f"Chỉ tiêu {n}": f"{n * number} hồ sơ" for n in range(_PAPER_LINES)}
    paper = result_paper_xml("Báo cáo kết quả (mẫu)", facts)
    return f'<goi Id="{_REFERENCE}">'.encode() + paper + b"</goi>"


def cms_files(setup: Setup, pki: SandboxPki, judge: Verifier) -> list[Figure]:
    """A detached signature over content beside it, and one with the content inside."""
    peer, key, found = PlainPyhanko(setup), pki.signer(stock.OURS), []
    contents = [b"%d" % n + bytes(_CONTENT_BYTES) for n in range(setup.sizes.files)]
    for what, detached in (("CMS, content beside", True), ("CMS, content inside", False)):
        signed = [signed_cms(c, [key], signed_at=stock.AT, detached=detached) for c in contents]
        files = list(zip(signed, contents, strict=True))

        def ours(file: tuple[bytes, bytes], *, detached: bool = detached) -> None:
            judge.passes(file[0], {"van-ban.bin": file[1]} if detached else None)

        def theirs(file: tuple[bytes, bytes], *, detached: bool = detached) -> None:
            content = cms.ContentInfo.load(file[0])["content"]
            if detached:
                asked = async_validate_detached_cms(file[1], content, peer.context())
            else:
                asked = async_validate_cms_signature(content, validation_context=peer.context())
            status = run_to_end(asked)
            assert (status.valid, status.intact, status.trusted) == (True, True, True)

        peers = {"plain pyHanko": over(files, theirs)}
        (figure,) = rates(what, over(files, ours), peers, setup.sizes, cpu=True)
        found.append(aimed(figure, _CMS_RATIO, ratio=True))
    return found


def packages(setup: Setup, pki: SandboxPki, judge: Verifier) -> list[Figure]:
    how, found = PackageSignature(signed_at=stock.AT), []
    key = pki.signer(stock.OURS)
    for kind in ("docx", "xlsx", "pptx"):
        files = [
            packed(signed_package(office_parts(kind, f"Văn bản {n}"), key, how))
            for n in range(setup.sizes.files)
        ]
        figure = alone(f"Office package, {kind}", over(files, judge.passes), setup.sizes)
        found.append(aimed(figure, _PACKAGES_PER_SECOND))
    return found
