"""One file verified for library users and the command line: offline, online, with its evidence kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from ebrvt_connect.transport.revocation_rounds import judged_offline, judged_online
from ebrvt_connect.trust.revocation import RevocationArchive
from ebrvt_connect.trust.verify import verify_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ebrvt_connect.ports.clock import Clock
    from ebrvt_connect.transport.revocation_online import OnlineRevocation
    from ebrvt_connect.trust.anchors import TrustStore
    from ebrvt_connect.trust.evidence import Evidence
    from ebrvt_connect.trust.inquiry import Inquiry
    from ebrvt_connect.trust.packet_evidence import PacketEvidence
    from ebrvt_connect.trust.policy import VerificationPolicy
    from ebrvt_connect.trust.verdict import DocumentKind, VerificationReport


class KeepsEvidence(Protocol):
    """Where evidence goes (kho bằng chứng): `store.evidence` is one."""

    def keep(self, evidence: Evidence | PacketEvidence) -> str:
        """Keep it for good before returning; the name of its record. Of a packet it is one for the whole."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OneFile:
    """A file in memory, and what it is judged by."""

    data: bytes = field(repr=False)
    policy: VerificationPolicy
    trust: TrustStore
    detached: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    name: str = ""
    attached: bool = True
    """Whether the files attached to an edXML packet are judged with it."""
    kind: DocumentKind | None = None
    """What it has to be; None for any kind."""

    def judge(self, revocation: RevocationArchive, at: datetime, notes: Inquiry | None) -> VerificationReport:
        """The pure verdict."""
        return verify_bytes(
            self.data,
            policy=self.policy,
            trust=self.trust,
            at=at,
            revocation=revocation,
            detached=self.detached,
            name=self.name,
            notes=notes,
            attached=self.attached,
            kind=self.kind,
        )


def verified(
    file: OneFile,
    *,
    revocation: RevocationArchive | OnlineRevocation | None,
    at: datetime | None,
    clock: Clock,
    evidence: KeepsEvidence | None = None,
) -> VerificationReport:
    """The verdict on a file; with `evidence` what it rests on has been kept before it is told.

    Raises `ValueError` for a naive `at`, and what keeping evidence raises.
    """
    if revocation is None or isinstance(revocation, RevocationArchive):
        archive = RevocationArchive() if revocation is None else revocation
        moment = at if at is not None else clock.now()
        if evidence is None:
            return file.judge(archive, moment, None)
        judged = judged_offline(file.judge, archive, moment)
    else:
        judged = judged_online(file.judge, revocation, policy=file.policy, known=file.trust.revocation, at=at)
    if evidence is None:
        return judged.report
    from ebrvt_connect.trust.evidence import evidence_of

    found = evidence_of(
        judged.report,
        judged.notes,
        policy=file.policy,
        trust=file.trust,
        revocation=judged.revocation,
        detached=file.detached,
        attached=file.attached,
        kind=file.kind,
    )
    evidence.keep(found)
    return found.report
