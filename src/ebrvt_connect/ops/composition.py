"""Puts a configured province together: systems, links, gates, ledger and engine (what the daemon runs)."""

from __future__ import annotations

import ipaddress
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from ebrvt_connect.engine.engine import Engine
from ebrvt_connect.engine.settings import EngineSettings, LinkSpec, SystemLimits
from ebrvt_connect.ops.catalogue import adapter_class, provenance
from ebrvt_connect.ops.config import (
    CONFIG_INVALID,
    ConfigInvalid,
    load_agencies,
    refuse_plain_secrets,
    with_secrets,
)
from ebrvt_connect.ops.config_model import Environment
from ebrvt_connect.ops.gate import DocumentGate
from ebrvt_connect.ports.adapter import Surroundings
from ebrvt_connect.resilience.breaker import BreakerPolicy
from ebrvt_connect.resilience.retry import Ladder
from ebrvt_connect.store.blobs import LocalBlobs
from ebrvt_connect.store.ledger import Ledger
from ebrvt_connect.transport.clock import SystemClock
from ebrvt_connect.transport.trust_folder import load_trust_folder
from ebrvt_connect.trust.policy import POLICIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ebrvt_connect.model.ids import AgencyHistory
    from ebrvt_connect.ops.config import LoadedConfig
    from ebrvt_connect.ops.config_model import LinkConfig, SystemConfig
    from ebrvt_connect.ports.adapter import Adapter
    from ebrvt_connect.ports.blobs import Blobs
    from ebrvt_connect.ports.clock import Clock
    from ebrvt_connect.ports.gate import Gate
    from ebrvt_connect.trust.anchors import TrustStore

_PLAIN_HTTP = "http"


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
    that cannot be opened, `InvalidValue` for a broken trust folder.
    """
    clock = clock or SystemClock()
    config = loaded.config
    _refuse_unknown_systems(loaded)
    trust = load_trust_folder(loaded.resolve(config.trust.folder))
    history = load_agencies(loaded)
    blobs = LocalBlobs(loaded.resolve(config.store.blobs))
    ledger = Ledger.open(loaded.store_url(), clock.now())
    systems: dict[str, Adapter] = {}
    try:
        for name in config.systems:
            systems[name] = open_system(loaded, name, clock, blobs)
        engine = Engine(
            ledger,
            systems,
            [_link_spec(link) for link in config.links],
            {link.name: _gate(loaded, link, trust, history, blobs, clock) for link in config.links},
            _engine_settings(loaded),
            clock,
        )
        yield Composition(loaded, ledger, blobs, systems, engine, tuple(_warnings(loaded)))
    finally:
        for adapter in systems.values():
            adapter.close()
        ledger.close()


def open_system(loaded: LoadedConfig, name: str, clock: Clock, blobs: Blobs) -> Adapter:
    """One linked system from its table; raises `ConfigInvalid` naming the wrong setting."""
    system = loaded.config.systems[name]
    kind = adapter_class(system.adapter)
    settings_type = kind.settings_type
    key = f"systems.{name}"
    credentials_type = settings_type.model_fields["credentials"].annotation
    if isinstance(credentials_type, type):
        refuse_plain_secrets(credentials_type, system.credentials, f"{key}.credentials")
    _refuse_insecure(loaded, name, system)
    values = {
        **system.settings,
        "transport": _transport(loaded, system),
        "credentials": with_secrets(system.credentials, loaded, f"{key}.credentials"),
    }
    try:
        settings = settings_type.model_validate(values)
    except ValidationError as failure:
        raise _wrong_setting(failure, key, loaded) from failure
    return kind.open(settings, Surroundings(name, clock, blobs))


def _transport(loaded: LoadedConfig, system: SystemConfig) -> dict[str, Any]:
    """The transport table with its paths made absolute and its secrets resolved."""
    table = dict(system.transport)
    for name in ("ca", "client_certificate", "client_key"):
        if name in table:
            table[name] = loaded.resolve(table[name])
    return with_secrets(table, loaded, "transport")


def _wrong_setting(failure: ValidationError, key: str, loaded: LoadedConfig) -> ConfigInvalid:
    first = failure.errors(include_url=False, include_input=False)[0]
    where = f"{key}.{'.'.join(str(part) for part in first['loc'])}"
    return ConfigInvalid(
        CONFIG_INVALID, f"{loaded.path}: {where}: {first['msg']}", key=where, place=str(loaded.path)
    )


def _refuse_unknown_systems(loaded: LoadedConfig) -> None:
    """A link names systems that are configured, and a name stands for one link."""
    known, seen = loaded.config.systems, set[str]()
    for link in loaded.config.links:
        for system in (link.source, link.target):
            if system not in known:
                raise _wrong_link(loaded, link, f"system {system!r} is not configured (known: {', '.join(known)})")
        if link.name in seen:
            raise _wrong_link(loaded, link, "two links have this name")
        seen.add(link.name)


def _wrong_link(loaded: LoadedConfig, link: LinkConfig, what: str) -> ConfigInvalid:
    return ConfigInvalid(
        CONFIG_INVALID,
        f"{loaded.path}: link {link.name}: {what}",
        key=f"links.{link.name}",
        place=str(loaded.path),
    )


def _refuse_insecure(loaded: LoadedConfig, name: str, system: SystemConfig) -> None:
    """Production speaks TLS and verifies it, but for the networks the operator has named."""
    if loaded.config.environment is not Environment.PRODUCTION:
        return
    url = urlsplit(str(system.transport.get("url", "")))
    insecure = system.transport.get("verify") is False
    if insecure or (url.scheme == _PLAIN_HTTP and not _listed(url.hostname, loaded)):
        what = "verify = false" if insecure else f"plain HTTP to {url.hostname}"
        raise ConfigInvalid(
            CONFIG_INVALID,
            f"systems.{name}: {what} is refused in production",
            key=f"systems.{name}.transport",
            place=str(loaded.path),
        )


def _listed(host: str | None, loaded: LoadedConfig) -> bool:
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return host == "localhost"
    networks = (ipaddress.ip_network(n) for n in loaded.config.plain_http_networks)
    return any(address in network for network in networks if network.version == address.version)


def _warnings(loaded: LoadedConfig) -> Iterator[str]:
    """What production must hear at every start."""
    if loaded.config.environment is not Environment.PRODUCTION:
        return
    for name, system in loaded.config.systems.items():
        if provenance(system.adapter, system.dialect) == "sandbox":
            yield (
                f"Hệ thống {name} dùng giao diện thử nghiệm do dự án tự đặt ra (sandbox): "
                "cần đối chiếu với giao diện thật trước khi vận hành."
            )


def _link_spec(link: LinkConfig) -> LinkSpec:
    return LinkSpec(
        name=link.name, kind=link.carries, source=link.source, target=link.target, every=link.every
    )


def _gate(  # noqa: PLR0913 - what a gate stands on
    loaded: LoadedConfig,
    link: LinkConfig,
    trust: TrustStore,
    history: AgencyHistory,
    blobs: Blobs,
    clock: Clock,
) -> Gate | None:
    if not link.gates and not link.verify:
        return None
    policy = POLICIES[loaded.config.trust.policy]
    return DocumentGate(link.gates, policy=policy, trust=trust, history=history, blobs=blobs, clock=clock)


def _engine_settings(loaded: LoadedConfig) -> EngineSettings:
    config = loaded.config
    return EngineSettings(
        poll=config.engine.poll,
        drains=config.engine.drains,
        shards=config.engine.shards,
        judges=config.engine.judges,
        ladder=Ladder(config.retry.ladder),
        breaker=BreakerPolicy(
            threshold=config.retry.breaker_failures,
            rest=config.retry.breaker_rest,
            longest_rest=config.retry.breaker_longest_rest,
        ),
        limits={
            name: SystemLimits(system.limits.in_flight, system.limits.per_second)
            for name, system in config.systems.items()
        },
    )

