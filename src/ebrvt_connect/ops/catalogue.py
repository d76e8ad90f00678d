"""Which adapters are installed: found through the entry-point group, ours and a vendor's alike."""

from __future__ import annotations

import tomllib
from importlib.metadata import entry_points
from importlib.resources import files
from typing import TYPE_CHECKING, Any, cast

from ebrvt_connect.errors import explain
from ebrvt_connect.ops.built_in import DIRECTIONS as BUILT_IN_DIRECTIONS
from ebrvt_connect.ops.config import ConfigInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from importlib.metadata import EntryPoint

    from ebrvt_connect.ports.adapter import Adapter

ADAPTERS = "ebrvt_connect.adapters"

CONFIG_ADAPTER_UNKNOWN = explain(
    "CONFIG_ADAPTER_UNKNOWN",
    "Chưa cài đặt bộ kết nối “{adapter}”.",
    "Xem danh sách bằng lệnh ebrvt adapters; sửa tên hoặc cài gói của nhà cung cấp.",
)
CONFIG_ADAPTER_BROKEN = explain(
    "CONFIG_ADAPTER_BROKEN",
    "Bộ kết nối “{adapter}” đã cài đặt nhưng không dùng được ({reason}).",
    "Cài lại gói chứa bộ kết nối này, hoặc báo nhà cung cấp.",
)
CONFIG_DIALECT_UNKNOWN = explain(
    "CONFIG_DIALECT_UNKNOWN",
    "Bộ kết nối “{adapter}” không có giao diện “{dialect}” (hiện có: {known}).",
    "Sửa mục dialect của hệ thống này; xem danh sách bằng lệnh ebrvt adapters.",
)


def adapter_class(name: str) -> type[Adapter]:
    """The adapter registered under `name`; raises `ConfigInvalid` when there is none, or a broken one."""
    entry = _entry(name)
    try:
        return cast("type[Adapter]", entry.load())
    except (ImportError, AttributeError) as failure:
        raise _broken(name, failure) from failure


def manifest_of(name: str) -> dict[str, Any]:
    """The adapter's `adapter.toml`; raises `ConfigInvalid` when there is none that can be read."""
    entry = _entry(name)
    try:
        return tomllib.loads(files(entry.module).joinpath("adapter.toml").read_text("utf-8"))
    except (ImportError, OSError, ValueError) as failure:
        raise _broken(name, failure) from failure


def installed_manifests() -> list[dict[str, Any]]:
    """Every installed adapter's manifest, by name; raises `ConfigInvalid` for a broken one."""
    return [manifest_of(name) for name in sorted({entry.name for entry in entry_points(group=ADAPTERS)})]


def directions(name: str) -> Mapping[str, Sequence[str]]:
    """What a system gives (`source`, or `with` another kind) and takes (`sink`), by kind; built-in ones too.

    Raises `ConfigInvalid` for an adapter that is not installed, or broken.
    """
    ours = BUILT_IN_DIRECTIONS.get(name)
    found: Mapping[str, Sequence[str]] = manifest_of(name).get("directions", {}) if ours is None else ours
    return found


def provenance(name: str, dialect: str) -> str:
    """How a dialect is known: `captured`, `seen-in-code` or `sandbox` (made by us).

    The adapter's first dialect where none is named; raises `ConfigInvalid` for one it does not speak.
    """
    dialects = manifest_of(name).get("dialects", [])
    chosen = [d for d in dialects if d.get("name") == dialect] if dialect else dialects[:1]
    if dialect and not chosen:
        known = ", ".join(str(d.get("name")) for d in dialects)
        detail = f"adapter {name!r} has no dialect {dialect!r}; known: {known}"
        raise ConfigInvalid(CONFIG_DIALECT_UNKNOWN, detail, adapter=name, dialect=dialect, known=known)
    return str(chosen[0].get("provenance", "sandbox")) if chosen else "sandbox"


def _entry(name: str) -> EntryPoint:
    for entry in entry_points(group=ADAPTERS, name=name):
        return entry
    raise ConfigInvalid(CONFIG_ADAPTER_UNKNOWN, f"no adapter {name!r} installed", adapter=name)


def _broken(name: str, failure: Exception) -> ConfigInvalid:
    reason = type(failure).__name__
    return ConfigInvalid(
        CONFIG_ADAPTER_BROKEN, f"adapter {name!r}: {reason}: {failure}", adapter=name, reason=reason
    )
