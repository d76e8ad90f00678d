"""The named checks of `ebrvt doctor`: each passes, warns or fails, with cause and cure in Vietnamese."""

from __future__ import annotations

import hashlib
import shutil
import tomllib
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from cryptography import x509
from ebrvt_schemas import open_schema

from ebrvt_connect.errors import ConnectError, Effect, InvalidValue
from ebrvt_connect.model.message import State
from ebrvt_connect.ops.built_in import built_in
from ebrvt_connect.ops.catalogue import provenance
from ebrvt_connect.ops.composition import exposures, open_with, refuse_wrong_links, system_settings
from ebrvt_connect.ops.config import load_agencies
from ebrvt_connect.ops.words import PROVENANCE_VI, local_time
from ebrvt_connect.store.connect import ServerFacts, server_facts
from ebrvt_connect.store.ledger import Ledger
from ebrvt_connect.testing.memory import MemoryBlobs
from ebrvt_connect.transport.trust_folder import load_trust_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from ebrvt_connect.ops.config import LoadedConfig
    from ebrvt_connect.ports.adapter import Adapter
    from ebrvt_connect.ports.clock import Clock

_LITTLE_SPACE_BYTES = 2 * 1024**3
_NO_SPACE_BYTES = 200 * 1024**2
_EXPIRES_SOON = timedelta(days=60)
_EARLIEST_SANE_YEAR = 2025
_ENOUGH_CONNECTIONS = 100
_EXPOSED_CURE = "Dùng https:// có kiểm tra chứng thư (mục ca); môi trường production từ chối cấu hình này."
_UNREACHED = frozenset({Effect.RETRY_LATER, Effect.RECONCILE_FIRST})


class Grade(StrEnum):
    """How a check ended."""

    PASS = "pass"  # noqa: S105 - an outcome, not a password
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found (kết quả kiểm tra)."""

    name: str
    grade: Grade
    cause_vi: str
    cure_vi: str = ""
    remote: bool = False
    """The trouble is a remote system's: it cannot be reached, or is in trouble itself."""


def examine(loaded: LoadedConfig, clock: Clock, *, reach: bool) -> Iterator[Finding]:
    """All checks in order; `reach` asks the remote systems too. The blob store is left alone."""
    yield Finding("configuration", Grade.PASS, f"Đọc được {loaded.path}.")
    for name, check in _CHECKS.items():
        yield from _fenced(name, check(loaded, clock))
    for system in loaded.config.systems:
        yield from _fenced(f"system-{system}", _system(loaded, clock, system, reach=reach))


def _fenced(name: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    """A check that cannot be made is a check that failed, in the words of what went wrong."""
    try:
        yield from findings
    except ConnectError as error:
        yield Finding(name, Grade.FAIL, f"{error.explanation_vi} [{error.code}]", error.advice_vi)
    except InvalidValue as refusal:
        yield Finding(name, Grade.FAIL, f"{refusal.sentence_vi} [{refusal.code}]", refusal.advice_vi)
    except OSError as failure:
        said = f"Không đọc được {failure.filename or 'tệp'} ({failure.strerror or type(failure).__name__})."
        yield Finding(name, Grade.FAIL, said, "Kiểm tra đường dẫn và quyền đọc.")


def _clock(_: LoadedConfig, clock: Clock) -> Iterator[Finding]:
    now = clock.now()
    said = f"Đồng hồ máy chỉ {local_time(now)}."
    if now.year < _EARLIEST_SANE_YEAR:
        yield Finding("clock", Grade.FAIL, said, "Bật đồng bộ thời gian (NTP).")
    else:
        yield Finding("clock", Grade.PASS, said)


def _agencies(loaded: LoadedConfig, _: Clock) -> Iterator[Finding]:
    successions = load_agencies(loaded).successions
    if loaded.config.province.agencies is None:
        yield Finding(
            "agencies",
            Grade.WARN,
            "Chưa khai báo tệp kế thừa mã định danh.",
            "Khai báo province.agencies nếu mã định danh của tỉnh đã thay đổi.",
        )
    else:
        yield Finding("agencies", Grade.PASS, f"Có {len(successions)} đợt thay đổi mã định danh.")


def _trust(loaded: LoadedConfig, _: Clock) -> Iterator[Finding]:
    folder = loaded.resolve(loaded.config.trust.folder)
    store = load_trust_folder(folder)
    anchors, signers = len(store.anchors), len(store.signers.signers)
    if not anchors:
        said = f"Kho tin cậy {folder} chưa có chứng thư gốc nào."
        yield Finding("trust", Grade.FAIL, said, "Thêm chứng thư gốc và ghim SHA-256 của nó vào pins.toml.")
    elif not signers:
        said = "Sổ đăng ký người ký signers.toml trống."
        yield Finding("trust", Grade.FAIL, said, "Khai báo chứng thư ký của từng cơ quan.")
    else:
        said = f"{anchors} chứng thư gốc, {signers} chứng thư ký đã đăng ký."
        yield Finding("trust", Grade.PASS, said)


def _certificates(loaded: LoadedConfig, clock: Clock) -> Iterator[Finding]:
    """The trust folder's and our own for TLS; those of signers are known by their hash only."""
    store = load_trust_folder(loaded.resolve(loaded.config.trust.folder))
    every = [*(anchor.certificate for anchor in store.anchors), *store.intermediates]
    for system in loaded.config.systems.values():
        path = system.transport.get("client_certificate")
        if isinstance(path, str):
            every += _pem_certificates(loaded.resolve(path))
    expiring = list(_expiring(every, clock.now()))
    yield from expiring
    if not expiring:
        yield Finding("certificates", Grade.PASS, f"{len(every)} chứng thư còn hạn trên 60 ngày.")


def _pem_certificates(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except ValueError as failure:
        raise OSError(0, "không phải tệp PEM", str(path)) from failure


def _expiring(certificates: Iterable[x509.Certificate], now: datetime) -> Iterator[Finding]:
    for certificate in certificates:
        ends, name = certificate.not_valid_after_utc, certificate.subject.rfc4514_string()
        if ends < now:
            said = f"{name} đã hết hạn {local_time(ends)}."
            yield Finding("certificates", Grade.FAIL, said, "Thay chứng thư mới.")
        elif ends < now + _EXPIRES_SOON:
            said = f"{name} sắp hết hạn {local_time(ends)}."
            yield Finding("certificates", Grade.WARN, said, "Chuẩn bị thay chứng thư.")


def _revocation(loaded: LoadedConfig, clock: Clock) -> Iterator[Finding]:
    """Of each authority the newest list counts; older ones are kept for old signatures."""
    lists = load_trust_folder(loaded.resolve(loaded.config.trust.folder)).revocation.crls
    newest: dict[bytes, x509.CertificateRevocationList] = {}
    for crl in sorted(lists, key=lambda crl: crl.last_update_utc):
        newest[crl.issuer.public_bytes()] = crl
    overdue = [c for c in newest.values() if c.next_update_utc is None or c.next_update_utc < clock.now()]
    cure = "Tải danh sách thu hồi mới vào thư mục crl của kho tin cậy; thiếu nó, văn bản đi sẽ bị giữ lại."
    for crl in overdue:
        said = (
            f"Danh sách thu hồi của {crl.issuer.rfc4514_string()} quá hạn {local_time(crl.next_update_utc)}."
        )
        yield Finding("revocation-lists", Grade.FAIL, said, cure)
    if not lists:
        yield Finding("revocation-lists", Grade.FAIL, "Chưa có danh sách thu hồi (CRL) nào.", cure)
    elif not overdue:
        said = f"{len(newest)} cơ quan chứng thực có danh sách thu hồi còn hạn."
        yield Finding("revocation-lists", Grade.PASS, said)


def _schemas(_: LoadedConfig, __: Clock) -> Iterator[Finding]:
    rows = tomllib.loads(open_schema("SOURCES.toml").decode())["file"]
    for row in rows:
        if hashlib.sha256(open_schema(row["path"])).hexdigest() != row["sha256"]:
            said = f"Lược đồ {row['path']} đi kèm chương trình đã bị thay đổi."
            yield Finding("schemas", Grade.FAIL, said, "Cài đặt lại chương trình.")
            return
    yield Finding("schemas", Grade.PASS, f"{len(rows)} lược đồ đi kèm còn nguyên vẹn.")


def _store(loaded: LoadedConfig, clock: Clock) -> Iterator[Finding]:
    url = sa.make_url(loaded.store_url())
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        yield Finding("store", Grade.WARN, "Chưa có sổ cái; sẽ được tạo khi chạy lần đầu.")
        return
    ledger = Ledger.open(loaded.store_url(), clock.now())
    try:
        counts, paused = ledger.counts().values(), ledger.paused()
        server = server_facts(ledger.database)
    finally:
        ledger.close()
    held, dead = (sum(states.get(state, 0) for states in counts) for state in (State.HELD, State.DEAD))
    yield Finding("store", Grade.PASS, f"Mở được sổ cái: {held} thông điệp bị giữ, {dead} đã bỏ cuộc.")
    if server is not None:
        yield _server(server)
    for system, pause in paused.items():
        yield Finding(
            f"paused-{system}",
            Grade.WARN,
            f"Hệ thống {system} đang tạm dừng: {pause.reason_vi}",
            f"Khắc phục xong thì chạy: ebrvt resume {system}.",
        )


def _server(facts: ServerFacts) -> Finding:
    """Whether a PostgreSQL server can carry the ledger."""
    said = f"PostgreSQL {facts.version}, bảng mã {facts.encoding}, {facts.max_connections} kết nối."
    if facts.encoding != "UTF8":
        cure = "Tạo lại cơ sở dữ liệu với ENCODING 'UTF8' (xem docs/operate/postgresql.md)."
        return Finding("database-server", Grade.FAIL, said, cure)
    if facts.max_connections < _ENOUGH_CONNECTIONS:
        cure = "Tăng max_connections của máy chủ; mỗi tiến trình ebrvt có thể mở tới 60 kết nối."
        return Finding("database-server", Grade.WARN, said, cure)
    return Finding("database-server", Grade.PASS, said)


def _disk(loaded: LoadedConfig, _: Clock) -> Iterator[Finding]:
    folder = loaded.resolve(loaded.config.store.blobs)
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    cure = "Giải phóng dung lượng hoặc chuyển store.blobs sang ổ khác."
    grade = Grade.FAIL if free < _NO_SPACE_BYTES else Grade.WARN if free < _LITTLE_SPACE_BYTES else Grade.PASS
    said = f"Còn {free // 1024**2} MiB trống tại {folder}."
    yield Finding("disk", grade, said, "" if grade is Grade.PASS else cure)


def _links(loaded: LoadedConfig, _: Clock) -> Iterator[Finding]:
    refuse_wrong_links(loaded)
    if loaded.config.links:
        yield Finding("links", Grade.PASS, f"{len(loaded.config.links)} liên kết.")
    else:
        said = "Chưa khai báo liên kết nào nên không có gì được chuyển."
        yield Finding("links", Grade.WARN, said, "Khai báo các mục [[links]].")


def _system(loaded: LoadedConfig, clock: Clock, name: str, *, reach: bool) -> Iterator[Finding]:
    """Whether its settings can be used, how its dialect is known, and whether it answers."""
    # A daemon may be at work: its blobs are not to be opened by a second writer.
    settings = system_settings(loaded, name)
    if built_in(loaded.config.systems[name].adapter) is not None:
        yield Finding(f"system-{name}", Grade.PASS, "Cấu hình dùng được; chương trình tự lập từ sổ cái.")
        return
    adapter = open_with(settings, loaded, name, clock, MemoryBlobs())
    try:
        yield _dialect(loaded, name)
        for said in exposures(loaded, name, settings):
            yield Finding(f"transport-{name}", Grade.WARN, said, _EXPOSED_CURE)
        if reach:
            yield _reached(adapter, name)
    finally:
        adapter.close()


def _dialect(loaded: LoadedConfig, name: str) -> Finding:
    system = loaded.config.systems[name]
    known = provenance(system.adapter, system.dialect)
    if known == "sandbox":
        said = f"Cấu hình dùng được; giao diện {system.adapter} {PROVENANCE_VI[known]}."
        cure = "Đối chiếu với giao diện thật của nhà cung cấp trước khi vận hành."
        return Finding(f"system-{name}", Grade.WARN, said, cure)
    said = f"Cấu hình dùng được; giao diện {system.adapter} {PROVENANCE_VI.get(known, known)}."
    return Finding(f"system-{name}", Grade.PASS, said)


def _reached(adapter: Adapter, name: str) -> Finding:
    try:
        return Finding(f"reach-{name}", Grade.PASS, f"Kết nối được: {adapter.ping()}.")
    except ConnectError as error:
        said = f"{error.explanation_vi} [{error.code}]"
        away = error.effect in _UNREACHED
        return Finding(f"reach-{name}", Grade.FAIL, said, error.advice_vi, remote=away)


_TITLES_VI = {
    "configuration": "Tệp cấu hình",
    "clock": "Đồng hồ",
    "agencies": "Mã định danh",
    "trust": "Kho tin cậy",
    "certificates": "Chứng thư",
    "revocation-lists": "Danh sách thu hồi",
    "schemas": "Lược đồ",
    "store": "Sổ cái",
    "database-server": "Máy chủ cơ sở dữ liệu",
    "disk": "Ổ đĩa",
    "links": "Liên kết",
}
_SYSTEM_TITLES_VI = {
    "system-": "Hệ thống {}",
    "transport-": "Đường truyền tới {}",
    "reach-": "Kết nối tới {}",
    "paused-": "Tạm dừng {}",
}


def title_vi(name: str) -> str:
    """What a check is called for people; programs know it by its name."""
    for prefix, title in _SYSTEM_TITLES_VI.items():
        if name.startswith(prefix):
            return title.format(name.removeprefix(prefix))
    return _TITLES_VI.get(name, name)


_CHECKS: dict[str, Callable[[LoadedConfig, Clock], Iterator[Finding]]] = {
    "clock": _clock,
    "agencies": _agencies,
    "trust": _trust,
    "certificates": _certificates,
    "revocation-lists": _revocation,
    "schemas": _schemas,
    "store": _store,
    "disk": _disk,
    "links": _links,
}
