"""The verification report (báo cáo kiểm tra chữ ký số): frozen facts, and a verdict that is never a bare yes.

The words are those of ETSI EN 319 102-1: a signature is TOTAL_PASSED, INDETERMINATE or TOTAL_FAILED,
with a sub-indication. What must be shown is TT 15/2025/TT-BKHCN Điều 6: in Vietnamese, issuing
authority, signer, managing unit, signing time, integrity, validity at signing time, certificate
validity. A document is as good as its worst signature, and a document without one has not passed.

The JSON shape is a contract (docs/operate/cli.md): names may be added, none changed.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from pydantic import AwareDatetime

from ebrvt_connect.model.text import Value

if TYPE_CHECKING:
    from collections.abc import Iterable


class Indication(StrEnum):
    """The overall verdict (kết luận) of EN 319 102-1."""

    TOTAL_PASSED = "TOTAL_PASSED"
    INDETERMINATE = "INDETERMINATE"
    TOTAL_FAILED = "TOTAL_FAILED"

    @property
    def headline_vi(self) -> str:
        """The verdict in the words TT 15/2025 asks for."""
        return _HEADLINES_VI[self]


_HEADLINES_VI = {
    Indication.TOTAL_PASSED: "HỢP LỆ",
    Indication.INDETERMINATE: "CHƯA ĐỦ CƠ SỞ KẾT LUẬN",
    Indication.TOTAL_FAILED: "KHÔNG HỢP LỆ",
}
_FROM_BEST = tuple(Indication)


def worst(indications: Iterable[Indication]) -> Indication:
    """The worst of several; passed when there is none (nothing spoke against)."""
    return max(indications, key=_FROM_BEST.index, default=Indication.TOTAL_PASSED)


class SubIndication(StrEnum):
    """Why a signature did not pass (EN 319 102-1, table 6), as far as this house says it."""

    FORMAT_FAILURE = "FORMAT_FAILURE"
    HASH_FAILURE = "HASH_FAILURE"
    SIG_CRYPTO_FAILURE = "SIG_CRYPTO_FAILURE"
    REVOKED = "REVOKED"
    EXPIRED = "EXPIRED"
    NOT_YET_VALID = "NOT_YET_VALID"
    SIG_CONSTRAINTS_FAILURE = "SIG_CONSTRAINTS_FAILURE"
    CHAIN_CONSTRAINTS_FAILURE = "CHAIN_CONSTRAINTS_FAILURE"
    CERTIFICATE_CHAIN_GENERAL_FAILURE = "CERTIFICATE_CHAIN_GENERAL_FAILURE"
    CRYPTO_CONSTRAINTS_FAILURE = "CRYPTO_CONSTRAINTS_FAILURE"
    TIMESTAMP_ORDER_FAILURE = "TIMESTAMP_ORDER_FAILURE"
    NO_SIGNING_CERTIFICATE_FOUND = "NO_SIGNING_CERTIFICATE_FOUND"
    NO_CERTIFICATE_CHAIN_FOUND = "NO_CERTIFICATE_CHAIN_FOUND"
    REVOKED_NO_POE = "REVOKED_NO_POE"
    REVOKED_CA_NO_POE = "REVOKED_CA_NO_POE"
    OUT_OF_BOUNDS_NO_POE = "OUT_OF_BOUNDS_NO_POE"
    NO_POE = "NO_POE"
    TRY_LATER = "TRY_LATER"
    SIGNED_DATA_NOT_FOUND = "SIGNED_DATA_NOT_FOUND"
    GENERIC = "GENERIC"


class Severity(StrEnum):
    """How much a finding weighs: an error keeps the signature from passing."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class DocumentKind(StrEnum):
    """What a file is, by its content and never by its name."""

    PDF = "pdf"
    XML = "xml"
    CMS = "cms"
    OOXML = "ooxml"
    EDXML = "edxml"
    UNKNOWN = "unknown"


class SignatureRole(StrEnum):
    """What a signature is for (vai trò): the register of signers says so, never a name in a certificate."""

    PERSON = "person"
    AGENCY = "agency"
    COPY = "copy"
    PACKET = "packet"
    TIMESTAMP = "timestamp"
    UNKNOWN = "unknown"


class SignatureKind(StrEnum):
    """Under which law the certificate stands (công vụ, công cộng, nước ngoài, khác): its anchor's branch."""

    GOVERNMENT = "government"
    PUBLIC = "public"
    FOREIGN = "foreign"
    OTHER = "other"


class _NoBareYes(Value):
    """A report is read, not tested: `if report:` is refused, since every report would be true."""

    def __bool__(self) -> NoReturn:
        """Raises `TypeError`: ask for `indication`."""
        raise TypeError(f"a {type(self).__name__} is neither true nor false; compare its `indication`")


class Finding(Value):
    """One thing noticed (phát hiện), with the article it serves; the catalogue is `trust.findings`."""

    code: str
    severity: Severity
    message_vi: str
    message_en: str
    legal_ref: str = ""


class SignerName(Value):
    """Who signed (người ký), as the certificate says: for reading only, nothing is decided by it."""

    cn: str = ""
    title: str = ""
    organization: str = ""
    serial: str = ""
    """Serial number of the certificate (hex)."""


class CertificateFacts(Value):
    """The signing certificate (chứng thư số): its SHA-256 is what the register of signers knows it by."""

    sha256: str
    not_before: AwareDatetime
    not_after: AwareDatetime
    statements: tuple[str, ...] = ()
    """What the issuer states of it (TT 15/2025 Phụ lục II 1.6): policies by number, addresses of practice
    statements, notices; for reading only."""


class BestTime(Value):
    """The best known signing time, and what proves it: a timestamp, the signer's word, or only this check."""

    value: AwareDatetime
    proof: Literal["timestamp", "claimed", "validation"]


class RevocationFacts(Value):
    """Whether the certificate was revoked at signing time (tình trạng thu hồi), and by which list."""

    status: Literal["good", "revoked", "suspended", "unknown"] = "unknown"
    source: str = ""
    """`crl`; `pin` for a signer pinned by the operator; empty when nothing could be asked."""
    this_update: AwareDatetime | None = None
    next_update: AwareDatetime | None = None
    revoked_at: AwareDatetime | None = None
    sha256: str = ""
    """Of the list or answer that says so."""
    fetched_at: AwareDatetime | None = None
    """When it was fetched, where it came over the network."""


class Algorithms(Value):
    """What the signature was made with (thuật toán)."""

    digest: str = ""
    signature: str = ""
    key: str = ""
    """Kind and size: `rsa-2048`."""


class Coverage(Value):
    """What of a file a signature covers (phạm vi bao phủ)."""

    level: Literal["entire_file", "revision", "partial", "none"]
    uncovered: tuple[tuple[int, int] | str, ...] = ()
    """What is neither covered nor the signature itself: byte ranges [from, to) of a PDF, paths of XML, parts
    and relationships (`/word/_rels/document.xml.rels#rId5`) of an Office package."""
    covered: tuple[str, ...] = ()
    """Paths of the signed XML elements, parts of a package, or the content a CMS signature is about."""


class ChangeAfter(Value):
    """What was added to the file after a signature (thay đổi sau khi ký)."""

    level: Literal["signatures", "evidence", "form", "content"]
    what: str


class TimestampFacts(Value):
    """A timestamp about a signature (dấu thời gian)."""

    time: AwareDatetime
    authority: str
    valid: bool
    kind: Literal["content", "signature", "document", "archive"] = "signature"
    """Over the content before it was signed, over the signature, over the file that holds it, or over the
    signature with its evidence."""
    sha256: str = ""
    """Of the token as it stands in the signature."""


class SignatureIdentity(Value):
    """What tells one signature from all others (định danh chữ ký, ETSI TS 119 102-2)."""

    value: str
    """The signature value (giá trị chữ ký), Base64."""
    digest_algorithm: str
    digest: str
    """Of what was signed with the key: signed attributes (CMS) or SignedInfo (XML); hex."""
    content_digest: str = ""
    """Of the content, as it stands in the file now, with the same algorithm (hex); PDF and CMS."""


class PolicyReference(Value):
    """Which rules were applied: the same id, version and hash mean the same rules."""

    id: str
    version: str
    sha256: str


class SignatureReport(_NoBareYes):
    """One signature of a document and what is known of it (kết quả kiểm tra một chữ ký)."""

    index: int
    """From 1: in signing order for a PDF, else as they stand in the file."""
    role: SignatureRole = SignatureRole.UNKNOWN
    signature_kind: SignatureKind = SignatureKind.OTHER
    indication: Indication
    sub_indication: SubIndication | None = None
    signer: SignerName = SignerName()
    managing_unit: str = ""
    """The unit that answers for the certificate (đơn vị quản lý chứng thư số)."""
    issuer: str = ""
    claimed_time: AwareDatetime | None = None
    earliest_time: AwareDatetime | None = None
    """It was signed no earlier, as a content timestamp proves; None when nothing does."""
    best_time: BestTime | None = None
    integrity: bool = False
    certificate_valid_at_best_time: bool | None = None
    revocation: RevocationFacts = RevocationFacts()
    algorithms: Algorithms = Algorithms()
    coverage: Coverage = Coverage(level="none")
    changes_after: tuple[ChangeAfter, ...] = ()
    findings: tuple[Finding, ...] = ()
    certificate: CertificateFacts | None = None
    identity: SignatureIdentity | None = None
    timestamps: tuple[TimestampFacts, ...] = ()
    chain: tuple[str, ...] = ()
    """SHA-256 of the certificates from the signer's up to the anchor."""
    level: Literal["", "B-B", "B-T", "B-LT", "B-LTA"] = ""
    """What the signature proves by itself (mức chữ ký AdES): time, and evidence for its validity; only what
    was found to hold counts. Empty where it does not name its certificate, which AdES asks for."""
    certification: Literal["", "no_changes", "form_filling", "annotations"] = ""
    """What the first signer of a PDF allows to change after (mức chứng thực, DocMDP); empty: says nothing."""
    field: str = ""
    """Name of the signature field in the document, or of the signature part in a package."""
    format: str = ""
    """The PDF SubFilter (`ETSI.CAdES.detached`, ...), `XMLDSig`, `XAdES`, `OOXML XAdES`, `CMS` or
    `CMS detached`."""


class VerificationReport(_NoBareYes):
    """The verdict on one file (kết luận về một tệp), with everything it rests on."""

    file: str = ""
    """What the caller calls it; nothing is decided by it."""
    kind: DocumentKind
    sha256: str
    size_bytes: int
    indication: Indication
    sub_indications: tuple[SubIndication, ...] = ()
    headline_vi: str
    policy: PolicyReference
    validation_time: AwareDatetime
    signatures: tuple[SignatureReport, ...] = ()
    findings: tuple[Finding, ...] = ()
    """About the file as a whole; those about a signature stand with it."""
    evidence: tuple[str, ...] = ()
    """SHA-256 of what the verdict rests on, where that was kept."""

    def all_findings(self) -> tuple[Finding, ...]:
        """The file's findings and then those of its signatures in order."""
        return self.findings + tuple(f for s in self.signatures for f in s.findings)

    def to_dict(self) -> dict[str, Any]:
        """One entry of `documents` in `ebrvt verify --json`."""
        return self.model_dump(mode="json")

    def to_json(self) -> str:
        """The same as text, UTF-8 letters kept."""
        return json.dumps(self.to_dict(), ensure_ascii=False)

    def to_text_vi(self) -> str:
        """The report for a Vietnamese reader (TT 15/2025 Điều 6), several lines."""
        from ebrvt_connect.trust.text_vi import render

        return render(self)

    def to_etsi_xml(self) -> bytes:
        """The report as ETSI TS 119 102-2 has it: XML in UTF-8, the same bytes for the same report."""
        from ebrvt_connect.trust.etsi_report import render

        return render(self)

    def raise_for_status(self) -> None:
        """Do nothing if the file has passed; else raise why it has not.

        Raises `Rejected` `VERIFICATION_FAILED` and `HeldForPerson` `VERIFICATION_UNDECIDED`.
        """
        from ebrvt_connect.trust.verdict_errors import error_of

        if (error := error_of(self)) is not None:
            raise error
