"""A bundle of evidence (bộ bằng chứng): all that a stranger needs to check one thing, and nothing else.

    README.txt  check.sh  SHA256SUMS  tsa-roots.pem
    entries/000000017/entry.txt   what took effect: codes, times, digests
    entries/000000017/place.txt   its link in the chain, and its way up to the root of its seal
    seals/3.txt  seals/3.tst      the seal's statement, and the timestamp token over it (RFC 3161)
    content/<sha256>              what the digests are of: original, payload, record, verdict, receipts,
                                  and the files that a record names by their digests
    signatures/1.txt  1.p7s       the signatures of these files, taken out (`proof_signatures`)

It is written whole or not at all, and for the owner alone: unlike the log, its content tells about people.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING

from ebrvt_connect.codec.proof import entry_facts, place_text, sha256_hex
from ebrvt_connect.errors import ConnectError
from ebrvt_connect.ops.proof_out import new_bundle
from ebrvt_connect.ops.proof_signatures import LARGEST_BYTES, signatures_of
from ebrvt_connect.store.collecting import files_of

if TYPE_CHECKING:
    from pathlib import Path

    from ebrvt_connect.codec.proof import Place
    from ebrvt_connect.ops.proof_out import Bundle
    from ebrvt_connect.ports.blobs import Blobs
    from ebrvt_connect.store.proof import Entry, ProofLog, StampedSeal
    from ebrvt_connect.store.queries import Story

ROOTS = "tsa-roots.pem"
ROLES_VI = {
    "record": "nội dung đã đọc (JSON)",
    "original": "bản gốc nhận được",
    "payload": "bản đã gửi đi (kèm chữ ký số bên trong)",
    "verdict": "kết quả kiểm tra chữ ký số (JSON)",
    "receipt": "biên nhận của bên nhận",
    "answer": "câu trả lời của bên nhận",
}
"""What an entry has digests of, by the name of the line."""
FILE = "file"
"""What a record has a digest of."""
TOLD_VI = {**ROLES_VI, FILE: "tệp đính kèm mà nội dung đã đọc nêu tên"}


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export came to."""

    entries: tuple[int, ...]
    """Their numbers in the chain."""
    unlinked: int
    """Entries that have no place in the chain yet: not in the bundle."""
    unsealed: int
    unstamped: int
    signatures: int
    """Signatures of files that were taken out, so that openssl can check them."""
    absent: tuple[tuple[int, str], ...]
    """(number, role) of what is not in the store any more, or no longer what it was."""


@dataclass(frozen=True, slots=True)
class _Page:
    """An entry with its place."""

    entry: Entry
    place: Place
    facts: Mapping[str, str]

    @property
    def folder(self) -> str:
        return f"entries/{self.place.link.number:09d}"


@dataclass(slots=True)
class _Content:
    """What the entries' digests are of, by digest, and what of it there is not."""

    known: dict[str, Callable[[], Iterable[bytes]]] = field(default_factory=dict)
    files: dict[str, None] = field(default_factory=dict)
    """Digests of what may be signed: originals, payloads and files, in order."""
    absent: list[tuple[int, str]] = field(default_factory=list)


def export(log: ProofLog, blobs: Blobs, stories: Iterable[Story], roots: bytes, out: Path) -> Exported:
    """Write the evidence on these messages to a new folder, or to a new file where `out` ends in `.zip`.

    `roots` are the pinned roots for timestamps (PEM), empty for none. Raises `InvalidValue` for a place that
    is taken, and whatever reading the ledger raises.
    """
    told = {story.message.id: story for story in stories}
    entries = log.entries_of(told)
    pages = [_Page(e, log.place_of(e.link), entry_facts(e.body)) for e in entries if e.link is not None]
    seals = log.seals({page.place.seal for page in pages if page.place.seal is not None})
    content = _Content()
    for page in pages:
        _collect(content, page, told[page.entry.message_id], blobs)
    signatures = tuple(signatures_of(_whole(content)))
    with new_bundle(out) as bundle:
        _write(bundle, pages, seals, content, roots)
        for number, taken in enumerate(signatures, 1):
            bundle.write(f"signatures/{number}.txt", [taken.text().encode()])
            bundle.write(f"signatures/{number}.p7s", [taken.cms])
    return Exported(
        entries=tuple(page.place.link.number for page in pages),
        unlinked=len(entries) - len(pages),
        unsealed=sum(page.place.seal is None for page in pages),
        unstamped=sum(seal.token is None for seal in seals),
        signatures=len(signatures),
        absent=tuple(content.absent),
    )


def _collect(content: _Content, page: _Page, story: Story, blobs: Blobs) -> None:
    """Find what the entry has digests of: in the message as it is, what was answered, and the blobs."""
    alike = {sha256_hex(piece): piece for piece in _pieces(story)}
    for role in ROLES_VI:
        digest = page.facts.get(f"{role}-sha256", "-")
        if digest == "-":
            continue
        if digest in alike:
            content.known[digest] = lambda piece=alike[digest]: [piece]  # type: ignore[misc]
        elif _kept(blobs, digest):
            content.known[digest] = lambda digest=digest: blobs.chunks(digest)  # type: ignore[misc]
        else:
            content.absent.append((page.place.link.number, role))
        if role in {"original", "payload"}:
            content.files[digest] = None
    if sha256_hex(story.message.record.encode()) == page.facts.get("record-sha256"):
        _collect_files(content, page, story, blobs)


def _collect_files(content: _Content, page: _Page, story: Story, blobs: Blobs) -> None:
    """The files that the record names: its digest vouches for theirs."""
    for digest in dict.fromkeys(files_of(story.message.record)):
        if digest in content.known or _kept(blobs, digest):
            content.known.setdefault(digest, lambda digest=digest: blobs.chunks(digest))  # type: ignore[misc]
            content.files[digest] = None
        else:
            content.absent.append((page.place.link.number, FILE))


def _whole(content: _Content) -> dict[str, bytes]:
    """What may be signed, each file in one piece; the largest are left out."""
    found: dict[str, bytes] = {}
    for digest in content.files:
        pieces, size = [], 0
        for piece in content.known[digest]() if digest in content.known else ():
            size += len(piece)
            if size > LARGEST_BYTES:
                break
            pieces.append(piece)
        else:
            found[digest] = b"".join(pieces)
    return found


def _pieces(story: Story) -> Iterator[bytes]:
    message = story.message
    yield message.record.encode()
    yield message.verdict.encode()
    if message.receipt is not None:
        yield message.receipt.raw
    yield from (exchange.raw for exchange in story.exchanges)


def _kept(blobs: Blobs, sha256: str) -> bool:
    """Whether the bytes are there and still what they were."""
    digest = hashlib.sha256()
    try:
        for piece in blobs.chunks(sha256):
            digest.update(piece)
    except ConnectError:
        return False
    return digest.hexdigest() == sha256


def _write(
    bundle: Bundle, pages: list[_Page], seals: list[StampedSeal], content: _Content, roots: bytes
) -> None:
    for page in pages:
        bundle.write(f"{page.folder}/entry.txt", [page.entry.body.encode()])
        bundle.write(f"{page.folder}/place.txt", [place_text(page.place).encode()])
    for seal in seals:
        bundle.write(f"seals/{seal.number}.txt", [seal.statement.encode()])
        if seal.token is not None:
            bundle.write(f"seals/{seal.number}.tst", [seal.token])
    for digest, pieces in content.known.items():
        bundle.write(f"content/{digest}", pieces())
    if roots:
        bundle.write(ROOTS, [roots])
    templates = files("ebrvt_connect.ops") / "templates"
    bundle.write("check.sh", [(templates / "proof_check.sh").read_bytes()])
    readme = (templates / "proof_readme.txt").read_text("utf-8")
    bundle.write("README.txt", [readme.replace("{contents}", "\n".join(_contents(pages))).encode()])


def _contents(pages: list[_Page]) -> Iterator[str]:
    from ebrvt_connect.model.message import State
    from ebrvt_connect.ops.words import STATES_VI

    for page in pages:
        facts = page.facts
        told = STATES_VI[State(facts["state"])]
        yield f"Mục {page.place.link.number} ({page.folder}): {facts['business-key']}"
        yield f"  {facts['source']} -> {facts['target']}, {told}, lúc {facts['settled-at']} (giờ UTC)"
        for role, role_vi in ROLES_VI.items():
            digest = facts[f"{role}-sha256"]
            if digest != "-":
                yield f"  {role_vi}: content/{digest}"
