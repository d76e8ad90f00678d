"""A packet from the outside (edXML file, or a record with files) for library users and the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ebrvt_connect.codec.record_json import is_record, record_fields, record_of_fields
from ebrvt_connect.model.document import Document
from ebrvt_connect.model.ids import AgencyHistory
from ebrvt_connect.transport.verify_one import OneFile, verified
from ebrvt_connect.trust import packet_findings
from ebrvt_connect.trust.packet import packet_of_findings
from ebrvt_connect.trust.packet_opening import judged_edxml, judged_record
from ebrvt_connect.trust.packet_rules import PacketGrounds
from ebrvt_connect.trust.packet_siblings import NamedFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ebrvt_connect.ports.clock import Clock
    from ebrvt_connect.transport.revocation_online import OnlineRevocation
    from ebrvt_connect.transport.verify_one import KeepsEvidence
    from ebrvt_connect.trust.anchors import TrustStore
    from ebrvt_connect.trust.evidence import Evidence
    from ebrvt_connect.trust.packet_report import PacketReport
    from ebrvt_connect.trust.policy import VerificationPolicy
    from ebrvt_connect.trust.revocation import RevocationArchive
    from ebrvt_connect.trust.verdict import VerificationReport

PacketSource = bytes | Path | Document
"""An edXML file, a record as JSON, or a record."""
PacketFiles = Sequence[Path] | Mapping[str, bytes | Path]
"""The files of a record: paths, or contents (or paths) by name."""


@dataclass(frozen=True, slots=True)
class _Parts:
    """Evidence of what a packet is made of, each record saying that it is of a part only."""

    kept: KeepsEvidence
    packet: str

    def keep(self, evidence: Evidence) -> str:
        """As it is kept elsewhere, with the packet's name."""
        record = evidence.record.model_copy(update={"part_of": self.packet})
        return self.kept.keep(replace(evidence, record=record))


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketJudge:
    """By what every file of a packet is judged."""

    policy: VerificationPolicy
    trust: TrustStore
    at: datetime
    clock: Clock
    revocation: RevocationArchive | OnlineRevocation | None = None
    history: AgencyHistory | None = None
    evidence: KeepsEvidence | None = None

    def verdict(self, source: PacketSource, files: PacketFiles, name: str) -> PacketReport:
        """Raises `InvalidValue` for a record that is none, `ValueError` for files beside an edXML file."""
        if self.at.tzinfo is None:
            raise ValueError(f"the time of a verification must be aware, got {self.at!r}")
        grounds = PacketGrounds(self.policy, self.trust.signers, self.at, self.history or AgencyHistory())
        data = source if isinstance(source, Document) else _content(source, self.policy.largest_bytes)
        if isinstance(data, bytes) and not is_record(data):
            if files:
                raise ValueError("an edXML packet brings its own files: expected no others beside it")
            return judged_edxml(data, self._judge_of(name), grounds, name=name)
        record = (
            data
            if isinstance(data, Document)
            else record_of_fields(record_fields(data, file=name), file=name)
        )
        if not isinstance(record, Document):
            status = self.policy.notice(packet_findings.PACKET_WITHOUT_DOCUMENT)
            return packet_of_findings([status], grounds, name=name)
        return judged_record(record, self._named(files), self._judge_of(name), grounds, name=name)

    def _judge_of(self, packet: str) -> Callable[[bytes, str, Mapping[str, bytes]], VerificationReport]:
        evidence = None if self.evidence is None else _Parts(self.evidence, packet or "?")
        return partial(self._judge, evidence)

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

    def _named(self, files: PacketFiles) -> list[NamedFile]:
        given = files.items() if isinstance(files, Mapping) else ((path.name, path) for path in files)
        return [NamedFile(n, partial(_content, content, self.policy.largest_bytes)) for n, content in given]


def _content(source: bytes | Path, largest_bytes: int) -> bytes:
    """One byte past the limit is enough for the verdict to say that it is too large."""
    if isinstance(source, bytes):
        return source
    with source.open("rb") as stream:
        return stream.read(largest_bytes + 1)
