"""What may become an anchor or a hint, and how a certificate is shown to the person who must decide."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import NameOID

from ebrvt_connect.errors import InvalidValue, explain
from ebrvt_connect.ops.words import local_time
from ebrvt_connect.ports.bounded import read_bounded
from ebrvt_connect.trust.anchors import CERTIFICATE_SUFFIXES, certificates_of, sha256_of
from ebrvt_connect.trust.chain import key_allowed, key_description
from ebrvt_connect.trust.pins import ANCHOR_FOLDERS, INTERMEDIATE
from ebrvt_connect.trust.policy import VN_2025
from ebrvt_connect.trust.remembered import is_signed_by

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date, datetime
    from pathlib import Path

ANCHOR_FILE_UNREADABLE = explain(
    "ANCHOR_FILE_UNREADABLE",
    "{file} không phải tệp chứng thư (PEM, DER hoặc P7B).",
    "Tải lại chứng thư từ trang của cơ quan chứng thực rồi thử lại.",
)
ANCHOR_FINGERPRINT_UNREADABLE = explain(
    "ANCHOR_FINGERPRINT_UNREADABLE",
    "“{text}” không phải dấu vân tay SHA-256: cần đúng 64 ký tự hệ 16, ở đây có {count}.",
    "Chép đủ dấu vân tay SHA-256; SHA-1 (40 ký tự) không dùng được.",
)
ANCHOR_FINGERPRINT_DIFFERS = explain(
    "ANCHOR_FINGERPRINT_DIFFERS",
    "Dấu vân tay không khớp với chứng thư nào trong tệp: {text}. Không có gì được thêm.",
    "Không dùng tệp này: có thể nó đã bị tráo. Tải lại và đối chiếu với nguồn chính thức khác.",
)
ANCHOR_NOT_AUTHORITY = explain(
    "ANCHOR_NOT_AUTHORITY",
    "“{subject}” không phải chứng thư của cơ quan chứng thực (CA).",
    "Chứng thư của người ký không đưa vào kho gốc; khai báo nó trong signers.toml.",
)
ANCHOR_NOT_ROOT = explain(
    "ANCHOR_NOT_ROOT",
    "“{subject}” không tự ký nên không phải chứng thư gốc.",
    "Thêm chứng thư gốc của nó vào nhánh này, còn nó thì vào --branch intermediate.",
)
ANCHOR_IS_ROOT = explain(
    "ANCHOR_IS_ROOT",
    "“{subject}” tự ký nên là chứng thư gốc, không phải chứng thư trung gian.",
    "Chọn nhánh của nó: vgca, national, foreign hoặc tsa.",
)
ANCHOR_WEAK = explain(
    "ANCHOR_WEAK",
    "“{subject}” dùng thuật toán không còn an toàn ({reason}).",
    "Dùng chứng thư thế hệ mới của cơ quan chứng thực (RSA từ 2048 bit, ECDSA từ 256 bit, SHA-256 trở lên).",
)
ANCHOR_OUT_OF_TIME = explain(
    "ANCHOR_OUT_OF_TIME",
    "“{subject}” {reason}.",
    "Tải chứng thư đang có hiệu lực; nếu đồng hồ máy sai thì chỉnh lại trước. Muốn giữ chứng thư đã hết hạn "
    "để kiểm tra chữ ký cũ thì thêm --valid-to với một ngày không sau ngày hết hạn.",
)

_LARGEST_BYTES = 1024 * 1024
_SHA256_HEX_DIGITS = 64
_GROUP = 4
_NOT_HEX = re.compile(r"[^0-9a-f]")


def read_candidates(path: Path) -> list[x509.Certificate]:
    """The certificates of a file somebody brings, each once, in order. Raises `InvalidValue`, `OSError`."""
    refusal = InvalidValue(ANCHOR_FILE_UNREADABLE, "neither PEM, DER nor PKCS#7", file=path.name)
    content = read_bounded(path, _LARGEST_BYTES, too_large=refusal)
    # The name may be anything: bundles are often called .cer.
    for name in ("bundle.p7b", "one.crt"):
        try:
            found = certificates_of(name, content)
        except InvalidValue:
            continue
        if found:
            return list(dict.fromkeys(found))
    raise refusal


def fingerprint(text: str) -> str:
    """A SHA-256 as people write it (colons, spaces, capitals) as hex.

    Raises `InvalidValue` `ANCHOR_FINGERPRINT_UNREADABLE` for anything but 64 digits.
    """
    digits = partial_fingerprint(text)
    if len(digits) != _SHA256_HEX_DIGITS:
        raise InvalidValue(
            ANCHOR_FINGERPRINT_UNREADABLE, f"{len(digits)} hex digits", text=text[:100], count=len(digits)
        )
    return digits


def partial_fingerprint(text: str) -> str:
    """Some first digits of one; raises as `fingerprint` for what holds other characters."""
    bare = re.sub(r"^\s*sha-?256(\s+fingerprint)?\s*[:=]", "", text.strip().lower())
    digits = re.sub(r"[\s:.\-]", "", bare)
    if not digits or _NOT_HEX.search(digits):
        raise InvalidValue(
            ANCHOR_FINGERPRINT_UNREADABLE, "not hex digits", text=text[:100], count=len(digits)
        )
    return digits


def chosen(candidates: Sequence[x509.Certificate], fingerprints: Sequence[str]) -> list[x509.Certificate]:
    """Those of the candidates that were named; raises `InvalidValue` when one named is not among them."""
    by_sha256 = {sha256_of(c): c for c in candidates}
    found = []
    for text in fingerprints:
        wanted = fingerprint(text)
        if wanted not in by_sha256:
            raise InvalidValue(
                ANCHOR_FINGERPRINT_DIFFERS,
                "no certificate of the file has it",  # which ones it has would only be pasted back
                text=in_groups(wanted),
            )
        found.append(by_sha256[wanted])
    return list(dict.fromkeys(found))


def refuse_unfit(
    certificate: x509.Certificate, branch: str, now: datetime, *, valid_to: date | None = None
) -> None:
    """Raises `InvalidValue` for what must not stand in a branch: its explanation says why.

    An expired one may, where `valid_to` binds it to signatures of its own time; a hint may anyway. By which
    digest it was signed is not asked: a root vouches for nothing by its own signature, and for links of a
    chain the policy decides.
    """
    subject = name_vi(certificate.subject)
    if not is_authority(certificate):
        raise InvalidValue(ANCHOR_NOT_AUTHORITY, "not a CA certificate", subject=subject)
    if not key_allowed(certificate, VN_2025):
        reason = f"khóa {key_description(certificate)}"
        raise InvalidValue(ANCHOR_WEAK, "weak key", subject=subject, reason=reason)
    if branch == INTERMEDIATE and is_self_signed(certificate):
        raise InvalidValue(ANCHOR_IS_ROOT, "self-signed", subject=subject)
    if branch != INTERMEDIATE and not is_self_signed(certificate):
        raise InvalidValue(ANCHOR_NOT_ROOT, "not self-signed", subject=subject)
    ends = certificate.not_valid_after_utc
    for_old_ones = branch == INTERMEDIATE or (valid_to is not None and valid_to <= ends.date())
    if now > ends and not for_old_ones:
        reason = f"đã hết hạn từ {moment_vi(certificate.not_valid_after_utc)}"
        raise InvalidValue(ANCHOR_OUT_OF_TIME, "expired", subject=subject, reason=reason)
    if now < certificate.not_valid_before_utc:
        reason = f"chỉ có hiệu lực từ {moment_vi(certificate.not_valid_before_utc)}"
        raise InvalidValue(ANCHOR_OUT_OF_TIME, "not yet valid", subject=subject, reason=reason)


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether it says that it may issue certificates: CA flag, and keyCertSign where it limits the key."""
    try:
        extensions = certificate.extensions
        basic = extensions.get_extension_for_class(x509.BasicConstraints).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    try:
        return basic.ca and extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        return basic.ca


def is_self_signed(certificate: x509.Certificate) -> bool:
    """Whether its own key signed it, proven and not by its name alone."""
    return is_signed_by(certificate, certificate)


def digest_name(certificate: x509.Certificate) -> str:
    """The digest it was signed with: `sha256`; `unknown` for what we do not read."""
    try:
        digest = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return "unknown"
    return digest.name if digest is not None else "unknown"


def name_vi(name: x509.Name) -> str:
    """A distinguished name on one line, the common name first."""
    return name.rfc4514_string() or "(không có tên)"


def moment_vi(moment: datetime | None) -> str:
    """A moment as a Vietnamese reader writes it; "for ever" (the year 9999) has no local time any more."""
    try:
        return local_time(moment)
    except OverflowError:
        return "không thời hạn"


def in_groups(sha256: str) -> str:
    """A fingerprint in groups of four, in capitals, to be compared by eye."""
    upper = sha256.upper()
    return " ".join(upper[n : n + _GROUP] for n in range(0, len(upper), _GROUP))


def card(certificate: x509.Certificate) -> list[str]:
    """What a person compares before deciding (lines of text)."""
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    digits = in_groups(sha256_of(certificate))
    half = len(digits) // 2
    return [
        f"Chủ thể:   {name_vi(certificate.subject)}",
        f"Cấp bởi:   {name_vi(certificate.issuer)}" + (" (tự ký)" if is_self_signed(certificate) else ""),
        f"Hiệu lực:  {moment_vi(first)} đến {moment_vi(last)}",
        f"Khóa:      {key_description(certificate)}, chữ ký {digest_name(certificate)}",
        f"SHA-256:   {digits[:half].strip()}",
        f"           {digits[half:].strip()}",
    ]


_NOT_PLAIN = re.compile(r"[^a-z0-9]+")
_LONGEST_NAME = 48


def plain_name(name: x509.Name) -> str:
    """A word for a file's name, made of what a stranger chose: small letters, digits, hyphens."""
    named = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    text = str(named[0].value) if named else ""
    bare = unicodedata.normalize("NFD", text.lower().replace("đ", "d")).encode("ascii", "ignore").decode()
    return _NOT_PLAIN.sub("-", bare).strip("-")[:_LONGEST_NAME].strip("-") or "khong-ten"


def certificate_files(
    files: Mapping[str, bytes],
) -> Iterator[tuple[str, str, list[x509.Certificate] | None]]:
    """(path, branch, certificates) of the files in the branches' folders; None for one that does not read."""
    for path in sorted(files):
        branch, _, name = path.rpartition("/")
        if name.rpartition(".")[2].lower() not in CERTIFICATE_SUFFIXES:
            continue
        if branch in ANCHOR_FOLDERS or branch == INTERMEDIATE:
            try:
                yield path, branch, certificates_of(path, files[path])
            except InvalidValue:
                yield path, branch, None
