"""What is in a trust folder, for `ebrvt trust list`: anchors, hints, revocation lists, signers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cryptography import x509

from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.ops.trust_desk_rules import (
    certificate_files,
    digest_name,
    in_groups,
    moment_vi,
    name_vi,
)
from ebrvt_connect.transport.trust_folder import trust_files
from ebrvt_connect.trust.anchors import sha256_of
from ebrvt_connect.trust.chain import key_description
from ebrvt_connect.trust.pins import INTERMEDIATE, PINS_FILE, USES_OF, Pin, read_pins
from ebrvt_connect.trust.revocation import RevocationArchive
from ebrvt_connect.trust.signers import SignerRegister

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

BRANCHES_VI: Mapping[str, str] = {
    "government": "chuyên dùng công vụ (VGCA)",
    "national": "công cộng (NEAC)",
    "foreign": "nước ngoài được công nhận",
    "tsa": "cấp dấu thời gian",
    "intermediate": "trung gian (gợi ý)",
}
USES_VI: Mapping[str, str] = {"sign": "ký", "timestamp": "dấu thời gian"}


def listing(folder: Path, now: datetime) -> dict[str, Any]:
    """All of it as plain values; a file that does not read is named in `unreadable` and stops nothing else.

    Raises `HeldForPerson` `TRUST_FOLDER_INVALID` for a folder that is not there.
    """
    files = trust_files(folder)
    unreadable: list[str] = []
    pins = _pins(files, unreadable)
    certificates = []
    for path, branch, found in certificate_files(files):
        if found is None:
            unreadable.append(path)
        certificates += [_certificate(path, branch, c, pins, now) for c in found or ()]
    lists = list(_lists(files, now, unreadable))
    return {
        "folder": str(folder),
        "anchors": [c for c in certificates if c["branch"] != INTERMEDIATE],
        "intermediates": [c for c in certificates if c["branch"] == INTERMEDIATE],
        "crls": lists,
        "signers": _signers(files, now, unreadable),
        "unreadable": unreadable,
    }


def lines(told: Mapping[str, Any]) -> Iterator[str]:
    """The listing as text."""
    yield f"Kho tin cậy {told['folder']}"
    for title, key in (("Chứng thư gốc", "anchors"), ("Chứng thư trung gian", "intermediates")):
        yield f"\n{title}: {len(told[key])}"
        for row in told[key]:
            yield from _certificate_lines(row)
    yield f"\nDanh sách thu hồi (CRL): {len(told['crls'])}"
    for row in told["crls"]:
        state = "" if row["newest"] else " (bản cũ, giữ để kiểm tra chữ ký cũ)"
        state = " (QUÁ HẠN)" if row["stale"] else state
        yield f"  {row['file']}{state}"
        yield f"    {row['issuer']}"
        yield f"    lập {moment_vi(row['this_update'])}, bản sau {moment_vi(row['next_update'])}"
    yield f"\nNgười ký đã đăng ký: {len(told['signers'])}"
    for row in told["signers"]:
        until = f"{row['to']:%d/%m/%Y}" if row["to"] else "nay"
        note = f"  {row['note']}" if row["note"] else ""
        period = f"{row['from']:%d/%m/%Y}–{until}"
        yield f"  {row['sha256'][:16]}…  {row['agency']}  {row['role']}  {period}{note}"
    for path in told["unreadable"]:
        yield f"\n! Không đọc được: {path}"


def _certificate_lines(row: Mapping[str, Any]) -> Iterator[str]:
    left = row["days_left"]
    rest = f"còn {left} ngày" if left >= 0 else "ĐÃ HẾT HẠN"
    pinned = "" if row["pinned"] or row["branch"] == INTERMEDIATE else "  CHƯA GHIM, không được tin cậy"
    yield f"  [{BRANCHES_VI[row['branch']]}] {row['subject']}{pinned}"
    yield f"    {in_groups(row['sha256'])}"
    yield f"    đến {moment_vi(row['not_after'])} ({rest}); {row['key']}, {row['digest']}; {row['file']}"
    bounds = [f"dùng cho: {', '.join(USES_VI[u] for u in row['uses'])}"] if row["uses"] else []
    bounds += [f"từ {row['valid_from']:%d/%m/%Y}"] if row["valid_from"] else []
    bounds += [f"đến hết {row['valid_to']:%d/%m/%Y}"] if row["valid_to"] else []
    bounds += [f"nguồn: {row['source']}"] if row["source"] else []
    bounds += [f"đối chiếu ngày {row['checked']:%d/%m/%Y}"] if row["checked"] else []
    if bounds:
        yield f"    {'; '.join(bounds)}"


def _pins(files: Mapping[str, bytes], unreadable: list[str]) -> Mapping[tuple[str, str], Pin]:
    try:
        return {(p.branch, p.sha256): p for p in read_pins(files.get(PINS_FILE, b""))}
    except InvalidValue:
        unreadable.append(PINS_FILE)
        return {}


def _certificate(
    path: str,
    branch: str,
    certificate: x509.Certificate,
    pins: Mapping[tuple[str, str], Pin],
    now: datetime,
) -> dict[str, Any]:
    sha256 = sha256_of(certificate)
    pin = pins.get((branch, sha256))
    return {
        "branch": branch,
        "file": path,
        "subject": name_vi(certificate.subject),
        "issuer": name_vi(certificate.issuer),
        "sha256": sha256,
        "pinned": pin is not None,
        "not_before": certificate.not_valid_before_utc,
        "not_after": certificate.not_valid_after_utc,
        "days_left": (certificate.not_valid_after_utc - now).days,
        "key": key_description(certificate),
        "digest": digest_name(certificate),
        "uses": sorted(pin.uses if pin else USES_OF[branch]),
        "valid_from": pin.valid_from if pin else None,
        "valid_to": pin.valid_to if pin else None,
        "source": pin.source if pin else "",
        "checked": pin.checked if pin else None,
    }


def read_lists(
    files: Mapping[str, bytes],
) -> Iterator[tuple[str, x509.CertificateRevocationList | None]]:
    """(path, list) of the revocation lists in the folder; None for one that does not read."""
    for path in sorted(files):
        if path.startswith("crl/") and path.lower().endswith(".crl"):
            try:
                yield path, RevocationArchive.of([files[path]]).crls[0]
            except ValueError:
                yield path, None


def _lists(files: Mapping[str, bytes], now: datetime, unreadable: list[str]) -> Iterator[dict[str, Any]]:
    read = list(read_lists(files))
    unreadable += [path for path, crl in read if crl is None]
    found = [(path, crl) for path, crl in read if crl is not None]
    newest = {
        crl.issuer.public_bytes(): path for path, crl in sorted(found, key=lambda f: f[1].last_update_utc)
    }
    for path, crl in found:
        last = newest[crl.issuer.public_bytes()] == path
        yield {
            "file": path,
            "issuer": name_vi(crl.issuer),
            "this_update": crl.last_update_utc,
            "next_update": crl.next_update_utc,
            "newest": last,
            "stale": last and (crl.next_update_utc is None or crl.next_update_utc < now),
            "entries": len(crl),
        }


def _signers(files: Mapping[str, bytes], now: datetime, unreadable: list[str]) -> list[dict[str, Any]]:
    try:
        register = SignerRegister.from_toml(files.get("signers.toml", b""))
    except InvalidValue:
        unreadable.append("signers.toml")
        return []
    today = now.date()
    return [
        {
            "sha256": line.sha256,
            "agency": str(line.agency),
            "role": line.role.value,
            "from": line.since,
            "to": line.until,
            "holds": line.holds_on(today),
            "note": line.note,
        }
        for line in register.signers
    ]
