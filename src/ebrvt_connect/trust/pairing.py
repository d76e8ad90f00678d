"""Which file a detached signature is about (ghép chữ ký rời với nội dung): its digest decides, not a name.

A .p7s tells in its signed attributes the digest of what it signs (RFC 5652 messageDigest); the file with that
digest is its content, whatever the two are called. Only where no file has it the name is a hint, so that
content which was changed is told as changed and not as missing. Pure: whoever asks reads the files.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final, Literal

from asn1crypto import core

from ebrvt_connect.trust import packet_findings
from ebrvt_connect.trust.cms_armour import unarmoured
from ebrvt_connect.trust.cms_content import open_signed_data
from ebrvt_connect.trust.kind import sighted
from ebrvt_connect.trust.signed_data import CmsMalformed
from ebrvt_connect.trust.verdict import DocumentKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from asn1crypto import cms

    from ebrvt_connect.trust.policy import VerificationPolicy
    from ebrvt_connect.trust.verdict import Finding

_SUFFIXES: Final = (".p7s", ".p7m", ".sig")
_MOST_SIGNERS: Final = 50
LARGEST_DETACHED_BYTES: Final = 16 * 1024 * 1024
"""A file past this is no detached signature: those hold certificates and lists, not content."""


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file by its name; its bytes are read when it is its turn, so that not all are in memory at once."""

    name: str
    read: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a detached signature is about, by its own word: (digest algorithm, digest) of each signer."""

    digests: tuple[tuple[str, bytes], ...]

    @property
    def told(self) -> str:
        """The first of them as a reader compares it: `sha256 ab12…`."""
        algorithm, digest = self.digests[0] if self.digests else ("", b"")
        return f"{algorithm} {digest.hex()}".strip()


@dataclass(frozen=True, slots=True)
class Pairing:
    """A detached signature among other files, and its content where that is there."""

    wanted: Wanted
    content: int | None = None
    """Position of the content; None where no file is it by digest or by name."""
    by: Literal["digest", "name", ""] = ""
    copies: tuple[int, ...] = ()
    """Positions of further files with the same digests: the same content, signed just as well."""
    likely: str = ""
    """What its content would be called, by the signature's own name; empty where that tells nothing."""

    @property
    def contents(self) -> tuple[int, ...]:
        """Positions of every file it is about; one of them but for copies."""
        return () if self.content is None else (self.content, *self.copies)

    def findings(self, names: Sequence[str], policy: VerificationPolicy) -> Iterator[Finding]:
        """How the content was found, or which one is missing: nothing is paired in silence."""
        if self.content is None:
            yield policy.notice(
                packet_findings.DETACHED_CONTENT_WANTED,
                digest=self.wanted.told or "(không ghi)",
                likely=f", theo tên thì có lẽ là “{self.likely}”" if self.likely else "",
                likely_en=f", by its name perhaps {self.likely}" if self.likely else "",
            )
        else:
            found = packet_findings.DETACHED_CONTENT_FOUND
            code = found if self.by == "digest" else packet_findings.DETACHED_CONTENT_BY_NAME
            yield from (policy.notice(code, name=names[place]) for place in self.contents)


def pairings(files: Sequence[NamedFile], signatures: Iterable[int] | None = None) -> Mapping[int, Pairing]:
    """For each detached signature among the files which of them it is about, by position.

    `signatures` are the positions worth looking at, all unless given. Raises what reading raises.
    """
    names = [file.name for file in files]
    looked_at = range(len(files)) if signatures is None else signatures
    wanted = {n: want for n in looked_at if (want := wanted_by(files[n].read())) is not None}
    algorithms = sorted({algorithm for want in wanted.values() for algorithm, _ in want.digests})
    contents: dict[tuple[str, bytes], list[int]] = {}
    for place in (n for n in range(len(files)) if wanted and n not in wanted):
        for algorithm, digest in _digests(files[place], algorithms):
            contents.setdefault((algorithm, digest), []).append(place)
    return {place: _paired(place, want, names, contents) for place, want in wanted.items()}


def wanted_by(data: bytes) -> Wanted | None:
    """What a detached CMS signature says it signs; None for any other file."""
    if len(data) > LARGEST_DETACHED_BYTES or sighted(data).kind is not DocumentKind.CMS:
        return None
    try:
        opened = open_signed_data(unarmoured(data))
        if opened.content is not None or not opened.signed["signer_infos"].contents:
            return None
        return Wanted(tuple(_told_digests(opened.signed)))
    except (CmsMalformed, ValueError, TypeError, KeyError, RecursionError):
        return None


def sibling_name(name: str) -> str:
    """`giay.pdf` for `giay.pdf.p7s`, `giay` for `giay.p7s`; empty for a name that is no signature's."""
    suffix = next((s for s in _SUFFIXES if name.lower().endswith(s)), "")
    return name[: -len(suffix)] if suffix else ""


def _told_digests(content: cms.SignedData) -> Iterator[tuple[str, bytes]]:
    for signer in islice(content["signer_infos"], _MOST_SIGNERS):
        algorithm = str(signer["digest_algorithm"]["algorithm"].native).lower()
        attributes = signer["signed_attrs"]
        for attribute in () if isinstance(attributes, core.Void) else attributes:
            if attribute["type"].native == "message_digest" and len(attribute["values"]) == 1:
                yield algorithm, bytes(attribute["values"][0].native)


def _digests(file: NamedFile, algorithms: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    data = file.read()
    for algorithm in algorithms:
        try:
            yield algorithm, hashlib.new(algorithm, data).digest()
        except (ValueError, TypeError):  # unknown, or of no fixed length: then only the name can tell
            continue


def _paired(
    place: int, wanted: Wanted, names: Sequence[str], contents: Mapping[tuple[str, bytes], Sequence[int]]
) -> Pairing:
    """The content most signers name; of several with the same bytes the nearest by name."""
    bare = sibling_name(names[place])
    likely = bare.replace("\\", "/").rpartition("/")[2]
    by_name = _named(place, bare, names)
    matching = [n for digest in wanted.digests for n in contents.get(digest, ())]
    if matching:
        most = max(map(matching.count, matching))
        equal = [n for n in dict.fromkeys(matching) if matching.count(n) == most]
        folder = names[place].rpartition("/")[0]
        beside = [n for n in equal if names[n].rpartition("/")[0] == folder]
        chosen = by_name if by_name in equal else (beside or equal)[0]
        # Of signers that name several contents only those of the chosen one speak for its copies.
        named = [set(contents[d]) for d in wanted.digests if chosen in contents.get(d, ())]
        copies = tuple(n for n in equal if n != chosen and all(n in places for places in named))
        return Pairing(wanted, chosen, "digest", copies, likely)
    return Pairing(wanted, by_name, "" if by_name is None else "name", likely=likely)


def _named(place: int, bare: str, names: Sequence[str]) -> int | None:
    """Position of the one file the name says the signature is about."""
    if not bare:
        return None
    others = [n for n in range(len(names)) if n != place and not sibling_name(names[n])]
    for matching in (
        [n for n in others if names[n] == bare],
        [n for n in others if names[n].rpartition(".")[0] == bare],
    ):
        if matching:
            return matching[0] if len(matching) == 1 else None
    return None


__all__ = [
    "LARGEST_DETACHED_BYTES",
    "NamedFile",
    "Pairing",
    "Wanted",
    "pairings",
    "sibling_name",
    "wanted_by",
]
