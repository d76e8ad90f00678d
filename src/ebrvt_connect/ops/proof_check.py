"""Checking a bundle of evidence offline: the same questions as its own `check.sh`, and the same codes.

Nothing is believed that the bundle says of itself, but for the roots in it where the caller names none.
"""

from __future__ import annotations

import hashlib
import os
import re
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from zipfile import BadZipFile, ZipFile

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

from ebrvt_connect.codec.proof import entry_facts, linked, read_place, read_seal, root_by
from ebrvt_connect.codec.zip import Archive, ZipLimits
from ebrvt_connect.errors import ConnectError, InvalidValue, explain
from ebrvt_connect.ops.proof_bundle import ROLES_VI, ROOTS
from ebrvt_connect.ops.proof_out import SUMS
from ebrvt_connect.ops.proof_signatures import LARGEST_BYTES, holds, read_signature, signer_of
from ebrvt_connect.ports.blobs import CHUNK_BYTES
from ebrvt_connect.ports.bounded import read_bounded
from ebrvt_connect.store.collecting import files_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from ebrvt_connect.codec.proof import Seal
    from ebrvt_connect.errors import Explanation
    from ebrvt_connect.transport.timestamp import Stamped

PROOF_NOT_A_BUNDLE = explain(
    "PROOF_NOT_A_BUNDLE",
    "{place} không phải là bộ bằng chứng do ebrvt proof export tạo ra.",
    "Chỉ tới thư mục hoặc tệp .zip đã xuất.",
)
PROOF_FILES_DIFFER = explain(
    "PROOF_FILES_DIFFER",
    "Tệp {name} trong bộ bằng chứng không đúng như SHA256SUMS ghi.",
    "Bộ bằng chứng đã bị sửa hoặc hỏng khi chép; đề nghị nơi xuất gửi lại.",
)
PROOF_ENTRY_CHANGED = explain(
    "PROOF_ENTRY_CHANGED",
    "Mục {number} không khớp mã băm của chính nó: nội dung mục hoặc vị trí trong chuỗi đã bị sửa.",
    "Không dùng mục này làm bằng chứng; đề nghị nơi xuất gửi lại và kiểm tra sổ cái.",
)
PROOF_PATH_BROKEN = explain(
    "PROOF_PATH_BROKEN",
    "Mục {number} không dẫn tới niêm phong {seal}: chuỗi bị đứt tại mục này.",
    "Không dùng mục này làm bằng chứng; đề nghị nơi xuất gửi lại và kiểm tra sổ cái.",
)
PROOF_SEAL_WRONG = explain(
    "PROOF_SEAL_WRONG",
    "Dấu thời gian của niêm phong {number} không đúng: {reason}.",
    "Kiểm tra chứng thư gốc đã dùng; nếu gốc đúng thì niêm phong đã bị sửa, không dùng làm bằng chứng.",
)
PROOF_CONTENT_CHANGED = explain(
    "PROOF_CONTENT_CHANGED",
    "Mục {number}: {role} đã bị sửa, không còn là nội dung có mã băm mà mục ghi.",
    "Không dùng nội dung này; đề nghị nơi xuất gửi lại.",
)
PROOF_EMPTY = explain(
    "PROOF_EMPTY", "Bộ bằng chứng không có mục nào.", "Đề nghị nơi xuất kiểm tra mã đã dùng và xuất lại."
)
PROOF_UNSEALED = explain(
    "PROOF_UNSEALED",
    "Mục {number} chưa được niêm phong.",
    "Niêm phong được lập khi hết giờ; xuất lại bộ bằng chứng sau đó.",
)
PROOF_UNSTAMPED = explain(
    "PROOF_UNSTAMPED",
    "Niêm phong {number} chưa có dấu thời gian.",
    "Chương trình tự xin lại khi tổ chức cấp dấu thời gian trả lời; xuất lại bộ bằng chứng sau đó.",
)
PROOF_CONTENT_ABSENT = explain(
    "PROOF_CONTENT_ABSENT",
    "Mục {number}: bộ bằng chứng không kèm {role}.",
    "Mục vẫn chứng minh mã băm; tìm bản lưu có đúng mã băm đó để đối chiếu.",
)
PROOF_SIGNATURE_WRONG = explain(
    "PROOF_SIGNATURE_WRONG",
    "Chữ ký tách riêng {number} trong bộ không phải là chữ ký trên nội dung mà nó nêu.",
    "Bộ bằng chứng đã bị sửa; đề nghị nơi xuất gửi lại.",
)
PROOF_NO_ROOTS = explain(
    "PROOF_NO_ROOTS",
    "Không có chứng thư gốc để kiểm tra dấu thời gian của niêm phong {number}.",
    "Thêm --roots với tệp chứng thư gốc (PEM) của tổ chức cấp dấu thời gian.",
)

_SMALL_BYTES = 1024 * 1024
_SUM = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9._/-]+)")
_LIMITS = ZipLimits(entries=1_000_000, total_bytes=64 * 1024**3, ratio=1100, archives_inside=True)
_LONGEST_CHAIN = 10


class Weight(StrEnum):
    """What a finding does to the conclusion."""

    WRONG = "wrong"
    OPEN = "open"
    """Nothing is wrong, but something is not there (yet)."""


@dataclass(frozen=True, slots=True)
class ProofFinding:
    """Something that is not as it should be."""

    code: str
    weight: Weight
    message_vi: str
    advice_vi: str


@dataclass(frozen=True, slots=True)
class SignatureTold:
    """A signature that was taken out of a file, as it checks by itself."""

    number: str
    file: str
    """SHA-256 of what is signed."""
    signer: str
    certificate_sha256: str
    holds: bool
    """Whether it is plainly right for those bytes; whose it may be is not asked."""


@dataclass(slots=True)
class ProofReport:
    """What checking a bundle has found."""

    entries: int = 0
    stamped: dict[int, datetime] = field(default_factory=dict)
    """The time of each seal whose token holds."""
    roots: tuple[str, ...] = ()
    """SHA-256 of the roots that were trusted."""
    signatures: list[SignatureTold] = field(default_factory=list)
    findings: list[ProofFinding] = field(default_factory=list)

    @property
    def wrong(self) -> bool:
        """Whether anything is wrong."""
        return any(finding.weight is Weight.WRONG for finding in self.findings)

    @property
    def open(self) -> bool:
        """Whether it cannot be concluded yet."""
        return any(finding.weight is Weight.OPEN for finding in self.findings)

    def wrong_is(self, explanation: Explanation, **facts: object) -> None:
        """Note something wrong."""
        self._note(Weight.WRONG, explanation, facts)

    def open_is(self, explanation: Explanation, **facts: object) -> None:
        """Note something missing."""
        self._note(Weight.OPEN, explanation, facts)

    def _note(self, weight: Weight, said: Explanation, facts: Mapping[str, object]) -> None:
        told = InvalidValue(said, said.code, **facts)
        self.findings.append(ProofFinding(said.code, weight, told.sentence_vi, told.advice_vi))


@dataclass(frozen=True, slots=True)
class _Files:
    """The bundle's files by name."""

    names: frozenset[str]
    open: Callable[[str], BinaryIO]
    strange: tuple[str, ...] = ()
    """What is neither file nor folder."""

    def text(self, name: str) -> str:
        """A small file as text; raises `ValueError` where it is none."""
        content = self.content(name, _SMALL_BYTES)
        if b"\r" in content:
            raise ValueError(f"{name} is not as it was written")
        return content.decode("utf-8")

    def content(self, name: str, most_bytes: int) -> bytes:
        """A file in one piece; raises `ValueError` where there is none, or more of it."""
        if name not in self.names:
            raise ValueError(f"no {name}")
        with self.open(name) as stream:
            content = read_bounded(stream, most_bytes, too_large=None)
        if len(content) > most_bytes:
            raise ValueError(f"{name} is too long")
        return content

    def sha256(self, name: str) -> str:
        """The digest of a file."""
        digest = hashlib.sha256()
        with self.open(name) as stream:
            while piece := stream.read(CHUNK_BYTES):
                digest.update(piece)
        return digest.hexdigest()


def check(place: Path, roots: bytes | None = None) -> ProofReport:
    """Check a bundle, a folder or a ZIP file; `roots` (PEM) are trusted instead of those that come along.

    Raises `InvalidValue` `PROOF_NOT_A_BUNDLE` for what is none, and `ZIP_…` for an archive not to be opened.
    """
    report = ProofReport()
    with _opened(place) as files:
        if SUMS not in files.names:
            raise InvalidValue(PROOF_NOT_A_BUNDLE, f"no {SUMS} in {place}", place=place)
        with _reading(report):
            _check_sums(report, files)
            folders = sorted({name.split("/")[1] for name in files.names if name.startswith("entries/")})
            if not folders:
                report.wrong_is(PROOF_EMPTY)
            seals = _check_seals(report, files, _roots(report, files, roots))
            known: set[str] = set()
            for folder in folders:
                known |= _check_entry(report, files, seals, f"entries/{folder}")
            _check_files(report, files)
            _check_signatures(report, files, known)
    return report


@contextmanager
def _reading(report: ProofReport) -> Iterator[None]:
    """A damaged archive or disk shows itself anywhere."""
    try:
        yield
    except (BadZipFile, zlib.error, OSError, EOFError) as failure:
        report.wrong_is(PROOF_FILES_DIFFER, name=type(failure).__name__)


def _check_sums(report: ProofReport, files: _Files) -> None:
    try:
        lines = files.text(SUMS).split("\n")
    except ValueError:
        lines = []
    sums = [match for line in lines[:-1] if (match := _SUM.fullmatch(line))]
    listed = [match[2] for match in sums]
    if len(sums) != len(lines) - 1 or lines[-1:] != [""] or listed != sorted(files.names - {SUMS}):
        report.wrong_is(PROOF_FILES_DIFFER, name=SUMS)
    for strange in files.strange:
        report.wrong_is(PROOF_FILES_DIFFER, name=strange)
    for match in sums:
        if match[2] in files.names and files.sha256(match[2]) != match[1]:
            report.wrong_is(PROOF_FILES_DIFFER, name=match[2])


def _check_entry(report: ProofReport, files: _Files, seals: Mapping[int, Seal], folder: str) -> set[str]:
    """Look at one entry; returns the digests of what may be signed, by its word or its record's."""
    report.entries += 1
    try:
        place = read_place(files.text(f"{folder}/place.txt"))
        body = files.text(f"{folder}/entry.txt")
        facts = entry_facts(body)
    except ValueError:
        report.wrong_is(PROOF_ENTRY_CHANGED, number=folder)
        return set()
    number = place.link.number
    made = linked(number, place.link.previous, body)
    if made != place.link:
        report.wrong_is(PROOF_ENTRY_CHANGED, number=number)
    if place.seal is None:
        report.open_is(PROOF_UNSEALED, number=number)
    elif not _leads_up(seals.get(place.seal), number, root_by(made.hash, place.path)):
        report.wrong_is(PROOF_PATH_BROKEN, number=number, seal=place.seal)
    _check_contents(report, files, number, facts)
    return {facts.get(f"{role}-sha256", "-") for role in ROLES_VI} | set(_named_by_record(files, facts))


def _named_by_record(files: _Files, facts: Mapping[str, str]) -> Iterator[str]:
    try:
        yield from files_of(files.text(f"content/{facts.get('record-sha256')}"))
    except ValueError:  # not there, or too large to be a record
        return


def _check_files(report: ProofReport, files: _Files) -> None:
    """Whatever lies there is what its name says."""
    for name in sorted(files.names):
        if name.startswith("content/") and files.sha256(name) != name.removeprefix("content/"):
            report.wrong_is(PROOF_CONTENT_CHANGED, number="–", role=name)


def _check_signatures(report: ProofReport, files: _Files, known: set[str]) -> None:
    for name in sorted(n for n in files.names if n.startswith("signatures/") and n.endswith(".txt")):
        number = name.removeprefix("signatures/").removesuffix(".txt")
        try:
            taken = read_signature(files.text(name), files.content(f"signatures/{number}.p7s", _SMALL_BYTES))
            data = files.content(f"content/{taken.file}", LARGEST_BYTES)
        except ValueError:
            report.wrong_is(PROOF_SIGNATURE_WRONG, number=number)
            continue
        found = holds(taken, data)
        strange = taken.file not in known or (taken.holds and not found)
        if strange or (taken.around is not None and not taken.around.holds_here(data, taken.cms)):
            report.wrong_is(PROOF_SIGNATURE_WRONG, number=number)
        report.signatures.append(SignatureTold(number, taken.file, *signer_of(taken), found))


def _leads_up(seal: Seal | None, number: int, root: str) -> bool:
    return seal is not None and seal.first <= number <= seal.last and root == seal.root


def _check_contents(report: ProofReport, files: _Files, number: int, facts: Mapping[str, str]) -> None:
    for role, role_vi in ROLES_VI.items():
        digest = facts.get(f"{role}-sha256", "-")
        if digest == "-":
            continue
        if f"content/{digest}" not in files.names:
            report.open_is(PROOF_CONTENT_ABSENT, number=number, role=role_vi)
        elif files.sha256(f"content/{digest}") != digest:
            report.wrong_is(PROOF_CONTENT_CHANGED, number=number, role=role_vi)


def _check_seals(report: ProofReport, files: _Files, roots: Sequence[x509.Certificate]) -> Mapping[int, Seal]:
    """The seals by number, each with its stamp looked at."""
    seals: dict[int, Seal] = {}
    for name in sorted(files.names):
        if not (name.startswith("seals/") and name.endswith(".txt")):
            continue
        number = name.removeprefix("seals/").removesuffix(".txt")
        try:
            statement = files.text(name)
            seal = read_seal(statement)
        except ValueError:
            report.wrong_is(PROOF_SEAL_WRONG, number=number, reason="tệp niêm phong không đọc được")
            continue
        if number == str(seal.number):
            seals[seal.number] = seal
        token = f"seals/{number}.tst"
        if token not in files.names:
            report.open_is(PROOF_UNSTAMPED, number=number)
        elif not roots:
            report.open_is(PROOF_NO_ROOTS, number=number)
        else:
            _check_stamp(report, files, seal, statement, token, roots)
    return seals


def _check_stamp(
    report: ProofReport,
    files: _Files,
    seal: Seal,
    statement: str,
    token: str,
    roots: Sequence[x509.Certificate],
) -> None:
    from ebrvt_connect.transport.timestamp import read_token

    with files.open(token) as stream:
        content = read_bounded(stream, _SMALL_BYTES)
    try:
        stamped = read_token(content, hashlib.sha256(statement.encode()).digest())
    except ConnectError as failure:
        reason = str(failure.facts.get("reason", failure.code))
        report.wrong_is(PROOF_SEAL_WRONG, number=seal.number, reason=reason)
        return
    try:
        trusted = _leads_to(roots, stamped)
    except Exception:  # noqa: BLE001 - certificates that came along, broken on purpose, break anywhere
        trusted = False
    if trusted:
        report.stamped[seal.number] = stamped.time
    else:
        reason = "không dẫn tới chứng thư gốc được tin cậy"
        report.wrong_is(PROOF_SEAL_WRONG, number=seal.number, reason=reason)


def _leads_to(roots: Sequence[x509.Certificate], stamped: Stamped) -> bool:
    """Whether the authority's certificate was issued, link by link and valid at that time, by a root."""
    certificate = stamped.authority
    for _ in range(_LONGEST_CHAIN):
        if certificate in roots or any(_issued(certificate, root) for root in roots):
            return True
        issuers = (other for other in stamped.others if _issued(certificate, other))
        above = next((o for o in issuers if o != certificate and _may_issue(o, stamped.time)), None)
        if above is None:
            return False
        certificate = above
    return False


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _may_issue(certificate: x509.Certificate, at: datetime) -> bool:
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    return constraints.ca and certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc


def _roots(report: ProofReport, files: _Files, given: bytes | None) -> list[x509.Certificate]:
    try:
        content = given if given is not None else files.text(ROOTS).encode()
        roots = x509.load_pem_x509_certificates(content)
    except ValueError:
        return []
    report.roots = tuple(hashlib.sha256(r.public_bytes(Encoding.DER)).hexdigest() for r in roots)
    return roots


@contextmanager
def _opened(place: Path) -> Iterator[_Files]:
    if place.is_dir():
        found = [
            Path(folder, name) for folder, folders, names in os.walk(place) for name in (*names, *folders)
        ]
        plain = frozenset(
            p.relative_to(place).as_posix() for p in found if p.is_file() and not p.is_symlink()
        )
        strange = tuple(
            p.relative_to(place).as_posix()
            for p in found
            if p.is_symlink() or not (p.is_file() or p.is_dir())
        )
        yield _Files(plain, lambda name: (place / name).open("rb"), strange)
        return
    with place.open("rb") as stream:
        Archive(stream, _LIMITS).check()
        with ZipFile(stream) as archive:
            yield _Files(frozenset(archive.namelist()), lambda name: _stream(archive, name))


def _stream(archive: ZipFile, name: str) -> BinaryIO:
    return archive.open(name)  # type: ignore[return-value]
