"""The verdict on a CMS file (kết luận về tệp .p7m, .p7s): content inside it or beside it, CAdES or plain.

0. Armour off (PEM, Base64, S/MIME), the object read strictly. 1. Which content it is about. 2. Each signer
by itself: attributes, timestamps, certificate at the best signing time, then pyHanko on digest, value and
path. Certificates that come along are hints; revocation data inside stands by its issuer's signature.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pyhanko.sign.validation.generic_cms import message_imprint_checker

from ebrvt_connect.trust import disguise_findings, findings, level_findings
from ebrvt_connect.trust.chain import key_description
from ebrvt_connect.trust.cms_algorithms import algorithm_findings
from ebrvt_connect.trust.cms_armour import has_strange_headers, headers_of, is_signed_data, unarmoured
from ebrvt_connect.trust.cms_evidence import evidence_in_cms
from ebrvt_connect.trust.der_count import has_more_than
from ebrvt_connect.trust.disguise import hidden_in
from ebrvt_connect.trust.etsi_identity import identity_of_cms
from ebrvt_connect.trust.grounds import FileJudgement, judge_certificate
from ebrvt_connect.trust.levels import level_of
from ebrvt_connect.trust.second_opinion import cms_findings, opinion_on_signer
from ebrvt_connect.trust.signed_data import (
    CmsMalformed,
    content_inside,
    load_signed_data,
    signed_by_one,
)
from ebrvt_connect.trust.signer_facts import certificate_facts
from ebrvt_connect.trust.times import Proofs, in_utc, signing_time
from ebrvt_connect.trust.timestamps import judge_token
from ebrvt_connect.trust.verdict import Coverage, Finding, Indication, SignatureReport

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from asn1crypto import cms

    from ebrvt_connect.trust.grounds import Grounds
    from ebrvt_connect.trust.signed_data import SignedData

_INSIDE = "nội dung trong tệp"
_PDF_HEADER_WITHIN = 1024
_SIGNATURE_SUFFIXES = (".p7s", ".p7m", ".p7b", ".sig")


def judge_cms(data: bytes, grounds: Grounds, *, detached: Mapping[str, bytes], name: str) -> FileJudgement:
    """Judge every signer of a CMS file. Never raises for bad content.

    `detached` is content beside the file by name; `name` is the file's own, which tells them apart.
    """
    notice = grounds.policy.notice
    try:
        content = load_signed_data(unarmoured(data))  # 0
        inside = content_inside(content)
        if has_more_than(grounds.policy.most_signatures, content["signer_infos"].contents):
            too_many = notice(findings.CMS_TOO_MANY_SIGNERS, limit=grounds.policy.most_signatures)
            return FileJudgement((), (too_many,), tuple(detached))
        signers = list(content["signer_infos"])
    except CmsMalformed as failure:
        return FileJudgement((), (notice(failure.code, reason=failure.reason_vi),), tuple(detached))
    except ValueError:
        return FileJudgement(
            (), (notice(findings.CMS_MALFORMED, reason="không giải mã được"),), tuple(detached)
        )
    if not signers:  # a bundle of certificates
        return FileJudgement((), (notice(findings.SIGNED_DATA_NOT_FOUND),))
    subject = _Subject.of(inside, detached, name)  # 1
    reports = tuple(  # 2
        _fenced(content, signer, subject, index, grounds) for index, signer in enumerate(signers, 1)
    )
    poses = (notice(findings.PDF_HEADER_MISPLACED),) if _poses_as_pdf(data, inside) else ()
    return FileJudgement(reports, (*poses, *_disguises(data, content, grounds)), subject.names)


def _disguises(data: bytes, content: cms.SignedData, grounds: Grounds) -> Iterator[Finding]:
    """Whether other software would open the file as something else, and show what nobody signed."""
    start, stop = _signed_bytes(data, content)
    if not is_signed_data(data):  # what stands in the Base64 no other reader sees
        start, stop = len(headers_of(data)), len(data)
        if has_strange_headers(data):
            yield grounds.policy.notice(disguise_findings.CMS_HEADERS_STRANGE)
    if what := hidden_in(data, start, stop):
        yield grounds.policy.notice(disguise_findings.FILE_IS_TWO_FILES, what=what)


def _signed_bytes(data: bytes, content: cms.SignedData) -> tuple[int, int]:
    """Where the signed content stands, in pieces or whole; an empty place where it stands elsewhere."""
    inside = content["encap_content_info"]["content"]
    encoded: bytes = b"" if content_inside(content) is None else inside.contents
    start = data.find(encoded) if encoded else -1
    return (start, start + len(encoded)) if start >= 0 else (len(data), len(data))


def _poses_as_pdf(data: bytes, inside: bytes | None) -> bool:
    """Whether a PDF reader would open the file itself, and find more in it than the signed content.

    Readers take a header anywhere in the first kilobyte, and then start from the end of the file, where
    the unsigned attributes of a signature stand.
    """
    if b"%PDF-" not in data[:_PDF_HEADER_WITHIN]:
        return False
    return any(data.count(mark) > (inside or b"").count(mark) for mark in (b"%PDF-", b"startxref", b"%%EOF"))


class _Subject:
    """What the signatures of a file are about; digests are made once for all signers."""

    def __init__(self, content: bytes | None, names: tuple[str, ...], *, inside: bool) -> None:
        self.content = content
        self.names = names
        self.inside = inside
        self._digests: dict[str, bytes] = {}

    @classmethod
    def of(cls, inside: bytes | None, detached: Mapping[str, bytes], name: str) -> _Subject:
        """The content inside, else the one given, else the one of several that bears the file's name."""
        if inside is not None:
            same = tuple(n for n, content in detached.items() if content == inside)
            return cls(inside, same, inside=True)
        if len(detached) == 1:
            return cls(*_only(detached), inside=False)
        named = {n: c for n, c in detached.items() if n == _without_suffix(name)}
        return cls(*_only(named), inside=False) if named else cls(None, (), inside=False)

    @property
    def shown(self) -> tuple[str, ...]:
        """What the report says was covered."""
        return self.names or ((_INSIDE,) if self.inside else ())

    def digest(self, algorithm: str) -> bytes:
        """Raises `CmsMalformed` for an algorithm nobody knows."""
        if algorithm not in self._digests:
            if algorithm not in hashlib.algorithms_available:
                raise CmsMalformed("thuật toán băm lạ")
            self._digests[algorithm] = hashlib.new(algorithm, self.content or b"").digest()
        return self._digests[algorithm]


def _only(contents: Mapping[str, bytes]) -> tuple[bytes, tuple[str, ...]]:
    ((name, content),) = contents.items()
    return content, (name,)


def _without_suffix(name: str) -> str:
    """`giay-phep.pdf` for `giay-phep.pdf.p7s`, without the folder it lies in."""
    bare = name.replace("\\", "/").rpartition("/")[2]
    suffix = next((s for s in _SIGNATURE_SUFFIXES if bare.lower().endswith(s)), "")
    return bare[: len(bare) - len(suffix)]


def _fenced(
    content: cms.SignedData, signer: cms.SignerInfo, subject: _Subject, index: int, grounds: Grounds
) -> SignatureReport:
    """One signer examined; whatever a hostile one raises becomes a finding."""
    try:
        return _examine(signed_by_one(content, signer), subject, index, grounds)
    except CmsMalformed as failure:
        finding = grounds.policy.notice(failure.code, reason=failure.reason_vi)
    except MemoryError:
        raise
    except Exception as failure:  # noqa: BLE001 - hostile input breaks parsers in every way there is
        finding = grounds.policy.notice(findings.VERIFIER_FAILED, reason=type(failure).__name__)
    return _report(index, subject, grounds, [finding])


def _examine(signed: SignedData, subject: _Subject, index: int, grounds: Grounds) -> SignatureReport:
    """Raises `CmsMalformed`, and whatever a hostile encoding makes a parser raise."""
    grounds = grounds.with_evidence(evidence_in_cms(signed))
    time = signing_time(in_utc(signed.claimed_time()), _proofs(signed, subject, grounds), grounds)
    grounds = grounds.as_proven(time)
    policy = grounds.policy
    chain = grounds.chain_of(signed, grounds.trust.for_signing, time.best.value)
    certificate = judge_certificate(grounds, signed, chain, time)
    confused = tuple(algorithm_findings(signed.signer_info, key_description(signed.leaf), policy))
    missing = subject.content is None
    # Without the content the rest is still told; its own word for the digest stands in, and fails nothing.
    digest = signed.message_digest if missing else subject.digest(signed.digest)
    opinion = opinion_on_signer(signed, digest, chain, time.best.value, policy, vouched=certificate.vouched)
    found = [policy.notice(findings.DETACHED_CONTENT_MISSING)] if missing else []
    found += cms_findings(opinion, policy)
    found += certificate.found
    found += confused
    found += time.found
    found += (
        policy.notice(level_findings.ARCHIVE_TIMESTAMP_NOT_COUNTED, name=name)
        for name in signed.uncounted_timestamps()
    )
    if not signed.names_its_certificate:
        found.append(policy.notice(findings.SIGNER_CERTIFICATE_NOT_BOUND))
    if strange := signed.strange_attributes():
        found.append(policy.notice(disguise_findings.CMS_ATTRIBUTE_UNKNOWN, oids=", ".join(strange)))
    if signed.is_countersigned:
        found.append(policy.notice(findings.COUNTERSIGNATURE_NOT_JUDGED))
    if opinion.doubt and policy.conclude(found)[0] is Indication.TOTAL_PASSED:
        found.append(policy.notice(findings.SECOND_OPINION_DIFFERS, reason=opinion.doubt))
    return _report(index, subject, grounds, found).model_copy(
        update={
            **certificate_facts(signed, chain, certificate, time.best, grounds),
            "identity": identity_of_cms(signed, b"" if missing else digest),
            "integrity": opinion.intact and not missing,
            **time.report,
            "level": level_of(grounds, chain, time, bound=signed.names_its_certificate),
        }
    )


def _proofs(signed: SignedData, subject: _Subject, grounds: Grounds) -> Proofs:
    """The timestamps of one signer; those over a content that is not at hand cannot be judged."""
    before = () if subject.content is None else signed.content_tokens()
    imprint = message_imprint_checker(signed.signer_info)
    return Proofs(
        tuple(judge_token(grounds, token, subject.digest, kind="content") for token in before),
        tuple(judge_token(grounds, token, imprint) for token in signed.timestamp_tokens()),
    )


def _report(index: int, subject: _Subject, grounds: Grounds, found: list[Finding]) -> SignatureReport:
    indication, reasons = grounds.policy.conclude(found)
    return SignatureReport(
        index=index,
        indication=indication,
        sub_indication=next(iter(reasons), None),
        findings=tuple(found),
        coverage=Coverage(level="none" if subject.content is None else "entire_file", covered=subject.shown),
        format="CMS" if subject.inside else "CMS detached",
    )
