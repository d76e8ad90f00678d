"""Signatures with proofs of time of every kind: before the signature, over it, around it; and old forms."""

import hashlib
from dataclasses import replace
from io import BytesIO

from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.ades.api import CAdESSignedAttrSpec
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes
from pyhanko.sign.signers.pdf_signer import PdfTimeStamper
from pyhanko.sign.validation.dss import DocumentSecurityStore

from ebrvt_connect.testing.pki import _asn1
from ebrvt_connect.testing.pki_issue import Request, issue
from ebrvt_connect.testing.timestamp_authority import TimestampAuthority
from ebrvt_connect.transport.signers import KeySigner
from ebrvt_connect.transport.signing_cms import CmsSigner, run_steps
from tests.unit.trust.samples import AGENCY, AT, gap_of, updated, with_contents


class ContentStamped(CmsSigner):
    """Has the content stamped before it signs, and the stamp signed along."""

    def __init__(self, key, before):
        super().__init__(key)
        self._before = before

    async def signed_attrs(self, data_digest, digest_algorithm, attr_settings=None, **more):
        settings = replace(
            attr_settings or PdfCMSSignedAttributes(),
            cades_signed_attrs=CAdESSignedAttrSpec(timestamp_content=True),
        )
        more["timestamper"] = self._before
        return await super().signed_attrs(data_digest, digest_algorithm, settings, **more)


def key_signer(identity):
    return KeySigner(_asn1(identity.certificate), identity.key, [_asn1(c) for c in identity.chain])


def stamper_of(pki, at, **about):
    """A timestamp authority of our own making, under the sandbox's authority for timestamps."""
    from cryptography.x509.oid import ExtendedKeyUsageOID

    request = Request("Dấu thời gian thử", **{"purpose": ExtendedKeyUsageOID.TIME_STAMPING, **about})
    identity = issue(request, pki.identity("tsa-issuer"), pki.identity("tsa").key)
    return TimestampAuthority(key_signer(identity)).timestamper(at)


def content_stamped(desk, *, before, flavour="good", at=AT, after=None):
    """A PDF whose content was stamped before signing, and with `after` the signature too."""
    from ebrvt_connect.transport.signers import sign_pdf
    from tests.unit.trust.samples import plain_pdf

    signer = ContentStamped(desk.pki.signer(AGENCY, flavour=flavour), before)
    # The room is that of a timestamped signature: the one inside needs it.
    return sign_pdf(plain_pdf(), signer, role="agency", signed_at=at, timestamper=after or _None(before))


def _None(stamper):  # noqa: N802
    return stamper


def content_stamped_cms(desk, content, *, before, flavour="good", at=AT, detached=False, after=None):
    signer = ContentStamped(desk.pki.signer(AGENCY, flavour=flavour), before)
    made = signer.async_sign_general_data(
        content,
        "sha256",
        detached=detached,
        use_cades=True,
        timestamper=after,
        signed_attr_settings=PdfCMSSignedAttributes(signing_time=at),
    )
    return run_steps(made).dump()


def document_stamped(pdf, stamper, digest="sha256"):
    """The file with a document timestamp by `stamper` behind everything."""
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    return PdfTimeStamper(stamper).timestamp_pdf(writer, digest).getvalue()


def with_store(pdf, *, certs=(), crls=(), ocsps=()):
    """The file with a DSS behind everything: certificates (`x509`), lists and answers (DER)."""
    from asn1crypto import crl as asn1_crl
    from asn1crypto import ocsp as asn1_ocsp
    from asn1crypto import x509 as asn1_x509

    def supply(writer):
        DocumentSecurityStore.supply_dss_in_writer(
            writer,
            None,
            certs=[asn1_x509.Certificate.load(c.public_bytes(Encoding.DER)) for c in certs],
            crls=[asn1_crl.CertificateList.load(c) for c in crls],
            ocsps=[asn1_ocsp.OCSPResponse.load(o) for o in ocsps],
        )

    return updated(pdf, supply)


def lists_of(trust):
    return [crl.public_bytes(Encoding.DER) for crl in trust.revocation.crls]


def pkcs7_sha1(desk, *, at, stamper=None, digest="sha1", spoil=False, flavour="good"):
    """A PDF of the old form: the CMS holds the SHA-1 of the byte range as its content."""
    pdf = desk.signed(at=at, timestamper=desk.stamped(at)).replace(
        b"/ETSI.CAdES.detached", b"/adbe.pkcs7.sha1    "
    )
    start, end = gap_of(pdf)
    about = hashlib.sha1(pdf[:start] + pdf[end:]).digest()
    if spoil:
        about = bytes(20)
    made = CmsSigner(desk.pki.signer(AGENCY, flavour=flavour)).async_sign_general_data(
        about,
        digest,
        detached=False,
        timestamper=stamper,
        signed_attr_settings=PdfCMSSignedAttributes(signing_time=at),
    )
    der = run_steps(made).dump()
    return with_contents(pdf, lambda _: der)
