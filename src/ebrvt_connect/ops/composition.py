"""Puts a configured province together: systems, links, gates, ledger and engine (what the daemon runs)."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from ebrvt_connect.engine.engine import Engine
from ebrvt_connect.engine.settings import EngineSettings, LinkSpec, Means, SystemLimits
from ebrvt_connect.errors import ConnectError, explain
from ebrvt_connect.model.message import Kind
from ebrvt_connect.ops.alerting import alerting_of
from ebrvt_connect.ops.blob_place import open_contents, reserve_of
from ebrvt_connect.ops.built_in import built_in
from ebrvt_connect.ops.calendars import load_calendars
from ebrvt_connect.ops.catalogue import CONFIG_DIALECT_UNKNOWN, adapter_class, directions, provenance
from ebrvt_connect.ops.config import (
    ConfigInvalid,
    load_agencies,
    references,
    refuse_plain_secrets,
    secret_file,
    system_loc,
    unread_vi,
    with_paths,
    with_secrets,
    wrong_value,
)
from ebrvt_connect.ops.config_model import GATES_OF, Environment
from ebrvt_connect.ops.config_words import perhaps
from ebrvt_connect.ops.dossier_gate import DossierGate
from ebrvt_connect.ops.exposure import CONFIG_INSECURE, plain_http, stays_here
from ebrvt_connect.ops.gate import DocumentGate
from ebrvt_connect.ops.renewing import Files, Opener, Renewing
from ebrvt_connect.ops.upkeep_round import UpkeepRound
from ebrvt_connect.ops.words import KINDS_VI
from ebrvt_connect.ports.adapter import Surroundings
from ebrvt_connect.resilience.breaker import BreakerPolicy
from ebrvt_connect.resilience.retry import Ladder
from ebrvt_connect.store.collecting import ledger_id
from ebrvt_connect.store.ledger import Ledger
from ebrvt_connect.store.seat import Seat
from ebrvt_connect.transport.clock import SystemClock
from ebrvt_connect.transport.http import HttpSettings
from ebrvt_connect.transport.trust_folder import load_trust_folder
from ebrvt_connect.trust.policy import POLICIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ebrvt_connect.model.ids import AgencyHistory
    from ebrvt_connect.ops.config import LoadedConfig
    from ebrvt_connect.ops.config_model import LinkConfig, SystemConfig
    from ebrvt_connect.ports.adapter import Adapter
    from ebrvt_connect.ports.blobs import Blobs, CollectableBlobs
    from ebrvt_connect.ports.clock import Clock
    from ebrvt_connect.ports.gate import Gate
    from ebrvt_connect.resilience.calendar import Calendar
    from ebrvt_connect.trust.anchors import TrustStore

CONFIG_LINK_INVALID = explain(
    "CONFIG_LINK_INVALID",
    "Liên kết “{link}” khai báo sai ({place}): {what}.",
    "Sửa mục [[links]] theo nguyên nhân đã nêu: from là hệ thống cung cấp, to là hệ thống nhận.",
)
CONFIG_REPORT_LINK_UNKNOWN = explain(
    "CONFIG_REPORT_LINK_UNKNOWN",
    "Bàn báo cáo {desk} lấy số liệu từ liên kết “{link}” nhưng liên kết này chưa được khai báo{perhaps}.",
    "Sửa dossier_links, document_links của bàn báo cáo cho đúng tên trong [[links]].",
)
CONFIG_FILE_UNUSABLE = explain(
    "CONFIG_FILE_UNUSABLE",
    "Mục {key} ({place}) chỉ tới tệp {file} nhưng không đọc được: {why}.",
    "Sửa đường dẫn (tính từ nơi đặt tệp cấu hình), đặt tệp vào đó hoặc cấp quyền đọc rồi chạy lại.",
)
CONFIG_LINKS_CONTRADICT = explain(
    "CONFIG_LINKS_CONTRADICT",
    "Các liên kết trong {place} mâu thuẫn nhau hoặc với khả năng của hệ thống.",
    "Mỗi hệ thống nguồn chỉ có một liên kết cho mỗi loại; nguồn phải cho lấy, đích phải cho gửi.",
)
_DESK_LINKS = ("dossier_links", "document_links")
_TRANSPORT_PATHS = frozenset({"ca", "client_certificate", "client_key"})


@dataclass(frozen=True, slots=True)
class Composition:
    """A province put together."""

    loaded: LoadedConfig
    ledger: Ledger
    blobs: Blobs
    systems: Mapping[str, Adapter]
    engine: Engine
    warnings: tuple[str, ...]
    """Vietnamese sentences to be told at every start."""


@contextmanager
def composed(loaded: LoadedConfig, clock: Clock | None = None) -> Iterator[Composition]:
    """Open everything the configuration names and close it in the end; the engine is not started.

    Raises `ConfigInvalid` for a configuration that cannot be put together, `HeldForPerson` for a store
    that cannot be opened or is at work elsewhere, or for a broken trust folder.
    """
    clock = clock or SystemClock()
    config = loaded.config
    refuse_wrong_links(loaded)
    trust = load_trust_folder(loaded.resolve(config.trust.folder))
    history = load_agencies(loaded)
    with ExitStack() as closing:
        ledger = Ledger.open(loaded.store_url(), clock.now())
        closing.callback(ledger.close)
        blobs = _open_blobs(loaded, ledger)
        opener = Opener(
            read=lambda name: system_settings(loaded, name),
            open=lambda name, settings: open_with(settings, loaded, name, clock, blobs, ledger),
            files=lambda name: renewable(loaded, name),
        )
        renewing = Renewing(opener, clock)
        closing.callback(renewing.close)
        systems: dict[str, Adapter] = {}
        warnings = list(_warnings(loaded))
        for name in config.systems:
            systems[name] = renewing.opened(name)
            warnings += exposures(loaded, name, renewing.settings_of(name))
        gates = {link.name: _gate(loaded, link, trust, history, blobs, clock) for link in config.links}
        means = Means(
            stamp=_stamping(loaded, closing),
            chores=UpkeepRound(config.retention, ledger.database, blobs, clock),
            room=reserve_of(loaded),
            renewals=renewing,
            alerting=alerting_of(loaded, clock, closing, {"renewals": renewing.unusable}),
        )
        engine = _engine(loaded, ledger, systems, gates, clock, means)
        yield Composition(loaded, ledger, blobs, systems, engine, tuple(warnings))


def refuse_wrong_links(loaded: LoadedConfig) -> None:
    """A link names systems that are configured, and a name stands for one link; raises `ConfigInvalid`."""
    known, seen = loaded.config.systems, set[str]()
    for link in loaded.config.links:
        for system in (link.source, link.target):
            if system not in known:
                raise _wrong_link(
                    loaded,
                    link,
                    f"system {system!r} is not configured (known: {', '.join(known) or 'none'})",
                    f"hệ thống “{system}” chưa được khai báo{perhaps(system, known)}",
                )
        if link.name in seen:
            raise _wrong_link(loaded, link, "two links have this name", "trùng tên với một liên kết khác")
        seen.add(link.name)
        _refuse_wrong_gates(loaded, link)
        _refuse_wrong_directions(loaded, link)
    for name in known:
        refuse_unknown_report_links(loaded, name)


def refuse_unknown_report_links(loaded: LoadedConfig, name: str) -> None:
    """A report desk counts what existing links carry; raises `ConfigInvalid` `CONFIG_REPORT_LINK_UNKNOWN`."""
    system = loaded.config.systems[name]
    if built_in(system.adapter) is None:
        return
    known = [link.name for link in loaded.config.links]
    for setting in _DESK_LINKS:
        named = system.settings.get(setting)
        for link in named if isinstance(named, list | tuple) else ():
            if link not in known:
                place = loaded.writing.place(system_loc(name, (setting,)))
                detail = f"{place}: systems.{name}.settings: no link {link!r}; known: {', '.join(known)}"
                raise ConfigInvalid(
                    CONFIG_REPORT_LINK_UNKNOWN,
                    detail,
                    desk=name,
                    link=link,
                    perhaps=perhaps(str(link), known),
                )


def _refuse_wrong_directions(loaded: LoadedConfig, link: LinkConfig) -> None:
    """What one system does not give, or the other does not take, would wait for ever."""
    gives, takes = (
        directions(loaded.config.systems[system].adapter) for system in (link.source, link.target)
    )
    first = link.carries[0]
    for kind in link.carries:
        # The source is asked for the first kind; the others come along with it.
        way = "source" if kind is first else f"with {first}"
        if way not in gives.get(kind, ()):
            detail = f"{link.source!r} gives no {kind} as {way} (it gives {_named(gives, 'source')})"
            what_vi = f"hệ thống “{link.source}” không cung cấp {KINDS_VI[kind]}"
            what_vi += _turned_round(link, gives, takes)
            if other := next((k for k in link.carries[1:] if f"with {k}" in gives.get(kind, ())), None):
                what_vi = f"{KINDS_VI[kind]} đi cùng {KINDS_VI[other]}: viết “{other}” đứng đầu trong carries"
            raise _wrong_link(loaded, link, detail, what_vi)
        if "sink" not in takes.get(kind, ()):
            detail = f"{link.target!r} takes no {kind} (it takes {_named(takes, 'sink')})"
            what_vi = f"hệ thống “{link.target}” không nhận {KINDS_VI[kind]}"
            what_vi += _turned_round(link, gives, takes)
            raise _wrong_link(loaded, link, detail, what_vi)


def _turned_round(
    link: LinkConfig, gives: Mapping[str, Sequence[str]], takes: Mapping[str, Sequence[str]]
) -> str:
    """A hint where the target gives, and the source takes, all that the link carries."""
    other_way = all("sink" in gives.get(kind, ()) and takes.get(kind) for kind in link.carries)
    gives_first = "source" in takes.get(link.carries[0], ())
    return "; có lẽ from và to bị đảo" if other_way and gives_first else ""


def _named(ways: Mapping[str, Sequence[str]], direction: str) -> str:
    return ", ".join(kind for kind, words in ways.items() if direction in words) or "nothing"


def _refuse_wrong_gates(loaded: LoadedConfig, link: LinkConfig) -> None:
    """A gate that could never hold anything, or two gates for one link, is a mistake somebody relies on."""
    judged = [kind for kind in GATES_OF if kind in link.carries]
    if len(judged) > 1:
        detail = f"carries {', '.join(judged)}, expected one of them to be judged by one gate"
        raise _wrong_link(loaded, link, detail, "văn bản và hồ sơ phải đi hai liên kết riêng")
    known = GATES_OF[judged[0]] if judged else frozenset()
    for gate in link.gates:
        if gate not in known:
            detail = f"gate {gate!r} does not judge what it carries ({', '.join(link.carries)})"
            carried = ", ".join(KINDS_VI[kind] for kind in link.carries)
            whose = " và ".join(KINDS_VI[kind] for kind, gates in GATES_OF.items() if gate in gates)
            what_vi = f"cổng kiểm tra “{gate}” chỉ áp dụng cho {whose}, liên kết này chuyển {carried}"
            raise _wrong_link(loaded, link, detail, what_vi)


def open_with(
    settings: BaseModel,
    loaded: LoadedConfig,
    name: str,
    clock: Clock,
    blobs: Blobs,
    ledger: Ledger | None = None,
) -> Adapter:
    """One linked system with settings that `system_settings` has read, not connected.

    Raises `ConfigInvalid` for what keeps it from being opened; a built-in one needs the ledger: `ValueError`
    without.
    """
    adapter, surroundings = loaded.config.systems[name].adapter, Surroundings(name, clock, blobs)
    ours = built_in(adapter)
    if ours is None:
        try:
            return adapter_class(adapter).open(settings, surroundings)
        except ConnectError as failure:
            raise ConfigInvalid.of(failure) from failure
    if ledger is None:
        raise ValueError(f"system {name} is made from the ledger and was given none")
    return ours.open(settings, surroundings, ledger)


def system_settings(loaded: LoadedConfig, name: str) -> BaseModel:
    """One system's settings, secrets included; raises `ConfigInvalid` naming the wrong one."""
    system = loaded.config.systems[name]
    kind = built_in(system.adapter) or adapter_class(system.adapter)
    _refuse_unknown_dialect(system)
    key = f"systems.{name}"
    tables, given = _given(loaded, system)
    refuse_plain_secrets(kind.settings_type, given, key)
    values = with_secrets(system.settings, loaded, f"{key}.settings")
    values |= {
        table: with_secrets(inner, loaded, f"{key}.{table}") for table, inner in tables.items() if inner
    }
    try:
        settings = kind.settings_type.model_validate(with_paths(kind.settings_type, values, loaded))
    except ValidationError as failure:
        # It carries the values, secrets among them: it is not chained.
        raise wrong_value(failure, kind.settings_type, loaded.writing, name) from None
    _refuse_insecure(loaded, name, settings)
    _refuse_missing_files(loaded, name, settings)
    return settings


def _given(loaded: LoadedConfig, system: SystemConfig) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """The two tables that every adapter has, and what its settings are made of; secrets as references."""
    tables = {"transport": _transport(loaded, system), "credentials": system.credentials}
    return tables, {**system.settings, **{table: values for table, values in tables.items() if values}}


def renewable(loaded: LoadedConfig, name: str) -> Files:
    """The files of one system that may be renewed while it is at work: secrets, keys and certificates.

    Other files that settings may name (tables of codes, say) are read when it is opened.
    """
    system = loaded.config.systems[name]
    kind = built_in(system.adapter) or adapter_class(system.adapter)
    tables, given = _given(loaded, system)
    placed = with_paths(kind.settings_type, given, loaded)
    keys = (path for table in tables for path in _paths(placed.get(table)))
    told = list(references(given))
    secrets = (secret_file(way, where, loaded.resolve) for way, where in told)
    asks = any(way == "command" for way, _ in told)
    return Files(tuple(path for path in secrets if path is not None), tuple(keys), asks)


def _paths(value: object) -> Iterator[Path]:
    """Every path in a table, also in its inner ones."""
    if isinstance(value, Path):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _paths(inner)


def _refuse_unknown_dialect(system: SystemConfig) -> None:
    if built_in(system.adapter) is None:
        provenance(system.adapter, system.dialect)
    elif system.dialect:
        detail = f"{system.adapter!r} is part of the program and has no dialects"
        raise ConfigInvalid(
            CONFIG_DIALECT_UNKNOWN, detail, adapter=system.adapter, dialect=system.dialect, known="–"
        )


def exposures(loaded: LoadedConfig, name: str, settings: BaseModel) -> Iterator[str]:
    """A Vietnamese sentence if others on the way could read or change what the system is told.

    Production refuses what is warned of here; on the networks it permits plain HTTP, and on loopback,
    nothing is said.
    """
    what = _exposed(loaded, settings)
    if what is not None and not stays_here(what.removeprefix("http://")):
        yield (
            f"Hệ thống {name} kết nối không an toàn ({what}): mật khẩu và nội dung văn bản "
            "có thể bị đọc hoặc sửa trên đường truyền."
        )


def _open_blobs(loaded: LoadedConfig, ledger: Ledger) -> CollectableBlobs:
    """Opening cleans up what a crash left half written; that must not be a running daemon's work.

    From now on they are known to hold this ledger's contents: no other ledger may collect them.
    """
    seat = Seat(loaded.store_url())
    seat.take()
    try:
        blobs = open_contents(loaded, ledger.database, SystemClock())
    finally:
        seat.leave()
    with suppress(ConnectError):  # whatever keeps it from being written keeps all else from it, and is told
        blobs.own(ledger_id(ledger.database))
    return blobs


def _transport(loaded: LoadedConfig, system: SystemConfig) -> dict[str, Any]:
    """The transport table with its paths made absolute."""
    return {
        name: loaded.resolve(value) if name in _TRANSPORT_PATHS and isinstance(value, str) else value
        for name, value in system.transport.items()
    }


def _refuse_missing_files(loaded: LoadedConfig, name: str, settings: BaseModel) -> None:
    """What the settings name must be there: found at the start, not when the first thing is signed."""
    for loc, file in _files(settings):
        try:
            file.open("rb").close()
        except OSError as failure:
            where = system_loc(name, loc)
            key, place = ".".join(map(str, where)), loaded.writing.place(where)
            detail = f"{place}: {key}: {file}: {failure.strerror or type(failure).__name__}"
            why = unread_vi(failure)
            raise ConfigInvalid(
                CONFIG_FILE_UNUSABLE, detail, key=key, place=place, file=str(file), why=why
            ) from failure


def _files(value: object, loc: tuple[int | str, ...] = ()) -> Iterator[tuple[tuple[int | str, ...], Path]]:
    """Every path in settings, with where it stands."""
    if isinstance(value, Path):
        yield loc, value
    elif isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            yield from _files(getattr(value, name), (*loc, field.alias or name))
    elif isinstance(value, list | tuple):
        for nth, inner in enumerate(value):
            yield from _files(inner, (*loc, nth))


def _wrong_link(loaded: LoadedConfig, link: LinkConfig, detail: str, what_vi: str) -> ConfigInvalid:
    nth = next(n for n, one in enumerate(loaded.config.links) if one is link)
    place = loaded.writing.place(("links", nth, "name"))
    return ConfigInvalid(
        CONFIG_LINK_INVALID, f"{place}: link {link.name}: {detail}", link=link.name, what=what_vi, place=place
    )


def _refuse_insecure(loaded: LoadedConfig, name: str, settings: BaseModel) -> None:
    """Production speaks TLS and verifies it, but for the networks the operator has named."""
    what = _exposed(loaded, settings)
    if loaded.config.environment is Environment.PRODUCTION and what is not None:
        raise ConfigInvalid(
            CONFIG_INSECURE,
            f"{loaded.path}: systems.{name}.transport: {what} is refused in production",
            system=name,
            what=what,
        )


def _exposed(loaded: LoadedConfig, settings: BaseModel) -> str | None:
    """What of the settings lets others listen, if anything does.

    Judged by what they mean, not by how they were spelled (`verify = "off"` is a false, too).
    """
    transport = getattr(settings, "transport", None)
    if getattr(transport, "verify", True) is False:
        return "verify = false"
    return plain_http(str(getattr(transport, "url", "")), loaded)


def _warnings(loaded: LoadedConfig) -> Iterator[str]:
    """What production must hear at every start."""
    if loaded.config.environment is not Environment.PRODUCTION:
        return
    for name, system in loaded.config.systems.items():
        if built_in(system.adapter) is None and provenance(system.adapter, system.dialect) == "sandbox":
            yield (
                f"Hệ thống {name} dùng giao diện thử nghiệm do dự án tự đặt ra (sandbox): "
                "cần đối chiếu với giao diện thật trước khi vận hành."
            )


def _link_spec(link: LinkConfig) -> LinkSpec:
    return LinkSpec(
        name=link.name,
        kinds=link.carries,
        source=link.source,
        target=link.target,
        every=link.every,
        give_up_after=link.give_up_after,
    )


def _gate(
    loaded: LoadedConfig,
    link: LinkConfig,
    trust: TrustStore,
    history: AgencyHistory,
    blobs: Blobs,
    clock: Clock,
) -> Gate | None:
    judged = GATES_OF.keys() & set(link.carries)
    if not judged or not (link.gates or link.verify):
        return None
    policy = POLICIES[loaded.config.trust.policy]
    made = DossierGate if Kind.DOSSIER in judged else DocumentGate
    return made(link.gates, policy=policy, trust=trust, history=history, blobs=blobs, clock=clock)


def _stamping(loaded: LoadedConfig, closing: ExitStack) -> Callable[[bytes], bytes] | None:
    """Who stamps the evidence log; None where no authority is configured."""
    wanted = loaded.config.proof.timestamp
    if wanted is None:
        return None
    # Not above: whoever has no authority need not load what reads its answers.
    from ebrvt_connect.transport.timestamp import TimestampClient, TimestampSettings

    place = urlsplit(wanted.url)
    ca = None if wanted.ca is None else loaded.resolve(wanted.ca)
    settings = TimestampSettings(
        transport=HttpSettings(url=f"{place.scheme}://{place.netloc}", ca=ca),
        path=place.path or "/",
        policy_oid=wanted.policy_oid,
    )
    return closing.enter_context(TimestampClient.opened(settings)).token_for


def _engine(
    loaded: LoadedConfig,
    ledger: Ledger,
    systems: Mapping[str, Adapter],
    gates: Mapping[str, Gate | None],
    clock: Clock,
    means: Means,
) -> Engine:
    links = [_link_spec(link) for link in loaded.config.links]
    settings = _engine_settings(loaded, load_calendars(loaded, clock.now()))
    try:
        return Engine(ledger, systems, links, gates, settings, clock, means=means)
    except ValueError as failure:
        place = str(loaded.path)
        raise ConfigInvalid(CONFIG_LINKS_CONTRADICT, f"{place}: {failure}", place=place) from failure


def _engine_settings(loaded: LoadedConfig, calendars: Mapping[str, Calendar]) -> EngineSettings:
    config = loaded.config
    return EngineSettings(
        executor=config.engine.instance,
        poll=config.engine.poll,
        drains=config.engine.drains,
        shards=config.engine.shards,
        judges=config.engine.judges,
        keep_finished=config.retention.workflows,
        ladder=Ladder(config.retry.ladder),
        breaker=BreakerPolicy(
            threshold=config.retry.breaker_failures,
            rest=config.retry.breaker_rest,
            longest_rest=config.retry.breaker_longest_rest,
        ),
        limits={
            name: SystemLimits(**system.limits.model_dump(), calendar=calendars[name])
            for name, system in config.systems.items()
        },
    )
