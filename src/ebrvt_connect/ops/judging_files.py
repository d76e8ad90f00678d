"""The files of a record judged by a gate: each by its content, a detached signature with what it is about."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ebrvt_connect.api import verify
from ebrvt_connect.ports.bounded import read_bounded
from ebrvt_connect.trust.packet_siblings import NamedFile, judge_together

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from ebrvt_connect.ports.blobs import Blobs
    from ebrvt_connect.trust.anchors import TrustStore
    from ebrvt_connect.trust.packet_siblings import JudgedFile
    from ebrvt_connect.trust.policy import VerificationPolicy
    from ebrvt_connect.trust.verdict import VerificationReport


def judge_files(
    files: Iterable[tuple[str, str]],
    blobs: Blobs,
    *,
    policy: VerificationPolicy,
    trust: TrustStore,
    at: datetime,
) -> tuple[JudgedFile, ...]:
    """The verdict on each (name, SHA-256), in order; raises `HeldForPerson` for a store that lost one."""

    def judge(data: bytes, name: str, beside: Mapping[str, bytes]) -> VerificationReport:
        return verify(data, policy=policy, trust=trust, at=at, detached=beside, name=name)

    named = [
        NamedFile(name, partial(_content, blobs, sha256, policy.largest_bytes)) for name, sha256 in files
    ]
    return judge_together(named, judge, policy)


def _content(blobs: Blobs, sha256: str, largest_bytes: int) -> bytes:
    """A file past the policy's limit gets its verdict, too: that is no reason to hold what arrives."""
    with blobs.open(sha256) as stream:
        return read_bounded(stream, largest_bytes)
