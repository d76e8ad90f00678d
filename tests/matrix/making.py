"""Making the files of the matrix: a situation, signed in a format, spoilt afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from io import BytesIO
from typing import Any

from asn1crypto import cms
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.ades.api import CAdESSignedAttrSpec
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.validation.dss import DocumentSecurityStore

from ebrvt_connect.api import verify_packet
from ebrvt_connect.ports.signer import Signer
from ebrvt_connect.testing import sample_archived_cms, sample_archived_xml
from ebrvt_connect.testing.sample_signed import result_paper_xml, signed_cms, signed_xml
from ebrvt_connect.transport.signers import KeySigner
from ebrvt_connect.transport.signing_cms import CmsSigner, run_steps
from ebrvt_connect.trust.anchors import TrustStore
from ebrvt_connect.trust.policy import VerificationPolicy
from ebrvt_connect.trust.verdict import Indication, SubIndication, VerificationReport
from ebrvt_connect.trust.verify import verify_bytes
from tests.matrix.papers import packet_of
from tests.matrix.spoiling import SPOILS, UNSIGNED
from tests.unit.trust import ooxml_resigned
from tests.unit.trust.ooxml_samples import HOW, SIGNATURE, office_parts, packed, signed_package
from tests.unit.trust.packet_samples import edxml
from tests.unit.trust.samples import AGENCY, AT, EARLY, OTHER_AGENCY, CopiedTimestamps, Desk, plain_pdf
from tests.unit.trust.xades_samples import xades_signed

CONTENT = b"Van ban mau, trang 1 cua 1.\n" * 9
DETACHED = "van-ban.txt"
BEFORE_2020 = datetime(2019, 10, 1, 1, 0, tzinfo=UTC)
AFTER_2020 = datetime(2021, 10, 1, 1, 0, tzinfo=UTC)
FUTURE = datetime(2027, 3, 1, 1, 0, tzinfo=UTC)
XADES_CONTENT = b'<goi Id="pkt-1"><giaTri>21.37</giaTri></goi>'


@dataclass(frozen=True)
class Situation:
    """Who signs when with what, and whom the verifier trusts."""

    flavour: str = "good"
    claimed: datetime = AT
    stamped: datetime | None = None
    authority: str = "good"
    """Of the timestamp: good, impostor, or one whose token is about something else."""
    digest: str = "sha256"
    store: str = "all"
    """all, no anchors, no lists."""
    content_stamped: bool = False
    """Whether the signer stamped the content at that time too, before signing."""
    archived: datetime | None = None
    """Time of a document timestamp or archive timestamp over everything."""
    archivist: str = "good"
    """Of that one, as `authority` of the other."""


_PLAIN: Mapping[str, Situation] = {
    "good": Situation(),
    "tampered": Situation(),
    "value-broken": Situation(),
    "expired-claimed-before": Situation("expired", EARLY),
    "expired-claimed-after": Situation("expired"),
    "revoked-claimed-before": Situation("revoked", EARLY),
    "revoked-claimed-after": Situation("revoked"),
    "expired-stamped-before": Situation("expired", EARLY, EARLY),
    "expired-stamped-after": Situation("expired", EARLY, AT),
    "revoked-stamped-before": Situation("revoked", EARLY, EARLY),
    "revoked-stamped-after": Situation("revoked", EARLY, AT),
    "expired-archived-before": Situation("expired", EARLY, archived=EARLY),
    "revoked-archived-before": Situation("revoked", EARLY, archived=EARLY),
    "expired-archived-after": Situation("expired", EARLY, archived=AT),
    "revoked-archived-after": Situation("revoked", EARLY, archived=AT),
    "archive-of-unknown-authority": Situation(stamped=AT, archived=AT, archivist="impostor"),
    "expired-archived-by-unknown": Situation("expired", EARLY, archived=EARLY, archivist="impostor"),
    "archive-of-something-else": Situation(stamped=AT, archived=AT, archivist="copied"),
    "archive-older-than-the-stamp": Situation(stamped=AT, archived=EARLY),
    "content-stamped": Situation(stamped=AT, content_stamped=True),
    "expired-content-stamped-after": Situation("expired", EARLY, AT, content_stamped=True),
    "revoked-content-stamped-after": Situation("revoked", EARLY, AT, content_stamped=True),
    "not-yet-valid": Situation("future"),
    "weak-key": Situation("weak"),
    "weak-digest": Situation(digest="sha1"),
    "weak-digest-stamped-before-2020": Situation(claimed=BEFORE_2020, stamped=BEFORE_2020, digest="sha1"),
    "weak-digest-stamped-after-2020": Situation(claimed=AFTER_2020, stamped=AFTER_2020, digest="sha1"),
    "wrong-anchor": Situation(store="no anchors"),
    "same-name-anchor": Situation("impostor"),
    "revocation-missing": Situation(store="no lists"),
    "anothers-certificate": Situation("anothers"),
    "stamp-of-unknown-authority": Situation(stamped=AT, authority="impostor"),
    "stamp-of-something-else": Situation(stamped=AT, authority="copied"),
    "stamp-in-the-future": Situation(stamped=FUTURE),
}


def situation_of(level: str, case: str) -> Situation:
    """The situation of a case; from B-T on there is a timestamp, for B-LTA one over the whole file."""
    found = _PLAIN.get(case, Situation())
    if level == "B-B" or found.archived is not None:
        return found
    found = found if found.stamped else replace(found, stamped=found.claimed)
    return replace(found, archived=found.stamped) if level == "B-LTA" else found


@dataclass
class Workshop:
    """Makes the files of the matrix, each once."""

    desk: Desk
    made: dict[tuple[str, str, str], tuple[bytes, dict[str, bytes]]] = field(default_factory=dict)
    papers: dict[tuple[str, str], tuple[Any, Mapping[str, bytes]]] = field(default_factory=dict)

    @cached_property
    def packet(self) -> bytes:
        """An edXML message with one sound document in it; nobody has signed the envelope."""
        return bytes(edxml({"cv.pdf": self.desk.issued(timestamper=self.desk.stamped())}))

    def judged(
        self, form: str, level: str, case: str, policy: VerificationPolicy
    ) -> tuple[Indication, tuple[SubIndication, ...]]:
        """What the verifier says of the file."""
        if case.startswith("rule:"):
            return self._judged_by_record(form, case.removeprefix("rule:"), policy)
        report = self.report(form, level, case, policy)
        return report.indication, report.sub_indications

    def report(self, form: str, level: str, case: str, policy: VerificationPolicy) -> VerificationReport:
        """The verifier's report of the file."""
        key = (form, level, case)
        if key not in self.made:
            self.made[key] = self._make(form, level, case)
        data, beside = self.made[key]
        trust = self._store(situation_of(level, case).store)
        return verify_bytes(data, policy=policy, trust=trust, at=AT, detached=beside)

    def _judged_by_record(
        self, form: str, rule: str, policy: VerificationPolicy
    ) -> tuple[Indication, tuple[SubIndication, ...]]:
        """What is said of the document: its files and their signatures, held against its record."""
        if (form, rule) not in self.papers:
            self.papers[form, rule] = packet_of(self.desk, form, rule)
        packet, files = self.papers[form, rule]
        report = verify_packet(packet, files, policy=policy, trust=self.desk.trust, at=AT)
        return report.indication, report.sub_indications

    def _store(self, which: str) -> TrustStore:
        if which == "no anchors":
            return self.desk.trusting_nobody().trust
        return self.desk.without_revocation_lists().trust if which == "no lists" else self.desk.trust

    def _make(self, form: str, level: str, case: str) -> tuple[bytes, dict[str, bytes]]:
        if case == "none":
            return UNSIGNED[form](), {}
        situation = situation_of(level, case)
        people = ["person", "agency"] if case == "leader-then-seal" else ["agency"]
        signers = [self._signer(situation, role) for role in people]
        data, beside = _FORMATS[form](self, signers, situation)
        if level in {"B-LT", "B-LTA"}:
            data = self._with_evidence(form, data)
        if situation.archived is not None:
            data = self._archived(form, data, situation)
        spoil: Callable[[bytes, dict[str, bytes]], tuple[bytes, dict[str, bytes]]] | None
        spoil = SPOILS.get((form, case)) or SPOILS.get((_KINDS.get(form, form), case))
        if spoil is None and case not in _PLAIN and case != "leader-then-seal":
            raise KeyError(f"{form} {case}: nobody knows how to make it")
        return (data, beside) if spoil is None else spoil(data, beside)

    def _signer(self, situation: Situation, role: str = "agency", agency: str = AGENCY) -> Signer:
        if situation.flavour != "anothers":
            return self.desk.pki.signer(agency, role=role, flavour=situation.flavour)
        key, named = (self.desk.pki.identity(f"{a}-{role}-good") for a in (agency, OTHER_AGENCY))
        leaf, *chain = (
            asn1_x509.Certificate.load(c.public_bytes(Encoding.DER))
            for c in (named.certificate, *named.chain)
        )
        return KeySigner(leaf, key.key, chain)

    def stamper(self, situation: Situation) -> TimeStamper | None:
        return None if situation.stamped is None else self._by(situation.stamped, situation.authority)

    def _by(self, at: datetime, authority: str) -> TimeStamper:
        made = self.desk.stamped(at, impostor=authority == "impostor")
        return CopiedTimestamps(made) if authority == "copied" else made

    def _with_evidence(self, form: str, data: bytes) -> bytes:
        """Certificates and lists beside the signature; in a PDF in a document security store."""
        folder = self.desk.pki.trust_folder / "crl"
        lists = [path.read_bytes() for path in sorted(folder.iterdir())]
        issuers = [self.desk.pki.identity(name).certificate for name in ("issuer", "tsa-issuer")]
        certificates = [issuer.public_bytes(Encoding.DER) for issuer in issuers]
        if form != "pdf":
            return _ARCHIVES[form].with_validation_data(data, certificates=certificates, crls=lists)
        out = BytesIO(data)
        writer = IncrementalPdfFileWriter(out)
        DocumentSecurityStore.supply_dss_in_writer(
            writer,
            None,
            certs=[asn1_x509.Certificate.load(c) for c in certificates],
            crls=[cms.CertificateList.load(each) for each in lists],
        )
        writer.write_in_place()
        return out.getvalue()

    def _archived(self, form: str, data: bytes, situation: Situation) -> bytes:
        """A timestamp over all there is."""
        assert situation.archived is not None
        if form == "pdf":
            return self.desk.with_document_timestamp(data, situation.archived)
        stamper = self._by(situation.archived, situation.archivist)
        if form == "p7s":
            return sample_archived_cms.with_archive_timestamp(data, stamper, content=CONTENT)
        return _ARCHIVES[form].with_archive_timestamp(data, stamper)


# --- formats -------------------------------------------------------------------------------------------

_Made = tuple[bytes, dict[str, bytes]]
_ARCHIVES = {
    "xades": sample_archived_xml,
    "edxml": sample_archived_xml,
    "cms": sample_archived_cms,
    "p7s": sample_archived_cms,
}
_KINDS = {"adbe": "pdf", "xades": "xml", "edxml": "xml", "docx": "ooxml", "xlsx": "ooxml", "pptx": "ooxml"}


def _pdf(shop: Workshop, signers: list[Signer], situation: Situation, *, pades: bool = True) -> _Made:
    from ebrvt_connect.transport.signers import sign_pdf

    pdf = plain_pdf()
    for signer in signers:
        pdf = sign_pdf(
            pdf,
            signer,
            role="agency",
            signed_at=situation.claimed,
            timestamper=shop.stamper(situation),
            digest=situation.digest,
            pades=pades,
        )
    return pdf, {}


def _adbe(shop: Workshop, signers: list[Signer], situation: Situation) -> _Made:
    return _pdf(shop, signers, situation, pades=False)


def _xml(shop: Workshop, signers: list[Signer], situation: Situation) -> _Made:
    return signed_xml(result_paper_xml("Giấy phép", {"Số": "12"}), signers), {}


def _enveloped(
    shop: Workshop, signers: list[Signer], situation: Situation, content: bytes = XADES_CONTENT
) -> _Made:
    (signer,) = signers
    stamper = shop.stamper(situation)
    made = xades_signed(signer, content, at=situation.claimed, timestamper=stamper, digest=situation.digest)
    return made, {}


def _edxml(shop: Workshop, signers: list[Signer], situation: Situation) -> _Made:
    return _enveloped(shop, signers, situation, shop.packet)


def _cms(shop: Workshop, signers: list[Signer], situation: Situation, *, detached: bool = False) -> _Made:
    if situation.content_stamped:
        (signer,) = signers
        return _content_stamped(signer, situation, shop.stamper(situation)), {}
    data = signed_cms(
        CONTENT,
        signers,
        signed_at=situation.claimed,
        detached=detached,
        timestamper=shop.stamper(situation),
        digest=situation.digest,
        cades=situation.digest != "sha1",
    )
    return data, {DETACHED: CONTENT} if detached else {}


def _content_stamped(signer: Signer, situation: Situation, stamper: TimeStamper | None) -> bytes:
    """CAdES with a content timestamp: it proves that the signature was made no earlier."""
    attributes = PdfCMSSignedAttributes(
        signing_time=situation.claimed, cades_signed_attrs=CAdESSignedAttrSpec(timestamp_content=True)
    )
    steps = CmsSigner(signer).async_sign_general_data(
        CONTENT,
        "sha256",
        detached=False,
        use_cades=True,
        timestamper=stamper,
        signed_attr_settings=attributes,
    )
    return bytes(run_steps(steps).dump())


def _p7s(shop: Workshop, signers: list[Signer], situation: Situation) -> _Made:
    return _cms(shop, signers, situation, detached=True)


def _package(kind: str) -> Callable[[Workshop, list[Signer], Situation], _Made]:
    def make(shop: Workshop, signers: list[Signer], situation: Situation) -> _Made:
        (signer,) = signers
        how = replace(HOW, signed_at=situation.claimed, digest=situation.digest)
        parts = signed_package(office_parts(kind), signer, how)
        stamper = shop.stamper(situation)
        if stamper is not None:
            parts[SIGNATURE] = ooxml_resigned.resigned(parts, signer, how=how, stamp=stamper)
        return packed(parts), {}

    return make


_FORMATS: Mapping[str, Callable[[Workshop, list[Signer], Situation], _Made]] = {
    "pdf": _pdf,
    "adbe": _adbe,
    "xml": _xml,
    "xades": _enveloped,
    "edxml": _edxml,
    "cms": _cms,
    "p7s": _p7s,
    "docx": _package("docx"),
    "xlsx": _package("xlsx"),
    "pptx": _package("pptx"),
}
