"""Detached signatures among the FILES of `ebrvt verify`, paired with their content (trust.pairing).

Of `ebrvt verify a.p7s a` the signature is judged with its content beside it, and the content has the verdict
of what signs it. What was paired with what the report tells; nothing is guessed in silence.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ebrvt_connect.ports.bounded import read_bounded

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from ebrvt_connect.transport.verify_items import ToVerify
    from ebrvt_connect.trust.pairing import Pairing
    from ebrvt_connect.trust.policy import VerificationPolicy
    from ebrvt_connect.trust.verdict import VerificationReport


class OnDisk(Mapping[str, bytes]):
    """Contents by name, read when they are asked for: a batch has more than memory holds."""

    def __init__(self, files: Mapping[str, Path], largest_bytes: int) -> None:
        self._files, self._largest = files, largest_bytes
        self._handed: set[str] = set()

    @property
    def sha256(self) -> str:
        """Of what was handed out, for a single file; empty where it was not the same every time."""
        return next(iter(self._handed)) if len(self._handed) == 1 else ""

    def __getitem__(self, name: str) -> bytes:
        content = read_bounded(self._files[name], self._largest)
        self._handed.add(hashlib.sha256(content).hexdigest())
        return content

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


@dataclass(frozen=True, slots=True)
class Pairs:
    """The detached signatures of one call, and their content."""

    files: Mapping[str, Path] = field(default_factory=dict)
    """What was looked at, by the name its report has."""
    names: tuple[str, ...] = ()
    by_signature: Mapping[str, Pairing] = field(default_factory=dict)
    beside: Mapping[str, OnDisk] = field(default_factory=dict)
    """For each signature that was paired, its content."""

    @classmethod
    def among(cls, items: Sequence[tuple[Path, ToVerify]], policy: VerificationPolicy) -> Pairs:
        """Only files as small as detached signatures are looked into; the others are hashed, if need be.

        No two of the items may have one name.
        """
        from ebrvt_connect.trust.pairing import LARGEST_DETACHED_BYTES, NamedFile, pairings

        named = {i.name or "": file for file, i in items if i.part is None and _is_readable(file)}
        names = tuple(named)
        small = [n for n, name in enumerate(names) if named[name].stat().st_size <= LARGEST_DETACHED_BYTES]
        contents = [
            NamedFile(name, partial(read_bounded, file, policy.largest_bytes)) for name, file in named.items()
        ]
        pairs = {names[place]: pair for place, pair in pairings(contents, small).items()}
        beside = {
            signature: OnDisk({content: named[content]}, policy.largest_bytes)
            for signature, pair in pairs.items()
            if pair.content is not None and (content := names[pair.content])
        }
        return cls(named, names, pairs, beside)

    def placed(self, items: Sequence[tuple[Path, ToVerify]]) -> tuple[tuple[Path, ToVerify], ...]:
        """The items, each detached signature with its content beside it."""
        return tuple((path, self._placed(item)) for path, item in items)

    def needed(self, done: Container[str]) -> frozenset[str]:
        """Signatures whose answer is there already and whose content still waits for one, by name."""
        return frozenset(
            signature
            for content, signatures in self._signatures().items()
            for signature in signatures
            if content not in done and signature in done
        )

    def told(
        self,
        reports: Iterable[VerificationReport],
        policy: VerificationPolicy,
        *,
        skipped: Container[str] = (),
    ) -> Iterator[VerificationReport]:
        """The reports in their order, signatures with what they were paired with, content with its verdict.

        Content waits for its signatures, and what comes behind it waits with it. `skipped` are not told.
        """
        signatures = self._signatures()
        seen: dict[str, VerificationReport] = {}
        waiting: deque[VerificationReport] = deque()
        for report in reports:
            if report.file in self.by_signature:
                seen[report.file] = report
            if report.file not in skipped:
                waiting.append(report)
            while waiting and all(name in seen for name in signatures.get(waiting[0].file, ())):
                yield self._finished(waiting.popleft(), signatures, seen, policy)
        # A signature that could not be read says nothing of its content.
        yield from (self._finished(report, signatures, seen, policy) for report in waiting)

    def _finished(
        self,
        report: VerificationReport,
        signatures: Mapping[str, Sequence[str]],
        seen: Mapping[str, VerificationReport],
        policy: VerificationPolicy,
    ) -> VerificationReport:
        from ebrvt_connect.trust.packet_siblings import SignedBeside, report_of_pair, with_signatures

        pair = self.by_signature.get(report.file)
        if pair is not None:
            return report_of_pair(report, pair, self.names, policy)
        # A second copy of a signature file says nothing more.
        theirs = {
            seen[n].sha256: SignedBeside(seen[n], self.beside[n].sha256)
            for n in reversed(signatures.get(report.file, ()))
            if n in seen
        }
        return with_signatures(report, tuple(reversed(theirs.values())), policy)

    def _placed(self, item: ToVerify) -> ToVerify:
        content = self.beside.get(item.name or "")
        return item if content is None or item.detached else replace(item, detached=content)

    def _signatures(self) -> dict[str, list[str]]:
        """Names of the signatures about each content."""
        found: dict[str, list[str]] = {}
        for signature, pair in self.by_signature.items():
            for content in pair.contents:
                found.setdefault(self.names[content], []).append(signature)
        return found


def _is_readable(file: Path) -> bool:
    """A file that can be read more than once; what is none is told by whoever reads it next.

    A pipe is not even opened: that would wait for whoever writes to it.
    """
    try:
        if not file.is_file():
            return False
        with file.open("rb"):
            return True
    except OSError:
        return False


__all__ = ["OnDisk", "Pairs"]
