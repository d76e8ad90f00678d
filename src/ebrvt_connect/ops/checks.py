"""The named checks of `ebrvt doctor`: each passes, warns or fails, with cause and cure in Vietnamese."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from cryptography import x509
from ebrvt_schemas import open_schema

from ebrvt_connect.errors import ConnectError, Effect
from ebrvt_connect.model.message import State
from ebrvt_connect.ops import proof_checks, storage_checks, trust_desk_checks
from ebrvt_connect.ops.built_in import built_in
from ebrvt_connect.ops.calendars import load_calendars, unannounced
from ebrvt_connect.ops.catalogue import provenance
from ebrvt_connect.ops.composition import exposures, open_with, refuse_wrong_links, system_settings
from ebrvt_connect.ops.config import load_agencies
from ebrvt_connect.ops.named_check import CheckResult, Grade
from ebrvt_connect.ops.standing import closed_text
from ebrvt_connect.ops.trust_desk_checks import fenced
from ebrvt_connect.ops.words import PROVENANCE_VI, local_time
from ebrvt_connect.store.compacting import file_room
from ebrvt_connect.store.connect import ServerFacts, server_facts
from ebrvt_connect.store.ledger import Ledger
from ebrvt_connect.store.proof_lag import proof_lag
from ebrvt_connect.store.retention import last_upkeep
from ebrvt_connect.store.soundness import refuse_incomplete
from ebrvt_connect.testing.memory import MemoryBlobs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ebrvt_connect.ops.config import LoadedConfig
    from ebrvt_connect.ports.adapter import Adapter
    from ebrvt_connect.ports.clock import Clock

_EARLIEST_SANE_YEAR = 2025
_ENOUGH_CONNECTIONS = 100
_EXPOSED_CURE = "Dùng https:// có kiểm tra chứng thư (mục ca); môi trường production từ chối cấu hình này."
_UNREACHED = frozenset({Effect.RETRY_LATER, Effect.RECONCILE_FIRST})


def examine(loaded: LoadedConfig, clock: Clock, *, reach: bool) -> Iterator[CheckResult]:
    """All checks in order; `reach` asks the remote systems too. The blob store is left alone."""
    yield CheckResult("configuration", Grade.PASS, f"Đọc được {loaded.path}.")
    for name, check in _CHECKS.items():
        yield from fenced(name, check(loaded, clock))
    if reach:
        yield from fenced("blob-store", storage_checks.bucket(loaded))
    for system in loaded.config.systems:
        yield from fenced(f"system-{system}", _system(loaded, clock, system, reach=reach))


def _clock(_: LoadedConfig, clock: Clock) -> Iterator[CheckResult]:
    now = clock.now()
    said = f"Đồng hồ máy chỉ {local_time(now)}."
    if now.year < _EARLIEST_SANE_YEAR:
        yield CheckResult("clock", Grade.FAIL, said, "Bật đồng bộ thời gian (NTP).")
    else:
        yield CheckResult("clock", Grade.PASS, said)


def _agencies(loaded: LoadedConfig, _: Clock) -> Iterator[CheckResult]:
    successions = load_agencies(loaded).successions
    if loaded.config.province.agencies is None:
        yield CheckResult(
            "agencies",
            Grade.WARN,
            "Chưa khai báo tệp kế thừa mã định danh.",
            "Khai báo province.agencies nếu mã định danh của tỉnh đã thay đổi.",
        )
    else:
        yield CheckResult("agencies", Grade.PASS, f"Có {len(successions)} đợt thay đổi mã định danh.")


def _folder(loaded: LoadedConfig) -> Path:
    return loaded.resolve(loaded.config.trust.folder)


def _trust(loaded: LoadedConfig, _: Clock) -> Iterator[CheckResult]:
    yield from trust_desk_checks.contents(_folder(loaded))


def _pins(loaded: LoadedConfig, _: Clock) -> Iterator[CheckResult]:
    yield from trust_desk_checks.pins(_folder(loaded))


def _permissions(loaded: LoadedConfig, _: Clock) -> Iterator[CheckResult]:
    yield from trust_desk_checks.permissions(_folder(loaded))


def _anchors(loaded: LoadedConfig, clock: Clock) -> Iterator[CheckResult]:
    yield from trust_desk_checks.anchors(_folder(loaded), clock.now())


def _branches(loaded: LoadedConfig, _: Clock) -> Iterator[CheckResult]:
    yield from trust_desk_checks.branches(_folder(loaded))


def certificates(loaded: LoadedConfig, clock: Clock) -> Iterator[CheckResult]:
    """The trust folder's and our own for TLS; those of signers are known by their hash only."""
    own: list[x509.Certificate] = []
    for system in loaded.config.systems.values():
        path = system.transport.get("client_certificate")
        if isinstance(path, str):
            own += _pem_certificates(loaded.resolve(path))
    yield from trust_desk_checks.certificates(_folder(loaded), clock.now(), own)


def _pem_certificates(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except ValueError as failure:
        raise OSError(0, "không phải tệp PEM", str(path)) from failure


def _revocation(loaded: LoadedConfig, clock: Clock) -> Iterator[CheckResult]:
    yield from trust_desk_checks.revocation_lists(_folder(loaded), clock.now())


def _schemas(_: LoadedConfig, __: Clock) -> Iterator[CheckResult]:
    rows = tomllib.loads(open_schema("SOURCES.toml").decode())["file"]
    for row in rows:
        if hashlib.sha256(open_schema(row["path"])).hexdigest() != row["sha256"]:
            said = f"Lược đồ {row['path']} đi kèm chương trình đã bị thay đổi."
            yield CheckResult("schemas", Grade.FAIL, said, "Cài đặt lại chương trình.")
            return
    yield CheckResult("schemas", Grade.PASS, f"{len(rows)} lược đồ đi kèm còn nguyên vẹn.")


def _store(loaded: LoadedConfig, clock: Clock) -> Iterator[CheckResult]:
    url = sa.make_url(loaded.store_url())
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        yield CheckResult("store", Grade.WARN, "Chưa có sổ cái; sẽ được tạo khi chạy lần đầu.")
        return
    ledger = Ledger.open(loaded.store_url(), clock.now())
    try:
        refuse_incomplete(ledger.database)
        counts, paused = ledger.counts().values(), ledger.paused()
        server = server_facts(ledger.database)
        upkeep, room = last_upkeep(ledger.database), file_room(ledger.database)
        lag = proof_lag(ledger.database)
    finally:
        ledger.close()
    held, dead = (sum(states.get(state, 0) for states in counts) for state in (State.HELD, State.DEAD))
    yield CheckResult("store", Grade.PASS, f"Mở được sổ cái: {held} thông điệp bị giữ, {dead} đã bỏ cuộc.")
    if server is not None:
        yield _server(server)
    yield storage_checks.file(room)
    yield from storage_checks.upkeep(upkeep)
    authority = loaded.config.proof.timestamp is not None
    yield from proof_checks.evidence_log(lag, clock.now(), authority=authority)
    for system, pause in paused.items():
        yield CheckResult(
            f"paused-{system}",
            Grade.WARN,
            f"Hệ thống {system} đang tạm dừng: {pause.reason_vi}",
            f"Khắc phục xong thì chạy: ebrvt resume {system}.",
        )


def _server(facts: ServerFacts) -> CheckResult:
    """Whether a PostgreSQL server can carry the ledger."""
    said = f"PostgreSQL {facts.version}, bảng mã {facts.encoding}, {facts.max_connections} kết nối."
    if facts.encoding != "UTF8":
        cure = "Tạo lại cơ sở dữ liệu với ENCODING 'UTF8' (xem docs/operate/postgresql.md)."
        return CheckResult("database-server", Grade.FAIL, said, cure)
    if facts.max_connections < _ENOUGH_CONNECTIONS:
        cure = "Tăng max_connections của máy chủ; mỗi tiến trình ebrvt có thể mở tới 60 kết nối."
        return CheckResult("database-server", Grade.WARN, said, cure)
    return CheckResult("database-server", Grade.PASS, said)


def _links(loaded: LoadedConfig, _: Clock) -> Iterator[CheckResult]:
    refuse_wrong_links(loaded)
    if loaded.config.links:
        yield CheckResult("links", Grade.PASS, f"{len(loaded.config.links)} liên kết.")
    else:
        said = "Chưa khai báo liên kết nào nên không có gì được chuyển."
        yield CheckResult("links", Grade.WARN, said, "Khai báo các mục [[links]].")


def _calendars(loaded: LoadedConfig, clock: Clock) -> Iterator[CheckResult]:
    """Which systems are left alone now, and whether the holidays they count on are known."""
    now, kept = clock.now(), 0
    for name, calendar in load_calendars(loaded, now).items():
        kept += bool(calendar.closings)
        if closed := calendar.closed(now):
            yield CheckResult(f"closed-{name}", Grade.WARN, closed_text(name, closed))
    if year := unannounced(loaded, now):
        said = f"Lịch nghỉ lễ, Tết năm {year} chưa theo thông báo chính thức."
        cure = "Khai báo province.holidays bằng tệp theo thông báo của Bộ Nội vụ, hoặc nâng cấp chương trình."
        yield CheckResult("calendars", Grade.WARN, said, cure)
    else:
        said = f"{kept or 'Không'} hệ thống{'' if kept else ' nào'} có lịch ngừng giao dịch."
        yield CheckResult("calendars", Grade.PASS, said)


def _system(loaded: LoadedConfig, clock: Clock, name: str, *, reach: bool) -> Iterator[CheckResult]:
    """Whether its settings can be used, how its dialect is known, and whether it answers."""
    # A daemon may be at work: its blobs are not to be opened by a second writer.
    settings = system_settings(loaded, name)
    if built_in(loaded.config.systems[name].adapter) is not None:
        yield CheckResult(f"system-{name}", Grade.PASS, "Cấu hình dùng được; chương trình tự lập từ sổ cái.")
        return
    adapter = open_with(settings, loaded, name, clock, MemoryBlobs())
    try:
        yield _dialect(loaded, name)
        for said in exposures(loaded, name, settings):
            yield CheckResult(f"transport-{name}", Grade.WARN, said, _EXPOSED_CURE)
        if reach:
            yield _reached(adapter, name)
    finally:
        adapter.close()


def _dialect(loaded: LoadedConfig, name: str) -> CheckResult:
    system = loaded.config.systems[name]
    known = provenance(system.adapter, system.dialect)
    if known == "sandbox":
        said = f"Cấu hình dùng được; giao diện {system.adapter} {PROVENANCE_VI[known]}."
        cure = "Đối chiếu với giao diện thật của nhà cung cấp trước khi vận hành."
        return CheckResult(f"system-{name}", Grade.WARN, said, cure)
    said = f"Cấu hình dùng được; giao diện {system.adapter} {PROVENANCE_VI.get(known, known)}."
    return CheckResult(f"system-{name}", Grade.PASS, said)


def _reached(adapter: Adapter, name: str) -> CheckResult:
    try:
        return CheckResult(f"reach-{name}", Grade.PASS, f"Kết nối được: {adapter.ping()}.")
    except ConnectError as error:
        said = f"{error.explanation_vi} [{error.code}]"
        away = error.effect in _UNREACHED
        return CheckResult(f"reach-{name}", Grade.FAIL, said, error.advice_vi, remote=away)


_TITLES_VI = {
    "configuration": "Tệp cấu hình",
    "clock": "Đồng hồ",
    "agencies": "Mã định danh",
    **trust_desk_checks.TITLES_VI,
    "schemas": "Lược đồ",
    "store": "Sổ cái",
    "database-server": "Máy chủ cơ sở dữ liệu",
    **storage_checks.TITLES_VI,
    **proof_checks.TITLES_VI,
    "links": "Liên kết",
    "calendars": "Lịch ngừng giao dịch",
}
_SYSTEM_TITLES_VI = {
    "system-": "Hệ thống {}",
    "transport-": "Đường truyền tới {}",
    "reach-": "Kết nối tới {}",
    "paused-": "Tạm dừng {}",
    "closed-": "Ngừng giao dịch với {}",
}


def title_vi(name: str) -> str:
    """What a check is called for people; programs know it by its name."""
    for prefix, title in _SYSTEM_TITLES_VI.items():
        if name.startswith(prefix):
            return title.format(name.removeprefix(prefix))
    return _TITLES_VI.get(name, name)


_CHECKS: dict[str, Callable[[LoadedConfig, Clock], Iterator[CheckResult]]] = {
    "clock": _clock,
    "agencies": _agencies,
    "trust": _trust,
    "trust-pins": _pins,
    "trust-permissions": _permissions,
    "trust-anchors": _anchors,
    "trust-branches": _branches,
    "certificates": certificates,
    "revocation-lists": _revocation,
    "schemas": _schemas,
    "store": _store,
    "disk": storage_checks.disk,
    "disk-reserve": storage_checks.reserve,
    "links": _links,
    "calendars": _calendars,
}
