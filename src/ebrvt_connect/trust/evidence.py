"""Evidence (bằng chứng kiểm tra): what a verdict rested on, so that it can be repeated years later, offline.

TT 15/2025 Điều 6 has the verifier keep, with the document, the signer's certificate, the revocation data
of the signing time and the result. A record names all of it by SHA-256: whom was trusted, the rules, every
list and answer that counted, timestamps, and the report. Replaying judges the file again at the same time
from these alone. The file itself is not kept here: whoever replays brings it, and its SHA-256 must agree.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import AwareDatetime, Field, ValidationError

from ebrvt_connect.errors import InvalidValue, explain
from ebrvt_connect.model.text import Value
from ebrvt_connect.trust.anchors import Anchor, Branch, TrustStore
from ebrvt_connect.trust.ocsp import OcspAnswer
from ebrvt_connect.trust.pins import USES_OF, Pin, Use
from ebrvt_connect.trust.policy import POLICIES, VerificationPolicy
from ebrvt_connect.trust.revocation import RevocationArchive, read_crl
from ebrvt_connect.trust.signers import RegisteredSigner, SignerRegister
from ebrvt_connect.trust.verdict import DocumentKind, Indication, PolicyReference
from ebrvt_connect.trust.verify import verify_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from ebrvt_connect.trust.inquiry import Inquiry
    from ebrvt_connect.trust.verdict import SignatureReport, VerificationReport

EVIDENCE_DAMAGED = explain(
    "EVIDENCE_DAMAGED",
    "Bằng chứng kiểm tra bị thiếu hoặc đã bị thay đổi ({what}).",
    "Khôi phục thư mục bằng chứng từ bản sao lưu; không kết luận từ bằng chứng này.",
)
EVIDENCE_OTHER_FILE = explain(
    "EVIDENCE_OTHER_FILE",
    "Hồ sơ bằng chứng này là của {file}; tệp vừa đưa vào không phải tệp đó (SHA-256 khác).",
    "Đưa đúng tệp gốc, nguyên từng byte, hoặc chọn đúng hồ sơ (ebrvt evidence list).",
)
EVIDENCE_OTHER_CONTENT = explain(
    "EVIDENCE_OTHER_CONTENT",
    "Tệp đi kèm khác với lần kiểm tra {file}: {names}.",
    "Nêu lại đúng các tệp đi kèm của lần đó, cùng tên và nguyên từng byte: nội dung của chữ ký rời bằng "
    "--detached, các tệp của một bản ghi thì nêu sau bản ghi; gói tin edXML tự mang theo tệp.",
)
Sha256 = str
_Held = x509.CertificateRevocationList | OcspAnswer


class KeptAnchor(Value):
    """An authority that was trusted then, with the operator's bounds."""

    certificate: Sha256
    branch: Branch
    uses: tuple[Use, ...] | None = None
    """None: it had no pin (named for one call)."""
    valid_from: date | None = None
    valid_to: date | None = None


class EvidenceRecord(Value):
    """One verdict and all it rested on, by SHA-256 (hồ sơ bằng chứng)."""

    format: Literal["ebrvt-evidence/1"] = "ebrvt-evidence/1"
    file: str
    file_sha256: Sha256
    size_bytes: int
    detached: dict[str, Sha256] = Field(default_factory=dict)
    """Content beside the signature, by name."""
    attached: bool = True
    """Whether the files attached to an edXML packet were judged with it."""
    kind: DocumentKind | None = None
    """What it had to be; None for any kind."""
    part_of: str = ""
    """The packet it was judged as a part of; the verdict on that packet as a whole is not in the record."""
    at: AwareDatetime
    policy: PolicyReference
    rules: Sha256
    """The policy whole, as JSON."""
    signers: Sha256
    """The register of signers, as JSON."""
    anchors: tuple[KeptAnchor, ...] = ()
    hints: tuple[Sha256, ...] = ()
    """Issuing authorities the operator had."""
    chains: tuple[Sha256, ...] = ()
    """Certificates of the chains, from the file or from the operator."""
    crls: tuple[Sha256, ...] = ()
    ocsp: tuple[Sha256, ...] = ()
    embedded: tuple[Sha256, ...] = ()
    """Lists and answers the file brought along; replaying takes them from the file."""
    timestamps: tuple[Sha256, ...] = ()
    fetched: dict[Sha256, AwareDatetime] = Field(default_factory=dict)
    """When what was fetched for this verdict came."""
    report: Sha256
    """The report as it was told, as JSON."""
    indication: Indication

    @property
    def part_vi(self) -> str:
        """What the record does not say, where the file was judged as a part of a packet."""
        if not self.part_of:
            return ""
        return (
            f"Đây là một phần của gói tin {self.part_of}: hồ sơ chỉ nói về chữ ký trên phần này, không phải "
            "kết luận về cả gói tin (ebrvt verify --packet)."
        )

    def digests(self) -> frozenset[Sha256]:
        """Everything the record names, the verified file itself aside."""
        named = {self.rules, self.signers, self.report, *self.hints, *self.chains, *self.crls, *self.ocsp}
        return frozenset(named | {*self.embedded, *self.timestamps, *(a.certificate for a in self.anchors)})


@dataclass(frozen=True, slots=True)
class Evidence:
    """A record with the contents it names, and the report that tells of them."""

    record: EvidenceRecord
    contents: Mapping[Sha256, bytes]
    report: VerificationReport


@dataclass(frozen=True, slots=True)
class Replay:
    """A verdict repeated from its evidence (kiểm tra lại từ bằng chứng)."""

    record: EvidenceRecord
    report: VerificationReport
    differences: tuple[str, ...]
    """What came out otherwise, in Vietnamese; empty when the outcome is the same."""
    rules_changed: bool
    """Whether this version weighs findings otherwise than the one that judged then."""
    rules_known: bool = True
    """Whether the record's rules are the policy they are called by, as this program has it."""

    @property
    def outcome_vi(self) -> str:
        """The result in one sentence."""
        if not self.differences:
            said = "Kiểm tra lại từ bằng chứng cho kết quả giống lần trước."
        else:
            said = f"Kiểm tra lại từ bằng chứng cho kết quả KHÁC lần trước: {'; '.join(self.differences)}."
        return "\n".join(filter(None, (said, self.record.part_vi)))

    @property
    def rules_vi(self) -> str:
        """What to know of the rules where they are not those they are called by; empty otherwise."""
        if self.rules_known:
            return ""
        return (
            f"CẢNH BÁO: quy tắc ghi trong hồ sơ mang tên {self.report.policy.id} phiên bản "
            f"{self.report.policy.version} nhưng KHÔNG PHẢI chính sách đó của chương trình (mã băm khác). "
            "Không dùng kết luận này; hãy kiểm tra lại tệp bằng ebrvt verify."
        )

    def __bool__(self) -> NoReturn:
        """Raises `TypeError`: ask for `differences`."""
        raise TypeError("a replay is neither true nor false; look at its `differences`")


class _Contents(dict[Sha256, bytes]):
    def add(self, content: bytes) -> Sha256:
        """Put in; the SHA-256 it is found by."""
        sha256 = hashlib.sha256(content).hexdigest()
        self[sha256] = content
        return sha256

    def add_all(self, contents: Iterable[bytes]) -> tuple[Sha256, ...]:
        """Several, each once."""
        return tuple(dict.fromkeys(self.add(c) for c in contents))


def evidence_of(
    report: VerificationReport,
    notes: Inquiry,
    *,
    policy: VerificationPolicy,
    trust: TrustStore,
    revocation: RevocationArchive,
    detached: Mapping[str, bytes],
    attached: bool = True,
    kind: DocumentKind | None = None,
) -> Evidence:
    """What a verdict rested on: whom was trusted, the rules, and all that counted of the certificates asked.

    `revocation` is what was at hand besides the trust store, things fetched included.
    """
    contents = _Contents()
    archive = trust.revocation + revocation
    counted = _counted(archive, notes, report.validation_time, policy.outdated_until)
    # A list also vouches for the responders of its issuer, so every list that counted is kept.
    crls = contents.add_all(_der(o) for o in counted if not isinstance(o, OcspAnswer))
    ocsp = contents.add_all(o.der for o in counted if isinstance(o, OcspAnswer))
    kept = {*crls, *ocsp}
    record = EvidenceRecord(
        file=report.file,
        file_sha256=report.sha256,
        size_bytes=report.size_bytes,
        detached={name: hashlib.sha256(content).hexdigest() for name, content in detached.items()},
        attached=attached,
        kind=kind,
        at=report.validation_time,
        policy=report.policy,
        rules=contents.add(_json(policy.model_dump(mode="json"))),
        signers=contents.add(_json([s.model_dump(mode="json") for s in trust.signers.signers])),
        anchors=tuple(_kept_anchor(anchor, contents) for anchor in trust.anchors),
        hints=contents.add_all(_der(c) for c in trust.intermediates),
        chains=contents.add_all(_der(c) for q in notes.questions for c in (q.certificate, q.issuer)),
        crls=crls,
        ocsp=ocsp,
        embedded=contents.add_all(der for a in notes.embedded for der in _ders(a)),
        timestamps=contents.add_all(notes.tokens),
        fetched={sha256: at for held, at in archive.fetched if (sha256 := _sha256_of(held)) in kept},
        report="",
        indication=report.indication,
    )
    told = report.model_copy(update={"evidence": tuple(sorted(contents))})
    named = record.model_copy(update={"report": contents.add(_json(told.to_dict()))})
    return Evidence(named, contents, told)


def _counted(
    archive: RevocationArchive, notes: Inquiry, at: datetime, sha1_until: datetime | None
) -> list[_Held]:
    """Each list and answer once that says something of a certificate that was asked after."""
    stated = (
        statement.origin
        for question in notes.questions
        for statement in archive.statements(
            question.certificate, question.issuer, known_at=at, sha1_until=sha1_until
        )
    )
    return list({id(origin): origin for origin in stated}.values())


def _ders(archive: RevocationArchive) -> tuple[bytes, ...]:
    return (*(_der(crl) for crl in archive.crls), *(answer.der for answer in archive.ocsp))


def _kept_anchor(anchor: Anchor, contents: _Contents) -> KeptAnchor:
    certificate, pin = contents.add(_der(anchor.certificate)), anchor.pin
    if pin is None:
        return KeptAnchor(certificate=certificate, branch=anchor.branch)
    return KeptAnchor(
        certificate=certificate,
        branch=anchor.branch,
        uses=tuple(sorted(pin.uses)),
        valid_from=pin.valid_from,
        valid_to=pin.valid_to,
    )


def read_record(content: bytes) -> EvidenceRecord:
    """A record from its JSON; raises `InvalidValue` `EVIDENCE_DAMAGED`."""
    try:
        return EvidenceRecord.model_validate_json(content)
    except ValidationError as failure:
        raise _damaged("hồ sơ không đọc được") from failure


def indication_told(record: EvidenceRecord, read: Callable[[Sha256], bytes]) -> Indication:
    """The verdict as the kept report has it; raises `InvalidValue` `EVIDENCE_DAMAGED`."""
    return Indication(_Reading(read).report(record)["indication"])


def written_record(record: EvidenceRecord) -> bytes:
    """A record as JSON, the same bytes for the same record."""
    return _json(record.model_dump(mode="json"))


def replayed(
    record: EvidenceRecord,
    read: Callable[[Sha256], bytes],
    data: bytes,
    detached: Mapping[str, bytes] | None = None,
) -> Replay:
    """Judge a file again at the time of the record, from the evidence alone; `read` gives its contents.

    Raises `InvalidValue`: `EVIDENCE_OTHER_FILE` for another file, `EVIDENCE_OTHER_CONTENT` for other
    content beside it, `EVIDENCE_DAMAGED` for contents that are missing, changed or do not read.
    """
    beside = dict(detached or {})
    theirs = {name: hashlib.sha256(content).hexdigest() for name, content in beside.items()}
    if hashlib.sha256(data).hexdigest() != record.file_sha256:
        raise InvalidValue(EVIDENCE_OTHER_FILE, "another file than the record's", file=record.file)
    if other := sorted(n for n, _ in theirs.items() ^ record.detached.items()):
        names = ", ".join(dict.fromkeys(other))
        raise InvalidValue(EVIDENCE_OTHER_CONTENT, "other content beside it", file=record.file, names=names)
    kept = _Reading(read)
    then = kept.report(record)
    policy = kept.policy(record)
    report = verify_bytes(
        data,
        policy=policy,
        trust=kept.trust(record),
        at=record.at,
        revocation=kept.revocation(record),
        detached=beside,
        name=record.file,
        attached=record.attached,
        kind=record.kind,
    )
    known = POLICIES.get(policy.id)
    return Replay(
        record,
        report,
        tuple(_differences(then, report)),
        rules_changed=report.policy != record.policy,
        rules_known=known is not None and known.reference == policy.reference,
    )


class NamesRules(Protocol):
    """A record that names the rules and the register of signers it was judged by."""

    @property
    def rules(self) -> Sha256:
        """The policy whole."""
        ...

    @property
    def signers(self) -> Sha256:
        """The register of signers."""
        ...


def rules_kept(
    record: NamesRules, read: Callable[[Sha256], bytes]
) -> tuple[VerificationPolicy, SignerRegister]:
    """The rules and the register of a record; raises `InvalidValue` `EVIDENCE_DAMAGED`."""
    kept = _Reading(read)
    return kept.policy(record), kept.register(record)


def anchors_not_pinned(record: EvidenceRecord, trust: TrustStore) -> tuple[KeptAnchor, ...]:
    """The authorities a record trusted that `trust` does not pin in the same branch, or not so widely."""
    pinned = {(a.certificate.fingerprint(hashes.SHA256()).hex(), a.branch): a for a in trust.anchors}
    return tuple(
        kept
        for kept in record.anchors
        if (own := pinned.get((kept.certificate, kept.branch))) is None
        or not set(USES_OF[kept.branch] if kept.uses is None else kept.uses) <= own.uses
    )


class _Reading:
    """Contents taken back out, each checked against its name."""

    def __init__(self, read: Callable[[Sha256], bytes]) -> None:
        self._read = read

    def bytes_of(self, sha256: Sha256) -> bytes:
        content = self._read(sha256)
        if hashlib.sha256(content).hexdigest() != sha256:
            raise _damaged(sha256)
        return content

    def policy(self, record: NamesRules) -> VerificationPolicy:
        try:
            return VerificationPolicy.model_validate_json(self.bytes_of(record.rules))
        except ValidationError as failure:
            raise _damaged(record.rules) from failure

    def trust(self, record: EvidenceRecord) -> TrustStore:
        return TrustStore(
            tuple(self._anchor(a) for a in record.anchors),
            tuple(self._certificate(sha256) for sha256 in record.hints),
            RevocationArchive(),
            self.register(record),
        )

    def revocation(self, record: EvidenceRecord) -> RevocationArchive:
        try:
            crls = {sha256: read_crl(self.bytes_of(sha256)) for sha256 in record.crls}
            answers = {sha256: OcspAnswer.read(self.bytes_of(sha256)) for sha256 in record.ocsp}
        except InvalidValue:
            raise
        except ValueError as failure:
            raise _damaged("danh sách thu hồi hoặc trả lời OCSP") from failure
        held: dict[Sha256, _Held] = {**crls, **answers}
        fetched = tuple((held[s], at) for s, at in record.fetched.items() if s in held)
        return RevocationArchive(tuple(crls.values()), tuple(answers.values()), fetched)

    def report(self, record: EvidenceRecord) -> Mapping[str, Any]:
        try:
            then: Any = json.loads(self.bytes_of(record.report))
        except ValueError as failure:
            raise _damaged(record.report) from failure
        if not isinstance(then, dict) or then.get("indication") != record.indication:
            raise _damaged("kết luận trong hồ sơ khác với báo cáo đã lưu")
        return then

    def _anchor(self, kept: KeptAnchor) -> Anchor:
        certificate = self._certificate(kept.certificate)
        if kept.uses is None:
            return Anchor(certificate, kept.branch)
        pin = Pin(kept.certificate, kept.branch, frozenset(kept.uses), kept.valid_from, kept.valid_to)
        return Anchor(certificate, kept.branch, pin)

    def _certificate(self, sha256: Sha256) -> x509.Certificate:
        content = self.bytes_of(sha256)
        try:
            return x509.load_der_x509_certificate(content)
        except ValueError as failure:
            raise _damaged(sha256) from failure

    def register(self, record: NamesRules) -> SignerRegister:
        try:
            rows = json.loads(self.bytes_of(record.signers))
            return SignerRegister(tuple(RegisteredSigner.model_validate_json(json.dumps(r)) for r in rows))
        except (ValidationError, json.JSONDecodeError, TypeError) as failure:
            raise _damaged(record.signers) from failure


def _differences(then: Mapping[str, Any], now: VerificationReport) -> list[str]:
    """What a reader would call another outcome: not a sentence spelt anew by a later version."""
    found = []
    if then.get("indication") != now.indication:
        found.append(f"kết luận: {then.get('indication')} → {now.indication}")
    old, new = _codes(then.get("findings", ())), sorted(f.code for f in now.findings)
    # What could not be fetched then is not tried again.
    if [c for c in old if c != "REVOCATION_NOT_FETCHED"] != new:
        found.append("phát hiện về tệp")
    signatures = then.get("signatures", ())
    if len(signatures) != len(now.signatures):
        found.append(f"số chữ ký: {len(signatures)} → {len(now.signatures)}")
    for earlier, signature in zip(signatures, now.signatures, strict=False):
        found += [f"chữ ký {signature.index}: {what}" for what in _differing(earlier, signature)]
    return found


def _differing(then: Mapping[str, Any], now: SignatureReport) -> list[str]:
    today = json.loads(now.model_dump_json())
    told = {
        "indication": "kết luận",
        "sub_indication": "lý do",
        "integrity": "tính toàn vẹn",
        "best_time": "thời điểm ký",
        "chain": "chuỗi chứng thư",
        "role": "vai trò",
        "revocation": "tình trạng thu hồi",
    }
    found = [word for name, word in told.items() if not _agrees(then.get(name), today.get(name))]
    if _codes(then.get("findings", ())) != sorted(f.code for f in now.findings):
        found.append("phát hiện")
    return found


def _agrees(then: object, now: object) -> bool:
    """Equal in what was told then: a later version may tell more."""
    if isinstance(then, dict) and isinstance(now, dict):
        return all(now.get(name) == value for name, value in then.items())
    return then == now


def _codes(findings: Iterable[Mapping[str, Any]]) -> list[str]:
    return sorted(str(f.get("code")) for f in findings)


def _der(held: x509.Certificate | _Held) -> bytes:
    return held.der if isinstance(held, OcspAnswer) else held.public_bytes(Encoding.DER)


def _sha256_of(held: _Held) -> Sha256:
    return hashlib.sha256(_der(held)).hexdigest()


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def _damaged(what: str) -> InvalidValue:
    return InvalidValue(EVIDENCE_DAMAGED, f"evidence is missing or changed: {what}", what=what)
