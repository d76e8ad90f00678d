"""One XML signature, examined step by step.

1. Shape, algorithms, references (`trust.xml_reading`). 2. The signer's certificate: KeyInfo is a hint.
3. Digests and signature value, with that certificate: the plain form by `trust.sound_xml`, the rest by
signxml, with nothing of its own trust. 4. What it covers, and what it leaves open. The rest is as in every
format (`trust.examination`).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import partial
from hashlib import new as new_hash
from typing import TYPE_CHECKING, Any, Literal

from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm
from signxml.exceptions import InvalidDigest, InvalidInput, InvalidSignature
from signxml.verifier import SignatureConfiguration, VerifyResult, XMLVerifier

from ebrvt_connect.trust import findings, xml_findings
from ebrvt_connect.trust.archive_stamps_xml import archive_stamps_in_xml
from ebrvt_connect.trust.catalogue import Refused
from ebrvt_connect.trust.etsi_identity import identity_of_xml
from ebrvt_connect.trust.examination import Proved, SignatureReading, Stamp, examine
from ebrvt_connect.trust.second_opinion import doubt_about_signer
from ebrvt_connect.trust.sound_xml import plainly_signed
from ebrvt_connect.trust.verdict import Coverage, SignatureReport
from ebrvt_connect.trust.xml_alone import adopt, alone, inherited
from ebrvt_connect.trust.xml_countersignatures import confirmed_value
from ebrvt_connect.trust.xml_prefixes import loose_value
from ebrvt_connect.trust.xml_properties import (
    SignedProperties,
    content_tokens,
    evidence_in_xml,
    is_countersigned,
    timestamped_values,
    uncounted_timestamps,
)
from ebrvt_connect.trust.xml_reading import (
    is_plain_holder,
    names_outside,
    path_of,
    read_signature,
    unsigned_parts,
)
from ebrvt_connect.trust.xml_words import METHODS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    ContentOf = Callable[["XmlSignature", "VerificationPolicy"], "Content"]
    """What a signature is about, told by its kind of file."""

    from asn1crypto import cms
    from cryptography import x509
    from lxml.etree import _Element as Element

    from ebrvt_connect.trust.grounds import CertificateJudgement, Grounds
    from ebrvt_connect.trust.policy import VerificationPolicy
    from ebrvt_connect.trust.verdict import Finding
    from ebrvt_connect.trust.xml_reading import XmlSignature

_SHOWN_CHARS = 60

# It logs whole documents as they are canonicalized.
logging.getLogger("signxml").setLevel(logging.CRITICAL + 1)


@dataclass(frozen=True, slots=True)
class ExaminedXml:
    """A signature's report, and what it signed where that holds."""

    report: SignatureReport
    signed: tuple[tuple[Element, bytes], ...] = field(default=(), repr=False)
    """(element of the file, the canonical bytes its digest was made of); empty unless all of it holds."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the signature shows of its signer (`grounds.ShownSigner`)."""

    leaf: x509.Certificate
    others: tuple[x509.Certificate, ...]
    digest: str
    mechanism: str


@dataclass(frozen=True, slots=True)
class Content:
    """What a signature is about, as its kind of file has it."""

    coverage: Coverage
    found: tuple[Finding, ...] = ()
    """What was changed of it, or left open."""
    integrity: bool = True
    """Whether digests hold that the signature itself does not speak of."""
    digests: tuple[str, ...] = ()
    """Their algorithms, in the words of a report."""
    claimed_time: datetime | None = None
    """A signing time stated outside of XAdES properties, where there are none."""
    format: str = ""
    """Stands before `XMLDSig` or `XAdES` in the report."""


def content_of_xml(signature: XmlSignature, policy: VerificationPolicy) -> Content:
    """Elements of the file the signature stands in."""
    confirmed = confirmed_value(signature.element, (r.target for r in signature.references))
    if confirmed is not None:
        covered = path_of(confirmed)
        told = policy.notice(xml_findings.XML_COUNTERSIGNATURE, covered=covered)
        return Content(Coverage(level="partial", covered=(covered,)), (told,))
    coverage = _coverage(signature)
    held = _is_plainly_held(signature)
    around = xml_findings.XML_ENVELOPE_UNSIGNED if held else xml_findings.XML_WRAPPED_UNSIGNED
    return Content(coverage, tuple(_coverage_findings(signature, coverage, policy, around)))


def content_of_sealed_xml(signature: XmlSignature, policy: VerificationPolicy) -> Content:
    """The same where a seal is on the whole file: nobody can change what stands around any more."""
    coverage = _coverage(signature)
    if coverage.level == "entire_file" or not _is_plainly_held(signature):
        return content_of_xml(signature, policy)
    around = xml_findings.XML_ENVELOPE_SEALED
    return Content(coverage, tuple(_coverage_findings(signature, coverage, policy, around)))


def content_of_packet(signature: XmlSignature, policy: VerificationPolicy) -> Content:
    """Elements of a message, for whoever goes on with nothing but the octets that were signed."""
    coverage = _coverage(signature, soap=True)
    around = xml_findings.XML_ENVELOPE_UNSIGNED
    return Content(coverage, tuple(_coverage_findings(signature, coverage, policy, around)))


def examine_xml_signature(
    element: Element,
    index: int,
    grounds: Grounds,
    content_of: ContentOf = content_of_xml,
) -> ExaminedXml:
    """Examine one ds:Signature; `content_of` looks at what it is about.

    Raises `XmlRefused`, and whatever a hostile encoding makes a parser raise.
    """
    policy = grounds.policy
    signature = read_signature(element, policy)  # 1
    content = content_of(signature, policy)
    properties = SignedProperties.of(signature)
    shown = _shown(signature, properties, content, policy)  # 2
    outcome = _verify(signature, shown.leaf)  # 3
    octets = tuple(data for _, data in outcome.signed)

    def prove(grounds: Grounds, certificate: CertificateJudgement) -> Proved:
        troubles = [policy.notice(code, reason=reason) for code, reason in outcome.troubles]
        if troubles and _is_spaced(signature):
            troubles.append(policy.notice(xml_findings.XML_REFORMATTED))
        return Proved(
            integrity=not troubles and content.integrity,
            identity=identity_of_xml(signature),
            found=(*troubles, *_binding(properties, shown, policy)),
            remarks=(*content.found, *_additions(signature, policy)),
            doubt=partial(_doubt, shown, certificate, grounds.policy),
            facts={
                "coverage": content.coverage,
                "format": content.format + ("XMLDSig" if properties.element is None else "XAdES"),
            },
        )

    reading = SignatureReading(
        signer=shown,
        prove=prove,
        brought=evidence_in_xml(signature),
        claimed_time=properties.claimed_time or content.claimed_time,
        before=_stamps(content_tokens(signature, properties, octets) if octets else iter(())),
        after=_stamps(timestamped_values(signature)),
        archive=archive_stamps_in_xml(signature, octets) if octets else (),
        uncounted=uncounted_timestamps(signature),
        bound=properties.names_a_certificate,
    )
    return ExaminedXml(examine(reading, index, grounds), outcome.signed)


def _additions(signature: XmlSignature, policy: VerificationPolicy) -> Iterator[Finding]:
    """What somebody added to the signature that is not judged."""
    if is_countersigned(signature):
        yield policy.notice(findings.COUNTERSIGNATURE_NOT_JUDGED)


def _stamps(tokens: Iterator[tuple[cms.SignedData, bytes, Element]]) -> Iterator[Stamp]:
    """Each token with what it must be about; where one does not read, that is the last of them."""
    try:
        for content, canonical, stamp in tokens:
            yield Stamp(content, partial(_imprint, canonical), stamp)
    except (Refused, ValueError, TypeError, KeyError):
        yield Stamp(None, partial(_imprint, b""))


# --- the signer ------------------------------------------------------------------------------------


def _shown(
    signature: XmlSignature, properties: SignedProperties, content: Content, policy: VerificationPolicy
) -> _Shown:
    """The certificate the signed properties name, else the one that issued none of the others."""
    certificates = signature.certificates
    leaf = properties.certificate_named(certificates) or _lowest(certificates)
    _, mechanism, digest = METHODS[signature.method]
    digests = (digest, *(reference.digest for reference in signature.references), *content.digests)
    weak = [d for d in digests if d not in policy.digests]
    # Whatever never passes is worse than what passes where it is old enough.
    weakest = next((d for d in weak if d not in policy.outdated_digests), weak[0] if weak else digest)
    return _Shown(leaf, tuple(c for c in certificates if c != leaf), weakest, mechanism)


def _lowest(certificates: tuple[x509.Certificate, ...]) -> x509.Certificate:
    issuers = {c.issuer.public_bytes() for c in certificates if c.issuer != c.subject}
    return next((c for c in certificates if c.subject.public_bytes() not in issuers), certificates[0])


def _binding(properties: SignedProperties, shown: _Shown, policy: VerificationPolicy) -> Iterator[Finding]:
    """Whether the certificate is the one the signer committed to."""
    if properties.names_a_certificate and properties.certificate_named((shown.leaf,)) is None:
        yield policy.notice(findings.SIGNER_CERTIFICATE_MISMATCH)


def _doubt(shown: _Shown, certificate: CertificateJudgement, policy: VerificationPolicy) -> str:
    chain, vouched = certificate.chain, certificate.vouched
    return doubt_about_signer(shown.leaf, shown.others, chain, certificate.moment, policy, vouched=vouched)


def _imprint(canonical: bytes, algorithm: str) -> bytes:
    return new_hash(algorithm, canonical).digest()


# --- integrity -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Outcome:
    troubles: tuple[tuple[str, str], ...] = ()
    """(finding, reason)."""
    signed: tuple[tuple[Element, bytes], ...] = ()


class _Engine(XMLVerifier):
    """signxml, told which signature is meant: it would take the first one it finds.

    What it canonicalizes stands alone: of an element that takes its default namespace from further up, lxml
    writes a false `xmlns=""` into the descendants, and SignedInfo of Office and many others is like that.
    """

    def __init__(self, place: tuple[int, ...]) -> None:
        super().__init__()
        self._place = place
        self._inherited: dict[str, str] = {}

    def _get_signature(self, root: Any) -> Any:  # noqa: ANN401 - signxml's signature
        for position in self._place:
            root = root[position]
        self._inherited = inherited(root)
        return root

    def _apply_transforms(self, payload: Any, **how: Any) -> Any:  # noqa: ANN401 - signxml's signature
        self._inherited = inherited(payload)
        return super()._apply_transforms(payload, **how)

    def _tostring(self, xml_node: Any, **kwargs: Any) -> bytes:  # noqa: ANN401 - signxml's signature
        # It would write ASCII and read that again: <giấy> becomes <gi&#7845;y>, which is no name any more.
        return etree.tostring(xml_node, encoding="utf-8", **kwargs)

    def _c14n(
        self,
        nodes: Any,  # noqa: ANN401 - signxml's signature
        algorithm: CanonicalizationMethod,
        inclusive_ns_prefixes: Iterable[str] | None = None,
    ) -> bytes:
        if nodes.getparent() is not None:
            nodes = alone(nodes, algorithm.value)
        adopt(nodes, self._inherited, algorithm.value)
        # What a PrefixList calls #default lxml knows by no name.
        prefixes = [p if p != "#default" else "" for p in inclusive_ns_prefixes or ()] or None
        canonical: bytes = super()._c14n(nodes, algorithm, prefixes)
        return canonical


def _verify(signature: XmlSignature, leaf: x509.Certificate) -> _Outcome:
    """What is not plainly sound is for signxml to judge."""
    signed = plainly_signed(signature, leaf)
    return _Outcome(signed=signed) if signed else _asked(signature, leaf)


def _asked(signature: XmlSignature, leaf: x509.Certificate) -> _Outcome:
    """Ask signxml; its own view of certificates is switched off: key in, yes or no out."""
    method = METHODS[signature.method][0]
    config = SignatureConfiguration(
        require_x509=True,
        expect_references=len(signature.references),
        signature_methods=frozenset({method}),
        digest_algorithms=frozenset(DigestAlgorithm),
        # It compares keys for these methods only, and raises for the others.
        ignore_ambiguous_key_info=not method.name.startswith(("RSA_", "ECDSA_")),
        verification_time=leaf.not_valid_before_utc,  # validity is judged by us
        default_reference_c14n_method=CanonicalizationMethod.CANONICAL_XML_1_0,
    )
    root = signature.element.getroottree().getroot()
    try:
        results = _Engine(signature.place).verify(
            root, x509_cert=leaf, expect_config=config, validate_schema=False
        )
    except InvalidDigest:
        return _Outcome(((findings.HASH_MISMATCH, ""),))
    except InvalidSignature:
        return _Outcome(((findings.SIGNATURE_VALUE_WRONG, ""),))
    except (
        InvalidInput,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        NotImplementedError,
        etree.Error,
    ) as failure:
        return _Outcome(((xml_findings.XML_SIGNATURE_MALFORMED, type(failure).__name__),))
    each = [results] if isinstance(results, VerifyResult) else results
    targets = (reference.target for reference in signature.references)
    return _Outcome(signed=tuple(zip(targets, (r.signed_data for r in each), strict=True)))


def _is_spaced(signature: XmlSignature) -> bool:
    """Blanks within SignedInfo: few signing tools write them, every pretty-printer does."""
    return any(piece.isspace() for piece in signature.element[0].itertext())


# --- coverage --------------------------------------------------------------------------------------


def _content_targets(signature: XmlSignature) -> tuple[Element, ...]:
    """What it signs, its own properties and key aside."""
    own = set(signature.element.iter())
    return tuple(
        r.target for r in signature.references if r.target not in own or signature.element.getparent() is None
    )


def _is_plainly_held(signature: XmlSignature) -> bool:
    return is_plain_holder(signature.element.getroottree().getroot(), _content_targets(signature))


def _coverage(signature: XmlSignature, *, soap: bool = False) -> Coverage:
    root = signature.element.getroottree().getroot()
    targets = _content_targets(signature)
    uncovered = unsigned_parts(root, targets, soap=soap)
    whole = root in targets or (root is signature.element and bool(targets) and not uncovered)
    level: Literal["entire_file", "partial", "none"]
    level = "entire_file" if whole else ("partial" if targets else "none")
    return Coverage(
        level=level, uncovered=uncovered, covered=tuple(dict.fromkeys(path_of(t) for t in targets))
    )


def _coverage_findings(
    signature: XmlSignature, coverage: Coverage, policy: VerificationPolicy, around: str
) -> Iterator[Finding]:
    """Comments in what was signed, content that was not, what is `around` it."""
    remarks = (n for t in _content_targets(signature) for n in t.iter(etree.Comment))
    if next(remarks, None) is not None:
        yield policy.notice(xml_findings.XML_COMMENT_UNSIGNED)
    exclusive = {(r.target, r.kept) for r in signature.references if r.kept is not None}
    loose = (loose_value(target, kept) for target, kept in exclusive)
    if value := next(filter(None, loose), ""):
        yield policy.notice(xml_findings.XML_PREFIX_UNSIGNED, value=value[:_SHOWN_CHARS])
    covered = ", ".join(coverage.covered) or "không có nội dung nào"
    if coverage.uncovered:
        uncovered = ", ".join(map(str, coverage.uncovered))
        yield policy.notice(xml_findings.XML_CONTENT_UNSIGNED, covered=covered, uncovered=uncovered)
    elif coverage.level != "entire_file":
        root = signature.element.getroottree().getroot()
        outside = ", ".join(names_outside(root, _content_targets(signature)))
        yield policy.notice(around, covered=covered, outside=outside)
