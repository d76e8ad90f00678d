"""Which adapters are installed: found through the entry-point group, ours and a vendor's alike."""

from __future__ import annotations

import tomllib
from importlib.metadata import entry_points
from importlib.resources import files
from typing import TYPE_CHECKING, Any, cast

from ebrvt_connect.errors import explain
from ebrvt_connect.ops.config import ConfigInvalid

if TYPE_CHECKING:
    from ebrvt_connect.ports.adapter import Adapter

ADAPTERS = "ebrvt_connect.adapters"

CONFIG_ADAPTER_UNKNOWN = explain(
    "CONFIG_ADAPTER_UNKNOWN",
    "Chưa cài đặt bộ kết nối “{adapter}”.",
    "Xem danh sách bằng lệnh ebrvt adapters; sửa tên hoặc cài gói của nhà cung cấp.",
)


def adapter_class(name: str) -> type[Adapter]:
    """The adapter registered under `name`; raises `ConfigInvalid` when there is none."""
    for entry in entry_points(group=ADAPTERS, name=name):
        return cast("type[Adapter]", entry.load())
    raise ConfigInvalid(CONFIG_ADAPTER_UNKNOWN, f"no adapter {name!r} installed", adapter=name)


def manifest_of(name: str) -> dict[str, Any]:
    """The adapter's `adapter.toml`; raises `ConfigInvalid` when the adapter is not installed."""
    for entry in entry_points(group=ADAPTERS, name=name):
        return tomllib.loads(files(entry.module).joinpath("adapter.toml").read_text("utf-8"))
    raise ConfigInvalid(CONFIG_ADAPTER_UNKNOWN, f"no adapter {name!r} installed", adapter=name)


def installed_manifests() -> list[dict[str, Any]]:
    """Every installed adapter's manifest, by name."""
    return [manifest_of(name) for name in sorted({entry.name for entry in entry_points(group=ADAPTERS)})]


def provenance(name: str, dialect: str) -> str:
    """How a dialect is known: `captured`, `seen-in-code` or `sandbox` (made by us)."""
    dialects = manifest_of(name).get("dialects", [])
    chosen = [d for d in dialects if d.get("name") == dialect] or dialects[:1]
    return str(chosen[0].get("provenance", "sandbox")) if chosen else "sandbox"
