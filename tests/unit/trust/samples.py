"""PDFs with one thing about each of them, made from the sandbox PKI; `verdict` judges at a fixed time."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

from asn1crypto import cms, core
from asn1crypto import crl as asn1_crl
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name, pdf_string
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.signers.pdf_signer import PdfTimeStamper
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.validation.dss import DocumentSecurityStore

from ebrvt_connect.testing.pki import SandboxPki
from ebrvt_connect.transport.signers import sign_pdf
from ebrvt_connect.trust.anchors import TrustStore
from ebrvt_connect.trust.policy import VN_2025, VerificationPolicy
from ebrvt_connect.trust.revocation import RevocationArchive
from ebrvt_connect.trust.verdict import SignatureRole, VerificationReport
from ebrvt_connect.trust.verify import verify_bytes

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
"""When everything is judged, and signed unless a test says otherwise."""
EARLY = datetime(2015, 6, 1, 2, 0, tzinfo=UTC)
"""Before the revoked certificates were revoked and the expired ones expired."""
AGENCY = "000.00.15.H06"
OTHER_AGENCY = "000.00.08.H06"


def plain_pdf() -> bytes:
    """One page, one line, one text field: written by hand so that every offset is known."""
    content = b"BT /F1 18 Tf 72 700 Td (Van ban mau) Tj ET"
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Annots[6 0 R]"
    bodies = [
        b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[6 0 R]/DA(/F1 0 Tf 0 g)>>>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        page + b"/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>\nstream\n%s\nendstream" % (len(content), content),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        b"<</Type/Annot/Subtype/Widget/FT/Tx/T(ghichu)/V(moi)/Rect[72 600 200 620]/P 3 0 R/F 4>>",
    ]
    return assembled(bodies)


def assembled(bodies: list[bytes], trailer: bytes = b"") -> bytes:
    """A PDF of these objects, the first of them the catalogue."""
    out, offsets = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"), []
    for number, body in enumerate(bodies, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(bodies) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n" % (len(bodies) + 1, trailer, start)
    return bytes(out)


class Desk:
    """A clerk's desk with the sandbox's keys: documents come out signed well or badly."""

    def __init__(self, pki: SandboxPki, trust: TrustStore) -> None:
        self.pki = pki
        self.trust = trust

    def stamped(self, at: datetime = AT, *, impostor: bool = False) -> TimeStamper:
        return self.pki.timestamp_authority(impostor=impostor).timestamper(at)

    def signed(
        self,
        pdf: bytes | None = None,
        *,
        agency: str = AGENCY,
        role: str = "agency",
        flavour: str = "good",
        at: datetime = AT,
        timestamper: TimeStamper | None = None,
        **more: object,
    ) -> bytes:
        return sign_pdf(
            plain_pdf() if pdf is None else pdf,
            self.pki.signer(agency, role=role, flavour=flavour),
            role=SignatureRole(role),
            signed_at=at,
            timestamper=timestamper,
            **more,
        )

    def issued(self, pdf: bytes | None = None, **more: object) -> bytes:
        """The leader first, then the agency's seal."""
        return self.signed(self.signed(pdf, role="person", **more), role="agency", **more)

    def with_document_timestamp(self, pdf: bytes, at: datetime = AT) -> bytes:
        writer = IncrementalPdfFileWriter(BytesIO(pdf))
        output = PdfTimeStamper(self.stamped(at)).timestamp_pdf(writer, "sha256")
        return output.getvalue()

    def verdict(
        self, pdf: bytes, *, at: datetime = AT, policy: VerificationPolicy = VN_2025
    ) -> VerificationReport:
        return verify_bytes(pdf, policy=policy, trust=self.trust, at=at)

    def without_revocation_lists(self) -> "Desk":
        return Desk(self.pki, replace(self.trust, revocation=RevocationArchive()))

    def trusting_nobody(self) -> "Desk":
        return Desk(self.pki, replace(self.trust, anchors=()))


def updated(pdf: bytes, change: Callable[[IncrementalPdfFileWriter], None]) -> bytes:
    """The file with one more revision in which something was changed."""
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    change(writer)
    output = BytesIO()
    writer.write(output)
    return output.getvalue()


def new_page_content(writer: IncrementalPdfFileWriter) -> None:
    page = writer.root["/Pages"]["/Kids"][0]
    stream = generic.StreamObject(stream_data=b"BT /F1 18 Tf 72 700 Td (Van ban khac) Tj ET")
    page[pdf_name("/Contents")] = writer.add_object(stream)
    writer.update_container(page)


def new_annotation(writer: IncrementalPdfFileWriter) -> None:
    page = writer.root["/Pages"]["/Kids"][0]
    note = generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/Annot"),
            pdf_name("/Subtype"): pdf_name("/FreeText"),
            pdf_name("/Rect"): generic.ArrayObject(generic.NumberObject(n) for n in (0, 0, 595, 842)),
            pdf_name("/Contents"): pdf_string("de len tren"),
        }
    )
    page["/Annots"].append(writer.add_object(note))
    writer.update_container(page["/Annots"])
    writer.update_container(page)


def new_form_value(writer: IncrementalPdfFileWriter) -> None:
    field = writer.root["/AcroForm"]["/Fields"][0]
    field[pdf_name("/V")] = pdf_string("sua sau khi ky")
    writer.update_container(field)


def new_evidence(writer: IncrementalPdfFileWriter) -> None:
    """A document security store, as archives add it behind the signatures."""
    DocumentSecurityStore.supply_dss_in_writer(writer, None, certs=(), ocsps=(), crls=())


def signature_hidden(writer: IncrementalPdfFileWriter) -> None:
    """The form forgets its signature field."""
    form = writer.root["/AcroForm"]
    form[pdf_name("/Fields")] = generic.ArrayObject([form["/Fields"].raw_get(0)])
    writer.update_container(form)


def flipped_at(data: bytes, at: int) -> bytes:
    """The bytes with one bit of one of them turned."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


_PLACE = re.compile(rb"/Contents <([0-9A-Fa-f]+)>")
_RANGE = re.compile(rb"/ByteRange \[(\d+) (\d+) (\d+) (\d+)\] *")


def gap_of(pdf: bytes) -> tuple[int, int]:
    """[from, to) of the last signature's hex string with its brackets."""
    place = list(_PLACE.finditer(pdf))[-1]
    return place.start(1) - 1, place.end(1) + 1


def with_contents(pdf: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """The last signature's CMS object changed in its place; padding makes up the length."""
    start, end = gap_of(pdf)
    room = end - start - 2
    written = change(bytes.fromhex(pdf[start + 1 : end - 1].decode())).hex().encode()
    assert len(written) <= room, "the changed object does not fit"
    return pdf[: start + 1] + written.ljust(room, b"0") + pdf[end - 1 :]


def with_signed_data(pdf: bytes, change: Callable[[cms.SignedData], None]) -> bytes:
    """The last signature's SignedData changed and written back."""

    def rewrite(contents: bytes) -> bytes:
        info = cms.ContentInfo.load(contents)
        change(info["content"])
        return cms.ContentInfo({"content_type": "signed_data", "content": info["content"]}).dump()

    return with_contents(pdf, rewrite)


def with_byte_range(pdf: bytes, change: Callable[[list[int]], object]) -> bytes:
    """The last /ByteRange changed in its place."""
    match = list(_RANGE.finditer(pdf))[-1]
    numbers = [int(n) for n in match.groups()]
    change(numbers)
    written = b"/ByteRange [%s]" % b" ".join(b"%d" % n for n in numbers)
    return pdf[: match.start()] + written.ljust(match.end() - match.start()) + pdf[match.end() :]


class CopiedTimestamps(TimeStamper):
    """Hands out tokens about something else."""

    def __init__(self, honest: TimeStamper) -> None:
        super().__init__()
        self._honest = honest

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> cms.ContentInfo:
        return await self._honest.async_timestamp(bytes(len(message_digest)), md_algorithm)


def list_signed_with_sha1(crl: bytes, issuer_key: rsa.RSAPrivateKey) -> bytes:
    """The same revocation list, signed as those of the years before 2017 are."""
    made = asn1_crl.CertificateList.load(crl)
    for field in (made["tbs_cert_list"]["signature"], made["signature_algorithm"]):
        field["algorithm"] = "sha1_rsa"
    made["signature"] = issuer_key.sign(
        made["tbs_cert_list"].dump(force=True), padding.PKCS1v15(), hashes.SHA1()
    )
    return made.dump(force=True)


def signed_with_sha1(certificate: x509.Certificate, issuer_key: rsa.RSAPrivateKey) -> x509.Certificate:
    """The same certificate, signed as certificates of the years before 2017 are."""
    body = asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))["tbs_certificate"].copy()
    algorithm = {"algorithm": "sha1_rsa", "parameters": core.Null()}
    body["signature"] = algorithm
    value = issuer_key.sign(body.dump(force=True), padding.PKCS1v15(), hashes.SHA1())
    whole = {"tbs_certificate": body, "signature_algorithm": algorithm, "signature_value": value}
    return x509.load_der_x509_certificate(asn1_x509.Certificate(whole).dump())
