"""A packet from the outside (edXML file, or a record with files) for library users and the command line."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ebrvt_connect.errors import InvalidValue, explain
from ebrvt_connect.model.document import Document
from ebrvt_connect.model.ids import AgencyHistory
from ebrvt_connect.ports.bounded import read_bounded
from ebrvt_connect.transport.verify_one import OneFile, verified
from ebrvt_connect.trust.evidence import Evidence
from ebrvt_connect.trust.packet_evidence import packet_evidence_of
from ebrvt_connect.trust.packet_judging import judged_packet
from ebrvt_connect.trust.packet_rules import PacketGrounds
from ebrvt_connect.trust.packet_siblings import NamedFile

if TYPE_CHECKING:
    from datetime import datetime

    from ebrvt_connect.ports.clock import Clock
    from ebrvt_connect.transport.revocation_online import OnlineRevocation
    from ebrvt_connect.transport.verify_one import KeepsEvidence
    from ebrvt_connect.trust.anchors import TrustStore
    from ebrvt_connect.trust.packet_evidence import PacketEvidence
    from ebrvt_connect.trust.packet_report import PacketReport
    from ebrvt_connect.trust.policy import VerificationPolicy
    from ebrvt_connect.trust.revocation import RevocationArchive
    from ebrvt_connect.trust.verdict import VerificationReport

FILE_CHANGED_MEANWHILE = explain(
    "FILE_CHANGED_MEANWHILE",
    "Tệp {name} bị sửa trong lúc đang kiểm tra nên chưa kết luận được.",
    "Đợi chương trình khác ghi xong (hoặc chép tệp sang thư mục riêng) rồi kiểm tra lại.",
)

PacketSource = bytes | Path | Document
"""An edXML file, a record as JSON, or a record."""
PacketFiles = Sequence[Path] | Mapping[str, bytes | Path]
"""The files of a record: paths, or contents (or paths) by name."""


@dataclass(slots=True)
class _Parts:
    """Evidence of what a packet is made of, until all of it is known; each record tells of which packet."""

    packet: str
    kept: list[Evidence] = field(default_factory=list)

    def keep(self, evidence: Evidence | PacketEvidence) -> str:
        """Held for the packet's own record, which names it."""
        if isinstance(evidence, Evidence):
            record = evidence.record.model_copy(update={"part_of": self.packet})
            self.kept.append(replace(evidence, record=record))
        return ""


@dataclass(slots=True)
class _Steady:
    """A file that is read more than once, so that not all of them lie in memory: the same bytes each time."""

    name: str
    source: bytes | Path
    limit_bytes: int
    sha256: str = ""

    def read(self) -> bytes:
        """Raises `InvalidValue` `FILE_CHANGED_MEANWHILE`: a verdict is about one content."""
        content = _content(self.source, self.limit_bytes)
        sha256 = hashlib.sha256(content).hexdigest()
        if self.sha256 not in ("", sha256):
            detail = f"{self.name} had SHA-256 {self.sha256} when it was first read, now {sha256}"
            raise InvalidValue(FILE_CHANGED_MEANWHILE, detail, name=self.name)
        self.sha256 = sha256
        return content

    def digest(self) -> str:
        """The SHA-256 of what was judged; raises as `read` where nothing has needed to read it yet."""
        if not self.sha256:
            self.read()
        return self.sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketVerifier:
    """By what every file of a packet is judged."""

    policy: VerificationPolicy
    trust: TrustStore
    at: datetime
    clock: Clock
    revocation: RevocationArchive | OnlineRevocation | None = None
    history: AgencyHistory | None = None
    evidence: KeepsEvidence | None = None

    def verdict(self, source: PacketSource, files: PacketFiles, name: str) -> PacketReport:
        """Judge it, and keep evidence where that is asked for.

        Raises `InvalidValue` for a record that is none and for a file that changes meanwhile, `ValueError`
        for files beside an edXML file.
        """
        if self.at.tzinfo is None:
            raise ValueError(f"the time of a verification must be aware, got {self.at!r}")
        grounds = PacketGrounds(self.policy, self.trust.signers, self.at, self.history or AgencyHistory())
        data = source if isinstance(source, Document) else _content(source, self.policy.largest_bytes)
        steady = [_Steady(n, content, self.policy.largest_bytes) for n, content in _by_name(files)]
        named = [NamedFile(file.name, file.read) for file in steady]
        parts = None if self.evidence is None else _Parts(name or "?")
        report = judged_packet(data, named, partial(self._judge, parts), grounds, name=name)
        if self.evidence is not None and parts is not None:
            beside = {file.name: file.digest() for file in steady}
            self.evidence.keep(packet_evidence_of(report, parts.kept, data, beside, grounds))
        return report

    def _judge(
        self, evidence: KeepsEvidence | None, data: bytes, name: str, beside: Mapping[str, bytes]
    ) -> VerificationReport:
        file = OneFile(
            data=data,
            policy=self.policy,
            trust=self.trust,
            detached=beside,
            name=name,
            attached=False,
        )
        return verified(file, revocation=self.revocation, at=self.at, clock=self.clock, evidence=evidence)


def _by_name(files: PacketFiles) -> list[tuple[str, bytes | Path]]:
    return list(files.items()) if isinstance(files, Mapping) else [(path.name, path) for path in files]


def _content(source: bytes | Path, largest_bytes: int) -> bytes:
    """One byte past the limit is enough for the verdict to say that it is too large."""
    return source if isinstance(source, bytes) else read_bounded(source, largest_bytes)
