"""Evidence kept by a command that ends: what the disk refuses is told, for nothing goes on by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ebrvt_connect.errors import HeldForPerson
from ebrvt_connect.ops.file_trouble import file_refusal
from ebrvt_connect.store.evidence import EvidenceFolder

if TYPE_CHECKING:
    from pathlib import Path

    from ebrvt_connect.trust.evidence import Evidence
    from ebrvt_connect.trust.packet_evidence import PacketEvidence


@dataclass(frozen=True, slots=True)
class EvidenceHere:
    """A folder of evidence, as `verify --evidence` writes to it."""

    kept: EvidenceFolder

    @classmethod
    def at(cls, folder: Path) -> EvidenceHere:
        """Made if need be; raises `InvalidValue` `DISK_FULL` or `FILE_UNUSABLE`."""
        try:
            return cls(EvidenceFolder(folder))
        except HeldForPerson as failure:
            raise _told(failure, folder) from failure

    def keep(self, evidence: Evidence | PacketEvidence) -> str:
        """The record's name; raises as `at`, and `HeldForPerson` `BLOB_TOO_LARGE`."""
        try:
            return self.kept.keep(evidence)
        except HeldForPerson as failure:
            raise _told(failure, self.kept.folder) from failure


def _told(failure: HeldForPerson, folder: Path) -> Exception:
    """The refusal in this command's terms; the failure itself where it did not come from the disk."""
    cause = failure.__cause__
    refusal = file_refusal(cause, folder) if isinstance(cause, OSError) else None
    return failure if refusal is None else refusal


__all__ = ["EvidenceHere"]
