"""Adding authorities to the trust folder and taking them out (thêm, gỡ chứng thư của cơ quan chứng thực).

Whoever adds one must hold its SHA-256 from somewhere else than the file: a certificate vouches for
nothing about itself. What would weaken every later verdict is refused and the folder stays as it is.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from ebrvt_connect.errors import InvalidValue, explain
from ebrvt_connect.ops.trust_desk_pins import with_row, without_row
from ebrvt_connect.ops.trust_desk_rules import certificate_files, in_groups, name_vi, plain_name
from ebrvt_connect.transport.trust_folder import changing, remove_trust_file, trust_files, write_trust_file
from ebrvt_connect.trust.anchors import sha256_of
from ebrvt_connect.trust.pins import INTERMEDIATE, PINS_FILE, Branch, Pin, read_pins

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ANCHOR_SAME_NAME = explain(
    "ANCHOR_SAME_NAME",
    "Trong kho đã có chứng thư gốc cùng tên “{subject}” nhưng khác khóa (SHA-256 {known}).",
    "Ai cũng làm được chứng thư mang tên này. Chỉ thêm khi cơ quan chứng thực đã công bố việc thay khóa gốc; "
    "khi đó chạy lại với --accept-same-name.",
)
ANCHOR_OTHER_BRANCH = explain(
    "ANCHOR_OTHER_BRANCH",
    "Chứng thư này đã là gốc của nhánh {branch}; một gốc chỉ bảo đảm cho một loại chữ ký.",
    "Gỡ khỏi nhánh {branch} trước (ebrvt trust remove) nếu nhánh đó sai.",
)
ANCHOR_PINNED_OTHERWISE = explain(
    "ANCHOR_PINNED_OTHERWISE",
    "Chứng thư này đã được ghim trong nhánh {branch} với phạm vi hoặc thời hạn khác.",
    "Gỡ ra (ebrvt trust remove) rồi thêm lại với phạm vi mới, hoặc sửa dòng của nó trong pins.toml.",
)
ANCHOR_UNKNOWN = explain(
    "ANCHOR_UNKNOWN",
    "Kho tin cậy không có chứng thư nào ứng với {sha256}.",
    "Xem danh sách bằng ebrvt trust list; ghi đủ SHA-256 hoặc ít nhất 8 ký tự đầu.",
)
ANCHOR_AMBIGUOUS = explain(
    "ANCHOR_AMBIGUOUS",
    "Có {count} chỗ trong kho ứng với {sha256}: {places}.",
    "Ghi thêm ký tự của SHA-256, hoặc nêu nhánh bằng --branch.",
)

_VOUCHING = frozenset({Branch.GOVERNMENT, Branch.NATIONAL, Branch.FOREIGN})


@dataclass(frozen=True, slots=True)
class Held:
    """A certificate of the folder, where it lies, and its pin, if it has one."""

    certificate: x509.Certificate
    branch: str
    path: str
    pin: Pin | None

    @property
    def sha256(self) -> str:
        """Its fingerprint (hex)."""
        return sha256_of(self.certificate)


@dataclass(frozen=True, slots=True)
class Added:
    """What became of one certificate: its place in the folder, and whether it was there already."""

    certificate: x509.Certificate
    path: str
    already: bool


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in the folder; `certificate` is None for a pin that has lost its file."""

    branch: str
    sha256: str
    certificate: x509.Certificate | None


class TrustDesk:
    """Changes one trust folder; each change is whole and durable, one person at a time."""

    def __init__(self, folder: Path) -> None:
        """The folder need not exist before something is added."""
        self.folder = folder

    def held(self) -> list[Held]:
        """Every certificate of the folder, of files that read; pins are looked up where they read, too.

        Raises `InvalidValue` `TRUST_FOLDER_INVALID` for `pins.toml`, `HeldForPerson` for the folder.
        """
        if not self.folder.exists():
            return []
        files = trust_files(self.folder)
        pins = {(p.branch, p.sha256): p for p in read_pins(files.get(PINS_FILE, b""))}
        return [
            Held(certificate, branch, path, pins.get((branch, sha256_of(certificate))))
            for path, branch, certificates in certificate_files(files)
            for certificate in certificates or ()
        ]

    def of_same_name(self, certificate: x509.Certificate) -> list[Held]:
        """Anchors that bear its name, as people read names, but have another key."""
        return [
            h
            for h in self.held()
            if h.branch != INTERMEDIATE
            and _folded(h.certificate.subject) == _folded(certificate.subject)
            and _key(h.certificate) != _key(certificate)
        ]

    def refuse_same_name(self, certificate: x509.Certificate) -> None:
        """Raises `InvalidValue` `ANCHOR_SAME_NAME` where another key bears the name."""
        for known in self.of_same_name(certificate):
            raise InvalidValue(
                ANCHOR_SAME_NAME,
                f"an anchor of the same name has another key: {known.sha256}",
                subject=name_vi(certificate.subject),
                known=in_groups(known.sha256),
            )

    def add(self, certificates: Sequence[x509.Certificate], like: Pin, *, bound: bool) -> list[Added]:
        """Pin certificates that were confirmed, as `like` says (its `sha256` and `file` are not used).

        `bound` when the person named uses or days: then one that is pinned otherwise is refused. What is
        there already stays. All of them or none: raises `InvalidValue` and writes nothing.
        """
        with changing(self.folder):
            held = self.held()
            for certificate in certificates:
                _refuse_clash(held, certificate, like, bound=bound)
            return [self._add_one(held, c, replace(like, sha256=sha256_of(c))) for c in certificates]

    def _add_one(self, held: list[Held], certificate: x509.Certificate, pin: Pin) -> Added:
        """The pin first: one without its file does no harm, a file without its pin stops every verdict."""
        there = [h for h in held if (h.branch, h.sha256) == (pin.branch, pin.sha256)]
        path = (
            there[0].path
            if there
            else f"{pin.branch}/{plain_name(certificate.subject)}-{pin.sha256[:16]}.crt"
        )
        pins = trust_files(self.folder).get(PINS_FILE, b"")
        pinned = (pin.branch, pin.sha256) in {(p.branch, p.sha256) for p in read_pins(pins)}
        if not pinned:
            row = replace(pin, file=path)
            write_trust_file(
                self.folder, PINS_FILE, with_row(pins, row, subject=name_vi(certificate.subject))
            )
        if not there:
            write_trust_file(self.folder, path, certificate.public_bytes(Encoding.PEM))
        return Added(certificate, path, already=bool(there) and pinned)

    def find(self, sha256: str, branch: str | None) -> Place:
        """The one place whose fingerprint begins so; a pin without its file is one as well.

        Raises `InvalidValue` `ANCHOR_UNKNOWN` or `ANCHOR_AMBIGUOUS`.
        """
        pins = self._pins()
        certificates = {(h.branch, h.sha256): h.certificate for h in self.held()}
        every = sorted({*certificates, *((p.branch, p.sha256) for p in pins)})
        places = [p for p in every if p[1].startswith(sha256) and branch in {None, p[0]}]
        if not places:
            detail = f"no certificate of the folder has {sha256[:80]}"
            raise InvalidValue(ANCHOR_UNKNOWN, detail, sha256=sha256)
        if len(places) > 1:
            listed = ", ".join(f"{branch} {sha256[:8]}" for branch, sha256 in places)
            raise InvalidValue(
                ANCHOR_AMBIGUOUS,
                f"{sha256[:80]} is ambiguous: {listed}",
                sha256=sha256,
                count=len(places),
                places=listed,
            )
        return Place(*places[0], certificates.get(places[0]))

    def _pins(self) -> tuple[Pin, ...]:
        if not self.folder.exists():
            return ()
        return read_pins(trust_files(self.folder).get(PINS_FILE, b""))

    def remove(self, sha256: str, branch: str) -> list[str]:
        """Take a certificate and its pin out; the paths that were changed. The files go before the pin."""
        changed: list[str] = []
        with changing(self.folder):
            files = trust_files(self.folder)
            for path, folder, certificates in certificate_files(files):
                if folder != branch or sha256 not in {sha256_of(c) for c in certificates or ()}:
                    continue
                rest = [c for c in certificates or () if sha256_of(c) != sha256]
                self._rewrite(path, rest)
                changed.append(path)
            pins = files.get(PINS_FILE, b"")
            if any((p.branch, p.sha256) == (branch, sha256) for p in read_pins(pins)):
                write_trust_file(self.folder, PINS_FILE, without_row(pins, branch, sha256))
                changed.append(PINS_FILE)
        return changed

    def _rewrite(self, path: str, rest: list[x509.Certificate]) -> None:
        """What else was in the file stays, as PEM under a name that says so."""
        if rest:
            kept = path if not path.lower().endswith((".p7b", ".der")) else path + ".pem"
            write_trust_file(self.folder, kept, b"".join(c.public_bytes(Encoding.PEM) for c in rest))
            if kept == path:
                return
        remove_trust_file(self.folder, path)


def _refuse_clash(held: list[Held], certificate: x509.Certificate, like: Pin, *, bound: bool) -> None:
    sha256 = sha256_of(certificate)
    for other in held:
        if other.sha256 != sha256:
            continue
        clash = like.branch in _VOUCHING and other.branch in _VOUCHING and other.branch != like.branch
        if clash or (INTERMEDIATE in {like.branch, other.branch} and like.branch != other.branch):
            raise InvalidValue(ANCHOR_OTHER_BRANCH, f"already in branch {other.branch}", branch=other.branch)
        if (
            other.branch == like.branch
            and other.pin is not None
            and bound
            and _bounds(other.pin) != _bounds(like)
        ):
            raise InvalidValue(
                ANCHOR_PINNED_OTHERWISE, f"pinned in {like.branch} with other bounds", branch=like.branch
            )


def _bounds(pin: Pin) -> tuple[object, ...]:
    return (pin.uses, pin.valid_from, pin.valid_to)


def _key(certificate: x509.Certificate) -> bytes:
    """What tells its public key from others; one of a kind we do not read is like no other."""
    try:
        identifier: bytes = x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest
    except (ValueError, UnsupportedAlgorithm):
        return certificate.fingerprint(hashes.SHA256())
    return identifier


def _folded(name: x509.Name) -> str:
    """A name as people would take it for another: case, accents' spelling and spaces aside."""
    return " ".join(unicodedata.normalize("NFKC", name.rfc4514_string()).casefold().split())
