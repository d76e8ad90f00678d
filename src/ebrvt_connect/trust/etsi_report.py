"""The report as ETSI TS 119 102-2 has it (báo cáo kiểm tra chữ ký dạng XML của ETSI), for every kind of file.

One `SignatureValidationReport` for each signature, and the objects they rest on, named by their digests. A
file without any has one that says so. What is wrong with the file as a whole weighs on each of its
signatures: a reader who looks at one of them alone must not take it for good.

Names of certificates are cut and cleaned of what XML cannot hold; nothing else is left out or shortened.
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from lxml import etree

from ebrvt_connect.trust.verdict import (
    DocumentKind,
    Indication,
    Severity,
    SignatureRole,
    SubIndication,
)
from ebrvt_connect.trust.words_vi import weighed
from ebrvt_connect.trust.xml_words import DIGESTS, METHODS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lxml.etree import _Element as Element

    from ebrvt_connect.trust.verdict import Finding, SignatureReport, TimestampFacts, VerificationReport

NAMESPACE: Final = "http://uri.etsi.org/19102/v1.2.1#"
_DS: Final = "http://www.w3.org/2000/09/xmldsig#"
_XADES: Final = "http://uri.etsi.org/01903/v1.3.2#"
_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
_PREFIXES = {
    None: NAMESPACE,
    "ds": _DS,
    "XAdES": _XADES,
    "xs": "http://www.w3.org/2001/XMLSchema",
    "xsi": _XSI,
}
_URN = "urn:etsi:019102"
OWN_URN: Final = "urn:ebrvt-connect"
"""Before what ETSI has no name for: our policies and findings."""
_MAIN = {
    Indication.TOTAL_PASSED: "total-passed",
    Indication.INDETERMINATE: "indeterminate",
    Indication.TOTAL_FAILED: "total-failed",
}
_DIGEST_URIS = {name: uri for uri, (_, name) in DIGESTS.items()}
_METHOD_URIS = {(mechanism, digest): uri for uri, (_, mechanism, digest) in METHODS.items()}
_INSECURE = frozenset({"WEAK_DIGEST", "WEAK_KEY", "OUTDATED_DIGEST", "SIGNATURE_METHOD_NOT_ALLOWED"})
_NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LONGEST_NAME = 400
_OBJECTS = {"C": "certificate", "R": "CRL", "O": "OCSPResponse", "T": "timestamp", "D": "signedData"}


def render(report: VerificationReport) -> bytes:
    """The XML (UTF-8, with its declaration); the same report gives the same bytes."""
    return render_all([report])


def render_all(reports: Sequence[VerificationReport]) -> bytes:
    """Several reports as one: their signatures one after the other, each with the document it is about.

    Of two objects with one digest there is one; of two files with one signature each has its own entry.
    """
    root: Element = etree.Element(f"{{{NAMESPACE}}}ValidationReport", nsmap=_PREFIXES)
    objects: dict[str, Element] = {}
    for number, report in enumerate(reports, 1):
        _Writer(report, f"F{number}-" if len(reports) > 1 else "", objects).write(root)
    listed = _added(root, "SignatureValidationObjects")
    listed.extend(objects.values())
    etree.indent(root)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8") + b"\n"


@dataclass(slots=True)
class _Writer:
    """Writes one report; objects are collected as signatures refer to them."""

    report: VerificationReport
    _mark: str
    """What tells this file's signatures from those of others in one report."""
    _objects: dict[str, Element]

    def write(self, root: Element) -> None:
        for signature in self.report.signatures:
            self._signature(root, signature)
        if not self.report.signatures:
            self._no_signature(root)
        if self.report.sha256:
            self._object("D", self.report.sha256)

    # --- one signature -----------------------------------------------------------------------------

    def _signature(self, root: Element, signature: SignatureReport) -> None:
        """In the order the schema asks for."""
        entry = _added(root, "SignatureValidationReport")
        self._identifier(entry, signature)
        self._policy(entry)
        self._times(entry, signature)
        self._document(entry, signature)
        self._attributes(entry, signature)
        self._signer(entry, signature)
        self._process(entry, long_term=signature.best_time is not None and bool(self._proof(signature)))
        indication, reasons = self._verdict_on(signature)
        status = _status(entry, indication, reasons)
        self._data(_added(status, "AssociatedValidationReportData"), signature)

    def _no_signature(self, root: Element) -> None:
        """The schema wants one entry at least; this one names no signature."""
        report = self.report
        entry = _added(root, "SignatureValidationReport")
        self._policy(entry)
        times = _added(entry, "ValidationTimeInfo")
        _added(times, "ValidationTime", _when(report.validation_time))
        _proof_of_time(_added(times, "BestSignatureTime"), report.validation_time, "validation")
        self._process(entry, long_term=False)
        status = _status(entry, report.indication, report.sub_indications)
        self._findings(_added(status, "AssociatedValidationReportData"), ())

    def _verdict_on(self, signature: SignatureReport) -> tuple[Indication, tuple[SubIndication, ...]]:
        """The signature's own verdict, or the file's where something is wrong with the file."""
        report, together = self.report, weighed(self.report, signature)
        own = () if signature.sub_indication is None else (signature.sub_indication,)
        if not any(f.severity is Severity.ERROR for f in report.findings):
            return together, own
        kept = own if together is signature.indication else ()
        return together, tuple(dict.fromkeys([*kept, *report.sub_indications]))

    def _identifier(self, entry: Element, signature: SignatureReport) -> None:
        identity = signature.identity
        element = _added(entry, "SignatureIdentifier", id=self._id_of(signature))
        if identity is not None:
            _digest(element, identity.digest_algorithm, identity.digest)
            etree.SubElement(element, f"{{{_DS}}}SignatureValue").text = _text(identity.value)
        _added(element, "HashOnly", "false")
        _added(element, "DocHashOnly", "false")
        if signature.field:
            _added(element, "DAIdentifier", _shown(signature.field))

    def _id_of(self, signature: SignatureReport) -> str:
        """Numbered too: a signature copied into a file a second time has the same value."""
        digest = "" if signature.identity is None else f"-{signature.identity.digest}"
        return f"S-{self._mark}{signature.index}{digest}"

    def _policy(self, entry: Element) -> None:
        policy = self.report.policy
        told = _added(_added(entry, "ValidationConstraintsEvaluationReport"), "SignatureValidationPolicy")
        named = _xades(_added(told, "SignaturePolicyIdentifier"), "SignaturePolicyId")
        identifier = _xades(_xades(named, "SigPolicyId"), "Identifier")
        identifier.text = f"{OWN_URN}:policy:{_text(policy.id)}:{_text(policy.version)}"
        _digest_parts(_xades(named, "SigPolicyHash"), "sha256", policy.sha256)
        _added(told, "PolicyName", f"{policy.id} {policy.version}")

    def _times(self, entry: Element, signature: SignatureReport) -> None:
        """A claimed time counts by our policy alone; where nothing is known, this check is the proof."""
        times = _added(entry, "ValidationTimeInfo")
        _added(times, "ValidationTime", _when(self.report.validation_time))
        element = _added(times, "BestSignatureTime")
        best = signature.best_time
        if best is None:
            _proof_of_time(element, self.report.validation_time, "validation")
            return
        _proof_of_time(element, best.value, "policy" if best.proof == "claimed" else "validation")
        if proof := self._proof(signature):
            _refer(element, "POEObject", proof)

    def _proof(self, signature: SignatureReport) -> str:
        """The timestamp that proves the best time; empty for none among those we have."""
        best = signature.best_time
        if best is None or best.proof != "timestamp":
            return ""
        # A document timestamp over this signature is a signature of the report itself.
        every = (t for s in (signature, *self.report.signatures) for t in s.timestamps)
        found = next((t for t in every if t.valid and t.kind != "content" and t.time == best.value), None)
        return "" if found is None else self._timestamp(found)

    def _document(self, entry: Element, signature: SignatureReport) -> None:
        """What was signed: the covered bytes, where they have a digest of their own, else the file."""
        identity = signature.identity
        if identity is not None and identity.content_digest:
            element = _added(entry, "SignersDocument")
            _digest(element, identity.digest_algorithm, identity.content_digest)
        elif self.report.kind in (DocumentKind.XML, DocumentKind.EDXML, DocumentKind.OOXML):
            element = _added(entry, "SignersDocument")
            _digest(element, "sha256", self.report.sha256)
        else:
            return
        if reference := self._object("D", self.report.sha256):
            _refer(element, "SignersDocumentRef", reference)

    def _attributes(self, entry: Element, signature: SignatureReport) -> None:
        made = etree.Element(f"{{{NAMESPACE}}}SignatureAttributes")
        if signature.claimed_time is not None:
            _added(_added(made, "SigningTime"), "Time", _when(signature.claimed_time))
        if signature.role is not SignatureRole.TIMESTAMP:
            self._stamps(made, signature)
        if self.report.kind is DocumentKind.PDF and signature.format:
            _added(_added(made, "SubFilter"), "SubFilterElement", _shown(signature.format))
        if len(made):
            entry.append(made)

    def _stamps(self, made: Element, signature: SignatureReport) -> None:
        """Those over the content, which the signature covers; over the signature; over its evidence too."""
        for kind, name, signed in (
            ("content", "AllDataObjectsTimeStamp", "true"),
            ("signature", "SignatureTimeStamp", "false"),
            ("archive", "ArchiveTimeStamp", "false"),
        ):
            for stamp in (t for t in signature.timestamps if t.kind == kind):
                element = _added(made, name, Signed=signed)
                if reference := self._timestamp(stamp):
                    _refer(element, "AttributeObject", reference)
                _added(element, "TimeStampValue", _when(stamp.time))

    def _signer(self, entry: Element, signature: SignatureReport) -> None:
        certificate = signature.certificate
        if certificate is None:
            return
        element = _added(entry, "SignerInformation")
        _refer(element, "SignerCertificate", self._object("C", certificate.sha256))
        if signature.signer.cn:
            _added(element, "Signer", _shown(signature.signer.cn))

    def _process(self, entry: Element, *, long_term: bool) -> None:
        name = "LTVM" if long_term else "Basic"
        element = _added(entry, "SignatureValidationProcess")
        _added(element, "SignatureValidationProcessID", f"{_URN}:validationprocess:{name}")

    # --- what the verdict rests on -----------------------------------------------------------------

    def _data(self, data: Element, signature: SignatureReport) -> None:
        chain = [self._object("C", sha256) for sha256 in signature.chain]
        if chain:
            _refer(data, "TrustAnchor", chain[-1])
            element = _added(data, "CertificateChain")
            _refer(element, "SigningCertificate", chain[0])
            for reference in chain[1:-1]:
                _refer(element, "IntermediateCertificate", reference)
            _refer(element, "TrustAnchor", chain[-1])
        self._revocation(data, signature)
        self._algorithm(data, signature)
        self._findings(data, signature.findings)

    def _revocation(self, data: Element, signature: SignatureReport) -> None:
        state = signature.revocation
        letter = "O" if state.source == "ocsp" else "R"
        source = self._object(letter, state.sha256) if state.sha256 else ""
        if source:
            _refer(data, "RelatedValidationObject", source)
        if state.revoked_at is None or signature.certificate is None:
            return
        element = _added(data, "RevocationStatusInformation")
        _refer(element, "ValidationObjectId", self._object("C", signature.certificate.sha256))
        _added(element, "RevocationTime", _when(state.revoked_at))
        if state.status == "suspended":
            _added(element, "RevocationReason", f"{_URN}:revocationReason:certificateHold")
        if source:
            _refer(element, "RevocationObject", source)

    def _algorithm(self, data: Element, signature: SignatureReport) -> None:
        used = signature.algorithms
        if not used.signature:
            return
        unnamed = f"{OWN_URN}:algorithm:{_text(used.signature)}:{_text(used.digest)}"
        element = _added(data, "CryptoInformation")
        _refer(element, "ValidationObjectId", self._id_of(signature))
        _added(element, "Algorithm", _METHOD_URIS.get((used.signature, used.digest), unnamed))
        secure = _INSECURE.isdisjoint(f.code for f in signature.findings)
        _added(element, "SecureAlgorithm", str(secure).lower())

    def _findings(self, data: Element, found: Iterable[Finding]) -> None:
        """Those about the file first: they weigh on every signature."""
        each = (*self.report.findings, *found)
        if not each:
            return
        listed = _added(data, "AdditionalValidationReportData")
        for finding in each:
            for language, sentence in (("vi", finding.message_vi), ("en", finding.message_en)):
                entry = _added(listed, "ReportData")
                name = f"{OWN_URN}:finding:{finding.severity.value}:{finding.code}:{language}"
                _added(entry, "Type", name)
                law = f" [{finding.legal_ref}]" if finding.legal_ref else ""
                value = _added(entry, "Value", f"{sentence}{law}")
                value.set(f"{{{_XSI}}}type", "xs:string")

    # --- objects -----------------------------------------------------------------------------------

    def _timestamp(self, stamp: TimestampFacts) -> str:
        """A timestamp among the objects, with what it proves and its verdict."""
        if not stamp.sha256:
            return ""
        known = f"T-{stamp.sha256}" in self._objects
        reference = self._object("T", stamp.sha256)
        if not known:
            element = self._objects[reference]
            _added(_added(element, "POEProvisioning"), "POETime", _when(stamp.time))
            status = _added(_added(element, "ValidationReport"), "SignatureValidationStatus")
            word = "passed" if stamp.valid else "indeterminate"
            _added(status, "MainIndication", f"{_URN}:mainindication:{word}")
            if not stamp.valid:
                _added(status, "SubIndication", f"{_URN}:subindication:GENERIC")
        return reference

    def _object(self, letter: str, sha256: str) -> str:
        """A validation object by its digest, once; gives its id."""
        identifier = f"{letter}-{sha256}"
        if identifier not in self._objects:
            element = etree.Element(f"{{{NAMESPACE}}}ValidationObject", id=identifier)
            _added(element, "ObjectType", f"{_URN}:validationObject:{_OBJECTS[letter]}")
            _digest(_added(element, "ValidationObjectRepresentation"), "sha256", sha256)
            self._objects[identifier] = element
        return identifier


def _status(entry: Element, indication: Indication, reasons: Iterable[SubIndication]) -> Element:
    element = _added(entry, "SignatureValidationStatus")
    _added(element, "MainIndication", f"{_URN}:mainindication:{_MAIN[indication]}")
    for reason in reasons:
        _added(element, "SubIndication", f"{_URN}:subindication:{reason.value}")
    return element


def _proof_of_time(element: Element, moment: datetime, kind: str) -> None:
    _added(element, "POETime", _when(moment))
    _added(element, "TypeOfProof", f"{_URN}:poetype:{kind}")


def _digest(parent: Element, algorithm: str, value: str) -> None:
    _digest_parts(_added(parent, "DigestAlgAndValue"), algorithm, value)


def _digest_parts(parent: Element, algorithm: str, value: str) -> None:
    uri = _DIGEST_URIS.get(algorithm, f"{OWN_URN}:digest:{_text(algorithm)}")
    etree.SubElement(parent, f"{{{_DS}}}DigestMethod", Algorithm=uri)
    etree.SubElement(parent, f"{{{_DS}}}DigestValue").text = b64encode(bytes.fromhex(value)).decode()


def _added(parent: Element, name: str, text: str | None = None, **attributes: str) -> Element:
    element: Element = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}", attributes)
    if text is not None:
        element.text = _text(text)
    return element


def _xades(parent: Element, name: str) -> Element:
    element: Element = etree.SubElement(parent, f"{{{_XADES}}}{name}")
    return element


def _refer(parent: Element, name: str, identifier: str) -> None:
    _added(parent, name, VOReference=identifier)


def _when(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _shown(name: str) -> str:
    """A name that a stranger chose, on one line and of bounded length."""
    line = " ".join(_text(name).split())
    return line if len(line) <= _LONGEST_NAME else line[: _LONGEST_NAME - 1] + "…"


def _text(text: str) -> str:
    """What XML 1.0 can hold of a text; the rest is told by a replacement character."""
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)


__all__ = ["NAMESPACE", "OWN_URN", "render", "render_all"]
