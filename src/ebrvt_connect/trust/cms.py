"""The verdict on a CMS file (kết luận về tệp .p7m, .p7s): content inside it or beside it, CAdES or plain.

0. Armour off (PEM, Base64, S/MIME), the object read strictly. 1. Which content it is about. 2. Each signer
by itself: attributes, timestamps, certificate at the best signing time, then pyHanko on digest, value and
path. Certificates that come along are hints; revocation data inside stands by its issuer's signature.
"""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING

from ebrvt_connect.trust import disguise_findings, findings
from ebrvt_connect.trust.cms_algorithms import algorithm_findings
from ebrvt_connect.trust.cms_armour import has_strange_headers, headers_of, is_signed_data, unarmoured
from ebrvt_connect.trust.cms_content import open_signed_data
from ebrvt_connect.trust.cms_signer import cms_reading
from ebrvt_connect.trust.der_count import has_more_than
from ebrvt_connect.trust.disguise import hidden_in
from ebrvt_connect.trust.etsi_identity import identity_of_cms
from ebrvt_connect.trust.examination import Proved, examine, fenced
from ebrvt_connect.trust.grounds import FileJudgement
from ebrvt_connect.trust.second_opinion import cms_findings, opinion_on_signer
from ebrvt_connect.trust.signed_data import CmsMalformed, signed_by_one
from ebrvt_connect.trust.times import in_utc
from ebrvt_connect.trust.verdict import Coverage, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from asn1crypto import cms
    from typing_extensions import Buffer

    from ebrvt_connect.trust.grounds import CertificateJudgement, Grounds
    from ebrvt_connect.trust.policy import VerificationPolicy
    from ebrvt_connect.trust.signed_data import SignedData
    from ebrvt_connect.trust.verdict import SignatureReport

_INSIDE = "nội dung trong tệp"
_PDF_HEADER_WITHIN = 1024
_SIGNATURE_SUFFIXES = (".p7s", ".p7m", ".p7b", ".sig")


def judge_cms(data: bytes, grounds: Grounds, *, detached: Mapping[str, bytes], name: str) -> FileJudgement:
    """Judge every signer of a CMS file. Never raises for bad content.

    `detached` is content beside the file by name; `name` is the file's own, which tells them apart.
    """
    notice = grounds.policy.notice
    try:
        opened = open_signed_data(unarmoured(data))  # 0
        content = opened.signed
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
    subject = _Subject.of(opened.content, detached, name)  # 1
    reports = tuple(  # 2
        _fenced(content, signer, subject, index, grounds) for index, signer in enumerate(signers, 1)
    )
    place = opened.place if is_signed_data(data) else (0, 0)
    poses = (notice(findings.PDF_HEADER_MISPLACED),) if _poses_as_pdf(data, *place) else ()
    empty = (notice(findings.SIGNED_CONTENT_EMPTY),) if subject.is_empty else ()
    return FileJudgement(reports, (*poses, *empty, *_disguises(data, *place, grounds)), subject.names)


def _disguises(data: bytes, start: int, stop: int, grounds: Grounds) -> Iterator[Finding]:
    """Whether other software would open the file as something else, and show what nobody signed."""
    if not is_signed_data(data):  # what stands in the Base64 no other reader sees
        start, stop = len(headers_of(data)), len(data)
        if has_strange_headers(data):
            yield grounds.policy.notice(disguise_findings.CMS_HEADERS_STRANGE)
    if what := hidden_in(data, start, stop):
        yield grounds.policy.notice(disguise_findings.FILE_IS_TWO_FILES, what=what)


def _poses_as_pdf(data: bytes, start: int, stop: int) -> bool:
    """Whether a PDF reader would open the file itself, and find more in it than the signed content.

    Readers take a header anywhere in the first kilobyte, and then start from the end of the file, where
    the unsigned attributes of a signature stand.
    """
    if b"%PDF-" not in data[:_PDF_HEADER_WITHIN]:
        return False
    marks = (b"%PDF-", b"startxref", b"%%EOF")
    return any(data.count(mark) > data.count(mark, start, stop) for mark in marks)


class _Subject:
    """What the signatures of a file are about; digests are made once for all signers."""

    def __init__(self, content: Buffer | None, names: tuple[str, ...], *, inside: bool) -> None:
        self.content = content
        self.names = names
        self.inside = inside
        self._digests: dict[str, bytes] = {}

    @classmethod
    def of(cls, inside: Buffer | None, detached: Mapping[str, bytes], name: str) -> _Subject:
        """The content inside, else the one given, else the one of several that bears the file's name."""
        if inside is not None:
            same = tuple(n for n, content in detached.items() if content == inside)
            return cls(inside, same, inside=True)
        if len(detached) == 1:
            return cls(*_only(detached), inside=False)
        named = {n: c for n, c in detached.items() if n == _without_suffix(name)}
        return cls(*_only(named), inside=False) if named else cls(None, (), inside=False)

    @property
    def is_empty(self) -> bool:
        """Whether the content is there and holds nothing."""
        return self.content is not None and memoryview(self.content).nbytes == 0

    @property
    def facts(self) -> dict[str, object]:
        """What stands in a report before anything is looked at."""
        shown = self.names or ((_INSIDE,) if self.inside else ())
        return {
            "coverage": Coverage(level="none" if self.content is None else "entire_file", covered=shown),
            "format": "CMS" if self.inside else "CMS detached",
        }

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

    def look() -> SignatureReport:
        signed = signed_by_one(content, signer)
        digest = None if subject.content is None else subject.digest
        prove, claimed = partial(_proved, signed, subject), in_utc(signed.claimed_time())
        reading = cms_reading(signed, digest, prove, claimed_time=claimed, archived=True)
        return examine(reading, index, grounds)

    return fenced(look, index, grounds.policy, lambda report: report, **subject.facts)


def _proved(
    signed: SignedData, subject: _Subject, grounds: Grounds, certificate: CertificateJudgement
) -> Proved:
    """Digest and signature value. Raises `CmsMalformed`, and what hostile encodings make a parser raise."""
    policy = grounds.policy
    confused = tuple(algorithm_findings(signed, policy))
    missing = subject.content is None
    # Without the content the rest is still told; its own word for the digest stands in, and fails nothing.
    digest = signed.message_digest if missing else subject.digest(signed.digest)
    opinion = opinion_on_signer(signed, digest, certificate, policy)
    absent = [policy.notice(findings.DETACHED_CONTENT_MISSING)] if missing else []
    return Proved(
        integrity=opinion.intact and not missing,
        identity=identity_of_cms(signed, b"" if missing else digest),
        found=(*absent, *cms_findings(opinion, policy)),
        algorithms=confused,
        remarks=tuple(_additions(signed, policy)),
        doubt=lambda: opinion.doubt,
        facts=subject.facts,
    )


def _additions(signed: SignedData, policy: VerificationPolicy) -> Iterator[Finding]:
    """What somebody added to the signature that is not judged."""
    if strange := signed.strange_attributes():
        yield policy.notice(disguise_findings.CMS_ATTRIBUTE_UNKNOWN, oids=", ".join(strange))
    if signed.is_countersigned:
        yield policy.notice(findings.COUNTERSIGNATURE_NOT_JUDGED)
