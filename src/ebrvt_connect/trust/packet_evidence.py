"""Evidence of a packet (bằng chứng kiểm tra gói tin): one record for the whole, replayed as a whole.

The record names the packet, the files that came beside it, rules and registers, the report as it was told and
for each part the evidence of that part (`trust.evidence`). Replaying judges the same packet at the same time,
every part from its own evidence, and asks the record's rules anew. The packet's bytes are not kept: whoever
replays brings them, and the files that stood beside it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from pydantic import AwareDatetime, Field, ValidationError

from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.model.document import Document
from ebrvt_connect.model.ids import AgencyHistory, CodeSuccession
from ebrvt_connect.model.text import Value
from ebrvt_connect.trust.evidence import (
    EVIDENCE_DAMAGED,
    EVIDENCE_OTHER_CONTENT,
    EVIDENCE_OTHER_FILE,
    read_record,
    replayed,
    rules_kept,
    written_record,
)
from ebrvt_connect.trust.packet_judging import judged_packet
from ebrvt_connect.trust.packet_rules import PacketGrounds
from ebrvt_connect.trust.packet_siblings import NamedFile
from ebrvt_connect.trust.policy import POLICIES
from ebrvt_connect.trust.verdict import Indication, PolicyReference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from ebrvt_connect.trust.evidence import Evidence, EvidenceRecord, Replay, Sha256
    from ebrvt_connect.trust.packet_report import PacketReport
    from ebrvt_connect.trust.verdict import VerificationReport


class KeptPart(Value):
    """One part of a packet (tệp hoặc vỏ gói tin) and the evidence of the verdict on it."""

    name: str
    sha256: str
    detached: dict[str, str] = Field(default_factory=dict)
    """Content that stood beside it, by name."""
    record: str
    """Its own record of evidence, by SHA-256."""


class PacketRecord(Value):
    """The verdict on a packet and all it rested on, by SHA-256 (hồ sơ bằng chứng của gói tin)."""

    format: Literal["ebrvt-evidence-packet/1"] = "ebrvt-evidence-packet/1"
    file: str
    file_sha256: str
    size_bytes: int
    as_record: bool = False
    """Whether it was handed in as a record and not as a file; its JSON is then among the contents."""
    beside: dict[str, str] = Field(default_factory=dict)
    """The files that were given beside a record, by name."""
    at: AwareDatetime
    policy: PolicyReference
    rules: str
    """The policy whole, as JSON."""
    signers: str
    """The register of signers, as JSON."""
    history: str
    """Which agency code followed which, as JSON."""
    parts: tuple[KeptPart, ...] = ()
    """The envelope and every file, as they were judged."""
    contents: tuple[str, ...] = ()
    """Everything the record and its parts name."""
    report: str
    """The report on the packet as it was told, as JSON."""
    indication: Indication

    @property
    def part_of(self) -> str:
        """A packet is a part of nothing."""
        return ""

    def digests(self) -> frozenset[str]:
        """Everything the record names, the packet and its files aside."""
        return frozenset(self.contents)


@dataclass(frozen=True, slots=True)
class PacketEvidence:
    """A packet's record with the contents it names, and the report that tells of them."""

    record: PacketRecord
    contents: Mapping[Sha256, bytes]
    report: PacketReport


@dataclass(frozen=True, slots=True)
class PacketReplay:
    """A packet's verdict repeated from its evidence (kiểm tra lại gói tin từ bằng chứng)."""

    record: PacketRecord
    report: PacketReport
    parts: tuple[Replay, ...]
    differences: tuple[str, ...]
    """What came out otherwise, in Vietnamese; empty when the outcome is the same."""
    rules_changed: bool
    """Whether this version weighs findings otherwise than the one that judged then."""
    rules_known: bool
    """Whether the record's rules are the policy they are called by, as this program has it."""

    @property
    def outcome_vi(self) -> str:
        """The result in one sentence."""
        if not self.differences:
            return "Kiểm tra lại cả gói tin từ bằng chứng cho kết quả giống lần trước."
        told = "; ".join(self.differences)
        return f"Kiểm tra lại cả gói tin từ bằng chứng cho kết quả KHÁC lần trước: {told}."

    @property
    def rules_vi(self) -> str:
        """What to know of the rules where they are not those they are called by; empty otherwise."""
        return next((part.rules_vi for part in self.parts if part.rules_vi), "")

    def __bool__(self) -> NoReturn:
        """Raises `TypeError`: ask for `differences`."""
        raise TypeError("a replay is neither true nor false; look at its `differences`")


def packet_evidence_of(
    report: PacketReport,
    parts: Sequence[Evidence],
    source: bytes | Document,
    beside: Mapping[str, Sha256],
    grounds: PacketGrounds,
) -> PacketEvidence:
    """What a packet's verdict rested on; `parts` are that of each part, in the order they were judged.

    `beside` are the files of a record by name.
    """
    contents: dict[Sha256, bytes] = {}

    def put(content: bytes) -> Sha256:
        sha256 = hashlib.sha256(content).hexdigest()
        contents[sha256] = content
        return sha256

    for part in parts:
        contents.update(part.contents)
    data = _bytes_of(source)
    if isinstance(source, Document):
        put(data)
    kept = tuple(
        KeptPart(
            name=p.record.file,
            sha256=p.record.file_sha256,
            detached=p.record.detached,
            record=put(written_record(p.record)),
        )
        for p in parts
    )
    record = PacketRecord(
        file=report.file,
        file_sha256=hashlib.sha256(data).hexdigest(),
        size_bytes=len(data),
        as_record=isinstance(source, Document),
        beside=dict(beside),
        at=report.validation_time,
        policy=report.policy,
        rules=put(_json(grounds.policy.model_dump(mode="json"))),
        signers=put(_json([s.model_dump(mode="json") for s in grounds.signers.signers])),
        history=put(_json(_successions(grounds.history))),
        parts=kept,
        report=put(_json(report.to_dict())),
        indication=report.indication,
    )
    return PacketEvidence(record.model_copy(update={"contents": tuple(sorted(contents))}), contents, report)


def read_packet_record(content: bytes) -> PacketRecord:
    """A packet's record from its JSON; raises `InvalidValue` `EVIDENCE_DAMAGED`."""
    try:
        return PacketRecord.model_validate_json(content)
    except ValidationError as failure:
        raise _damaged("hồ sơ không đọc được") from failure


def packet_indication_told(record: PacketRecord, read: Callable[[Sha256], bytes]) -> Indication:
    """The verdict as the kept report has it; raises `InvalidValue` `EVIDENCE_DAMAGED`."""
    return Indication(_report_then(record, read)["indication"])


def written_packet_record(record: PacketRecord) -> bytes:
    """A packet's record as JSON, the same bytes for the same record."""
    return _json(record.model_dump(mode="json"))


def packet_replayed(
    record: PacketRecord,
    read: Callable[[Sha256], bytes],
    data: bytes,
    beside: Mapping[str, bytes] | None = None,
) -> PacketReplay:
    """Judge a packet again at the time of its record, from the evidence alone; `read` gives its contents.

    Raises `InvalidValue`: `EVIDENCE_OTHER_FILE` for another packet, `EVIDENCE_OTHER_CONTENT` for other files
    beside it, `EVIDENCE_DAMAGED` for contents that are missing, changed or do not read.
    """
    files = dict(beside or {})
    theirs = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    if hashlib.sha256(data).hexdigest() != record.file_sha256:
        raise InvalidValue(EVIDENCE_OTHER_FILE, "another packet than the record's", file=record.file)
    if other := sorted(dict.fromkeys(n for n, _ in theirs.items() ^ record.beside.items())):
        names = ", ".join(other)
        raise InvalidValue(EVIDENCE_OTHER_CONTENT, "other files beside it", file=record.file, names=names)
    then = _report_then(record, read)
    policy, signers = rules_kept(record, read)
    grounds = PacketGrounds(policy, signers, record.at, _history(record, read))
    again: list[Replay] = []

    def judge(content: bytes, name: str, siblings: Mapping[str, bytes]) -> VerificationReport:
        replay = replayed(_part(record, read, content, name, siblings), read, content, siblings)
        again.append(replay)
        return replay.report

    source = Document.model_validate_json(data) if record.as_record else data
    named = [NamedFile(name, partial(files.__getitem__, name)) for name in record.beside]
    report = judged_packet(source, named, judge, grounds, name=record.file)
    known = POLICIES.get(policy.id)
    return PacketReplay(
        record,
        report,
        tuple(again),
        tuple(_differences(then, report, again)),
        rules_changed=report.policy != record.policy,
        rules_known=known is not None and known.reference == policy.reference,
    )


def _part(
    record: PacketRecord,
    read: Callable[[Sha256], bytes],
    content: bytes,
    name: str,
    siblings: Mapping[str, bytes],
) -> EvidenceRecord:
    """The record of one part: the same bytes by the same name with the same content beside it.

    It must speak of the packet's time and rules: parts of several verdicts are no evidence of one.
    """
    sha256 = hashlib.sha256(content).hexdigest()
    detached = {n: hashlib.sha256(c).hexdigest() for n, c in siblings.items()}
    for part in record.parts:
        if (part.name, part.sha256, part.detached) == (name, sha256, detached):
            found = read_record(_checked(part.record, read))
            if (found.at, found.rules, found.signers) == (record.at, record.rules, record.signers):
                return found
    raise _damaged(name[:100])


def _history(record: PacketRecord, read: Callable[[Sha256], bytes]) -> AgencyHistory:
    try:
        rows = json.loads(_checked(record.history, read))
        return AgencyHistory(tuple(_succession(row) for row in rows))
    except (ValueError, KeyError, TypeError) as failure:
        raise _damaged(record.history) from failure


def _succession(row: Mapping[str, Any]) -> CodeSuccession:
    codes = tuple((str(old), str(new)) for old, new in row["codes"])
    return CodeSuccession(row["old"], row["new"], date.fromisoformat(row["since"]), codes)


def _successions(history: AgencyHistory) -> list[dict[str, Any]]:
    return [
        {"old": s.old, "new": s.new, "since": s.since.isoformat(), "codes": [list(pair) for pair in s.codes]}
        for s in history.successions
    ]


def _report_then(record: PacketRecord, read: Callable[[Sha256], bytes]) -> Mapping[str, Any]:
    try:
        then: Any = json.loads(_checked(record.report, read))["packet"]
    except (ValueError, KeyError, TypeError) as failure:
        raise _damaged(record.report) from failure
    if not isinstance(then, dict) or then.get("indication") != record.indication:
        raise _damaged("kết luận trong hồ sơ khác với báo cáo đã lưu")
    return then


def _checked(sha256: Sha256, read: Callable[[Sha256], bytes]) -> bytes:
    content = read(sha256)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise _damaged(sha256)
    return content


def _differences(then: Mapping[str, Any], now: PacketReport, parts: Iterable[Replay]) -> Iterator[str]:
    """What came out otherwise: the verdict, the rules, the files, and within each part."""
    today = json.loads(now.to_json())["packet"]
    told = {
        "indication": "kết luận về gói tin",
        "sub_indications": "lý do",
        "number": "số, ký hiệu",
        "agency": "cơ quan ban hành",
    }
    yield from (word for name, word in told.items() if then.get(name) != today.get(name))
    if _codes(then.get("findings", ())) != _codes(today["findings"]):
        yield "phát hiện về gói tin"
    if [_file(f) for f in then.get("files", ())] != [_file(f) for f in today["files"]]:
        yield "các tệp của gói tin"
    for part in parts:
        if part.differences:
            yield f"{part.record.file}: {', '.join(part.differences)}"


def _file(told: Mapping[str, Any]) -> tuple[Any, ...]:
    names = ("name", "part", "sha256", "indication")
    return (*(told.get(name) for name in names), _codes(told.get("findings", ())))


def _codes(found: Iterable[Mapping[str, Any]]) -> list[str]:
    return sorted(str(f.get("code")) for f in found)


def _bytes_of(source: bytes | Document) -> bytes:
    return source.model_dump_json().encode() if isinstance(source, Document) else source


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def _damaged(what: str) -> InvalidValue:
    return InvalidValue(EVIDENCE_DAMAGED, f"evidence is missing or changed: {what}", what=what)


__all__ = [
    "KeptPart",
    "PacketEvidence",
    "PacketRecord",
    "PacketReplay",
    "packet_evidence_of",
    "packet_indication_told",
    "packet_replayed",
    "read_packet_record",
    "written_packet_record",
]
