"""The files attached to an edXML packet, one at a time (từng tệp trong gói tin), for whoever judges them.

To open a packet is to work on a stranger's file, so a worker process does it, under limits: the process that
asks for verdicts learns no more than the names. Opening it again for each of its files costs some tenths of
a second for a hundred megabytes; nothing is kept in between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebrvt_connect.trust.packet_opening import attached_files
from ebrvt_connect.trust.packet_siblings import beside

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ebrvt_connect.trust.policy import VerificationPolicy


class PartMissing(OSError):
    """A packet does not hold the file that was asked for: it has been changed since its names were told."""


def names_of(packet: bytes, policy: VerificationPolicy) -> tuple[str, ...]:
    """What the attached files are called; none where the packet cannot be opened, which its verdict tells."""
    return tuple(file.name for file in attached_files(packet, policy))


def content_and_siblings(
    content: bytes, given: Mapping[str, bytes], part: int | None, policy: VerificationPolicy
) -> tuple[bytes, Mapping[str, bytes]]:
    """What is to be judged, and what stands beside it; raises `PartMissing`.

    Without a `part` that is what was handed in; else an attached file, and what its own name says it signs.
    """
    if part is None:
        return content, given
    files = attached_files(content, policy)
    if part >= len(files):
        raise PartMissing
    return files[part].read(), beside(part, files)


__all__ = ["PartMissing", "content_and_siblings", "names_of"]
