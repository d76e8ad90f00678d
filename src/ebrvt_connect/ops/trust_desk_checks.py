"""The named checks of a trust folder, for `ebrvt trust check` and `ebrvt doctor` alike."""

from __future__ import annotations

import os
import stat
from datetime import timedelta
from shlex import quote
from typing import TYPE_CHECKING

from ebrvt_connect.codec.faults_vi import os_fault_vi
from ebrvt_connect.errors import ConnectError, InvalidValue
from ebrvt_connect.ops.named_check import CheckResult, Grade
from ebrvt_connect.ops.trust_desk_list import read_lists
from ebrvt_connect.ops.trust_desk_rules import (
    certificate_files,
    digest_name,
    in_groups,
    is_authority,
    is_self_signed,
    moment_vi,
    name_vi,
)
from ebrvt_connect.transport.trust_folder import load_trust_folder, trust_files
from ebrvt_connect.trust.anchors import CERTIFICATE_SUFFIXES, sha256_of, store_of_files
from ebrvt_connect.trust.chain import chain_to_anchor, digest_allowed, key_allowed, key_description
from ebrvt_connect.trust.pins import ANCHOR_FOLDERS, INTERMEDIATE, PINS_FILE, Branch, read_pins
from ebrvt_connect.trust.policy import VN_2025
from ebrvt_connect.trust.revocation import is_made_by, is_signed_with_sha1
from ebrvt_connect.trust.verdict import SignatureRole

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from cryptography import x509

    from ebrvt_connect.trust.anchors import Anchor, TrustStore

EXPIRES_SOON = timedelta(days=90)
_EXPIRES_VERY_SOON = timedelta(days=30)
TITLES_VI: Mapping[str, str] = {
    "trust": "Kho tin cậy",
    "trust-pins": "Ghim chứng thư gốc",
    "trust-permissions": "Quyền trên kho tin cậy",
    "trust-anchors": "Chất lượng chứng thư gốc",
    "trust-branches": "Các nhánh tin cậy",
    "certificates": "Chứng thư",
    "revocation-lists": "Danh sách thu hồi",
}
"""What the checks are called for people."""
_LISTS_CURE = (
    "Tải danh sách thu hồi mới vào thư mục crl của kho tin cậy (ebrvt trust refresh --online); thiếu nó, "
    "văn bản đi sẽ bị giữ lại."
)
_SHA1_CURE = "Giữ tệp nếu còn kiểm tra văn bản cũ; với văn bản mới cần danh sách ký bằng SHA-256 trở lên."
_NEW_CURE = "Thay chứng thư mới."
_ROOT_CURE = "Thêm gốc thế hệ mới; nếu chỉ giữ gốc này cho chữ ký cũ thì ghi valid_to vào dòng ghim của nó."


def check_folder(folder: Path, now: datetime) -> Iterator[CheckResult]:
    """Everything there is to say of a trust folder on its own, in order."""
    told: set[str] = set()
    for name, results in (
        ("trust", contents(folder)),
        ("trust-pins", pins(folder)),
        ("trust-permissions", permissions(folder)),
        ("trust-anchors", anchors(folder, now)),
        ("trust-branches", branches(folder)),
        ("certificates", certificates(folder, now)),
        ("revocation-lists", revocation_lists(folder, now)),
    ):
        for result in fenced(name, results):
            # A file that does not read stops several checks; once is enough.
            if result.cause_vi not in told:
                yield result
            told.add(result.cause_vi)


def fenced(name: str, results: Iterator[CheckResult]) -> Iterator[CheckResult]:
    """A check that cannot be made is a check that failed, in the words of what went wrong."""
    try:
        yield from results
    except ConnectError as error:
        yield CheckResult(name, Grade.FAIL, f"{error.explanation_vi} [{error.code}]", error.advice_vi)
    except InvalidValue as refusal:
        yield CheckResult(name, Grade.FAIL, f"{refusal.sentence_vi} [{refusal.code}]", refusal.advice_vi)
    except OSError as failure:
        said = f"Không đọc được {failure.filename or 'tệp'} ({os_fault_vi(failure)})."
        yield CheckResult(name, Grade.FAIL, said, "Kiểm tra đường dẫn và quyền đọc.")


def contents(folder: Path) -> Iterator[CheckResult]:
    """Whether verification can use the folder at all."""
    store = load_trust_folder(folder)
    roots, signers = len(store.anchors), len(store.signers.signers)
    if not roots:
        said = f"Kho tin cậy {folder} chưa có chứng thư gốc nào."
        yield CheckResult(
            "trust", Grade.FAIL, said, "Thêm chứng thư gốc bằng ebrvt trust add (docs/operate/trust.md)."
        )
    elif not signers:
        said = "Sổ đăng ký người ký signers.toml trống."
        yield CheckResult("trust", Grade.FAIL, said, "Khai báo chứng thư ký của từng cơ quan.")
    else:
        said = f"{roots} chứng thư gốc, {signers} chứng thư ký đã đăng ký."
        yield CheckResult("trust", Grade.PASS, said)


def _store(folder: Path) -> TrustStore | None:
    """The store; None when it does not load, which `contents` has told."""
    try:
        return load_trust_folder(folder)
    except ConnectError:
        return None


def pins(folder: Path) -> Iterator[CheckResult]:
    """Pins against files, both ways; looked at raw, since one file without its pin stops the loading."""
    if not folder.is_dir():
        return
    files = trust_files(folder)
    found = list(_pin_troubles(folder, files))
    yield from found
    if not found:
        yield CheckResult("trust-pins", Grade.PASS, "Mọi chứng thư gốc đều được ghim đúng SHA-256.")


def _pin_troubles(folder: Path, files: Mapping[str, bytes]) -> Iterator[CheckResult]:
    rows = read_pins(files.get(PINS_FILE, b""))
    there: dict[str, set[str]] = {}
    for path, branch, found in certificate_files(files):
        if found is None:
            yield CheckResult("trust-pins", Grade.FAIL, f"{path} không phải chứng thư.", "Gỡ tệp này.")
        there[path] = {sha256_of(c) for c in found or ()}
        pinned = {p.sha256 for p in rows if p.branch == branch}
        for sha256 in sorted(there[path] - pinned) if branch != INTERMEDIATE else ():
            said = (
                f"{path} (SHA-256 {in_groups(sha256)}) chưa được ghim nên mọi việc kiểm tra chữ ký bị dừng."
            )
            call = (
                f"ebrvt trust add {quote(str(folder / path))} --branch {branch} --trust {quote(str(folder))}"
            )
            cure = f"Gỡ tệp, hoặc đối chiếu dấu vân tay với nguồn khác rồi chạy: {call}"
            yield CheckResult("trust-pins", Grade.FAIL, said, cure)
    for pin in rows:
        if pin.file in there and pin.sha256 not in there[pin.file]:
            said = f"{pin.file} không còn là chứng thư đã ghim (SHA-256 {in_groups(pin.sha256)})."
            cure = "Tệp đã bị thay: tìm hiểu ai thay, rồi khôi phục từ bản sao lưu hoặc tải lại và đối chiếu."
            yield CheckResult("trust-pins", Grade.FAIL, said, cure)
        elif not any(pin.sha256 in s for p, s in there.items() if p.startswith(f"{pin.branch}/")):
            said = f"Dòng ghim {pin.branch} {in_groups(pin.sha256)} không có tệp chứng thư."
            cure = f"Thêm lại tệp, hoặc bỏ dòng ghim này khỏi {PINS_FILE}."
            yield CheckResult("trust-pins", Grade.WARN, said, cure)
    for path in sorted(files):
        head, _, name = path.rpartition("/")
        is_certificate = name.rpartition(".")[2].lower() in CERTIFICATE_SUFFIXES
        if is_certificate and head not in ANCHOR_FOLDERS and head != INTERMEDIATE:
            said = f"{path} nằm ngoài các nhánh nên không được dùng."
            cure = f"Thêm bằng ebrvt trust add vào {', '.join(sorted(ANCHOR_FOLDERS))} hoặc {INTERMEDIATE}."
            yield CheckResult("trust-pins", Grade.WARN, said, cure)


def permissions(folder: Path) -> Iterator[CheckResult]:
    """Whether a stranger on this machine could make anybody trusted."""
    if not folder.is_dir():
        return
    # A link is as open as what it leads to; one that leads nowhere has nothing to change.
    every = (folder, *sorted(folder.rglob("*"))) if os.name == "posix" else ()
    open_to_all = [p for p in every if p.exists() and p.stat().st_mode & stat.S_IWOTH]
    for path in open_to_all:
        said = f"Mọi người dùng của máy đều sửa được {path}."
        yield CheckResult(
            "trust-permissions", Grade.FAIL, said, f"Chạy: chmod o-w {path}; rồi soát lại nội dung."
        )
    if not open_to_all:
        yield CheckResult("trust-permissions", Grade.PASS, "Người lạ không ghi được vào kho tin cậy.")


def anchors(folder: Path, now: datetime) -> Iterator[CheckResult]:
    """What each anchor and hint is in itself."""
    store = _store(folder)
    if store is None:
        return
    found = [
        *(f for a in store.anchors for f in _anchor(a, now)),
        *(f for c in store.intermediates for f in _hint(c, store, now)),
        *_alike(store.anchors),
    ]
    yield from found
    if not found:
        yield CheckResult(
            "trust-anchors", Grade.PASS, "Các chứng thư gốc và trung gian đều đúng loại, đủ mạnh."
        )


def _anchor(anchor: Anchor, now: datetime) -> Iterator[CheckResult]:
    name = name_vi(anchor.certificate.subject)
    if not is_authority(anchor.certificate):
        said = f"{name} không phải chứng thư CA; chữ ký của chính nó được tin mà không qua cơ quan nào."
        yield CheckResult("trust-anchors", Grade.WARN, said, "Gỡ ra, trừ khi cố ý ghim riêng người ký này.")
    elif not is_self_signed(anchor.certificate):
        said = f"{name} không tự ký: việc cơ quan gốc thu hồi nó sẽ không được biết."
        yield CheckResult(
            "trust-anchors", Grade.WARN, said, "Ghim chứng thư gốc, để nó ở nhánh intermediate."
        )
    if not key_allowed(anchor.certificate, VN_2025):
        said = f"{name} có khóa {key_description(anchor.certificate)}, yếu hơn mức tối thiểu."
        yield CheckResult("trust-anchors", Grade.FAIL, said, "Gỡ ra và dùng chứng thư gốc thế hệ mới.")
    if now < anchor.certificate.not_valid_before_utc:
        said = f"{name} chỉ có hiệu lực từ {moment_vi(anchor.certificate.not_valid_before_utc)}."
        yield CheckResult("trust-anchors", Grade.WARN, said, "Kiểm tra đồng hồ máy và chứng thư.")


def _hint(certificate: x509.Certificate, store: TrustStore, now: datetime) -> Iterator[CheckResult]:
    name = name_vi(certificate.subject)
    if chain_to_anchor(certificate, store.intermediates, store.anchors, now) is None:
        said = f"{name} (trung gian) không dẫn tới chứng thư gốc nào đã ghim nên không có tác dụng."
        yield CheckResult("trust-anchors", Grade.WARN, said, "Thêm chứng thư gốc của nó, hoặc gỡ nó ra.")
    if not key_allowed(certificate, VN_2025) or not digest_allowed(certificate, VN_2025):
        weak = f"{key_description(certificate)}, {digest_name(certificate)}"
        said = f"{name} (trung gian) dùng thuật toán không còn an toàn ({weak})."
        yield CheckResult(
            "trust-anchors", Grade.WARN, said, "Chữ ký dưới nó sẽ không đạt; dùng bản thế hệ mới."
        )


def _alike(roots: Iterable[Anchor]) -> Iterator[CheckResult]:
    """Anchors that could be taken for one another."""
    seen: list[Anchor] = []
    for anchor in roots:
        for other in seen:
            name = name_vi(anchor.certificate.subject)
            if (
                anchor.certificate == other.certificate
                and {anchor.branch, other.branch} <= _KINDS_OF_SIGNATURE
            ):
                if anchor.branch != other.branch:
                    said = f"{name} vừa ở nhánh {other.branch} vừa ở nhánh {anchor.branch}."
                    cure = "Chỉ giữ ở nhánh đúng loại chữ ký của nó."
                    yield CheckResult("trust-anchors", Grade.WARN, said, cure)
            elif anchor.certificate.subject == other.certificate.subject and _other_key(anchor, other):
                said = f"Có hai chứng thư gốc khác khóa cùng tên {name}."
                cure = (
                    "Đối chiếu lại dấu vân tay của cả hai với cơ quan chứng thực; gỡ bản không được công bố."
                )
                yield CheckResult("trust-anchors", Grade.WARN, said, cure)
        seen.append(anchor)


_KINDS_OF_SIGNATURE = frozenset({Branch.GOVERNMENT, Branch.NATIONAL, Branch.FOREIGN})


def _other_key(one: Anchor, other: Anchor) -> bool:
    return one.certificate.public_key() != other.certificate.public_key()


def branches(folder: Path) -> Iterator[CheckResult]:
    """Whether those who sign, and timestamps, have a branch that can vouch for them."""
    store = _store(folder)
    if store is None:
        return
    found = list(_missing_branches(store))
    yield from found
    if not found:
        yield CheckResult(
            "trust-branches", Grade.PASS, "Đủ các nhánh cho người ký đã đăng ký và dấu thời gian."
        )


def _missing_branches(store: TrustStore) -> Iterator[CheckResult]:
    if not store.anchors:
        return  # told already
    official = {SignatureRole.AGENCY, SignatureRole.PERSON, SignatureRole.COPY}
    registered = any(line.role in official for line in store.signers.signers)
    if not store.for_signing:
        said = "Không có chứng thư gốc nào dùng cho chữ ký: không văn bản nào có thể đạt."
        yield CheckResult(
            "trust-branches", Grade.FAIL, said, "Thêm chứng thư gốc VGCA: ebrvt trust add --branch vgca."
        )
    elif registered and not any(a.branch is Branch.GOVERNMENT for a in store.for_signing):
        said = "Đã đăng ký người ký của cơ quan nhà nước nhưng chưa có gốc chuyên dùng công vụ (NĐ 68/2024)."
        yield CheckResult(
            "trust-branches", Grade.WARN, said, "Thêm chứng thư gốc VGCA: ebrvt trust add --branch vgca."
        )
    if not store.for_timestamps:
        said = "Không có chứng thư gốc nào dùng cho dấu thời gian: chỉ biết thời điểm ký do người ký tự khai."
        cure = "Thêm gốc cấp dấu thời gian: ebrvt trust add --branch tsa."
        yield CheckResult("trust-branches", Grade.WARN, said, cure)


def certificates(
    folder: Path, now: datetime, further: Iterable[x509.Certificate] = ()
) -> Iterator[CheckResult]:
    """When certificates of the folder end, and `further` ones of ours."""
    store, own = load_trust_folder(folder), tuple(further)
    roots = [a.certificate for a in store.anchors if not _is_kept_for_old(a, now)]
    found = [
        *(f for c in roots for f in _ending(c, now, Grade.FAIL, _ROOT_CURE)),
        # Hints stay for the signatures made under them.
        *(f for c in store.intermediates for f in _ending(c, now, Grade.WARN, _NEW_CURE)),
        *(f for c in own for f in _ending(c, now, Grade.FAIL, _NEW_CURE)),
    ]
    yield from found
    if not found:
        count = len(store.anchors) + len(store.intermediates) + len(own)
        yield CheckResult(
            "certificates", Grade.PASS, f"{count} chứng thư còn hạn trên {EXPIRES_SOON.days} ngày."
        )


def _is_kept_for_old(anchor: Anchor, now: datetime) -> bool:
    """Whether the operator has said that it is there for old signatures only."""
    return anchor.pin is not None and anchor.pin.valid_to is not None and anchor.pin.valid_to < now.date()


def _ending(certificate: x509.Certificate, now: datetime, ended: Grade, cure: str) -> Iterator[CheckResult]:
    ends, name = certificate.not_valid_after_utc, name_vi(certificate.subject)
    if ends < now:
        yield CheckResult("certificates", ended, f"{name} đã hết hạn {moment_vi(ends)}.", cure)
    elif ends - now < EXPIRES_SOON:
        urgent = "chỉ còn" if ends - now < _EXPIRES_VERY_SOON else "còn"
        said = f"{name} sắp hết hạn {moment_vi(ends)}, {urgent} {(ends - now).days} ngày."
        yield CheckResult("certificates", Grade.WARN, said, "Chuẩn bị thay chứng thư.")


def revocation_lists(folder: Path, now: datetime) -> Iterator[CheckResult]:
    """Of each authority the newest list counts; older ones are kept for old signatures."""
    files = trust_files(folder)
    store = store_of_files({k: v for k, v in files.items() if not k.startswith("crl/")})
    authorities = [*(a.certificate for a in store.anchors), *store.intermediates]
    read = list(read_lists(files))
    found = list(_list_troubles(read, authorities, now)) if read else []
    if not read:
        found = [
            CheckResult("revocation-lists", Grade.FAIL, "Chưa có danh sách thu hồi (CRL) nào.", _LISTS_CURE)
        ]
    yield from found
    if not found:
        count = len({crl.issuer.public_bytes() for _, crl in read if crl is not None})
        said = f"{count} cơ quan chứng thực có danh sách thu hồi còn hạn."
        yield CheckResult("revocation-lists", Grade.PASS, said)


def _unused(path: str, crl: x509.CertificateRevocationList | None) -> CheckResult:
    """Why a file is no list that counts today."""
    if crl is None:
        said, cure, grade = f"{path} không phải danh sách thu hồi.", "Gỡ tệp này.", Grade.FAIL
    elif is_signed_with_sha1(crl):
        said = f"{path} ký bằng SHA-1: chỉ được tính cho văn bản có dấu thời gian trước năm 2020."
        cure, grade = _SHA1_CURE, Grade.WARN
    else:
        said = f"{path} không do cơ quan nào trong kho ký ({name_vi(crl.issuer)}) nên không được dùng."
        cure, grade = "Thêm chứng thư của cơ quan đó, hoặc gỡ tệp.", Grade.WARN
    return CheckResult("revocation-lists", grade, said, cure)


def _list_troubles(
    read: list[tuple[str, x509.CertificateRevocationList | None]],
    authorities: list[x509.Certificate],
    now: datetime,
) -> Iterator[CheckResult]:
    newest: dict[str, x509.CertificateRevocationList] = {}
    speaking: set[str] = set()
    for path, crl in read:
        makers = [] if crl is None else [c for c in authorities if is_made_by(crl, c)]
        if crl is None or not makers:
            yield _unused(path, crl)
            continue
        for maker in makers:
            identity = sha256_of(maker)
            speaking.add(identity)
            if identity not in newest or newest[identity].last_update_utc < crl.last_update_utc:
                newest[identity] = crl
    told: set[int] = set()
    for crl in newest.values():
        if id(crl) not in told and (crl.next_update_utc is None or crl.next_update_utc < now):
            told.add(id(crl))
            said = f"Danh sách thu hồi của {name_vi(crl.issuer)} quá hạn {moment_vi(crl.next_update_utc)}."
            yield CheckResult("revocation-lists", Grade.FAIL, said, _LISTS_CURE)
    for authority in dict.fromkeys(authorities):
        if sha256_of(authority) not in speaking:
            said = f"Chưa có danh sách thu hồi của {name_vi(authority.subject)}."
            yield CheckResult("revocation-lists", Grade.WARN, said, _LISTS_CURE)
