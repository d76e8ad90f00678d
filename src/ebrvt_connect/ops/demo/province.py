"""Where a demonstration lives on disk: keys, secrets, configuration, and whether it is finished."""

from __future__ import annotations

import json
import secrets
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ebrvt_connect.ops.demo.plan import AXIS_AGENCIES, PROVINCE_AGENCIES
from ebrvt_connect.testing.pki import SandboxPki

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SYSTEM_ID = "vxp.saas.06"
_PACE_SECONDS = 0.5
"""How fast the simulated recipients answer."""
_DMS_USER = "ebrvt"

_CONFIG = """\
# Written by `ebrvt demo` at every start; the addresses are those of this run's sandbox.
environment = "sandbox"

[province]
code = "H06"
agencies = "agencies.toml"

[retry]
ladder = ["500ms", "1s", "2s", "5s"]
breaker_rest = "1s"
breaker_longest_rest = "2s"

[store]
url = "sqlite:///ebrvt.db"
blobs = "blobs"

[trust]
folder = "pki/trust"
policy = "VN_2025"

[engine]
poll = "100ms"

[systems.qlvb]
adapter = "qlvb"
transport = {{ kind = "direct", url = "{qlvb_url}" }}
credentials = {{ username = "{dms_user}", password = {{ file = "secrets/qlvb" }} }}
limits = {{ in_flight = 8, per_second = 500 }}

[systems.axis]
adapter = "vxp"
dialect = "vxp"
transport = {{ kind = "direct", url = "{vxp_url}" }}
credentials = {{ systemid = "{system_id}", secret = {{ file = "secrets/vxp" }} }}
limits = {{ in_flight = 8, per_second = 500 }}
settings = {{ agencies = {agencies}, ask_after_seconds = 1.0 }}

[[links]]
name = "van-ban-di"
carries = "document"
from = "qlvb"
to = "axis"
every = "500ms"
gates = ["not-secret", "signed-by-issuing-agency"]

[[links]]
name = "van-ban-den"
carries = "document"
from = "axis"
to = "qlvb"
every = "500ms"

[[links]]
name = "trang-thai-ve"
carries = "document-status"
from = "axis"
to = "qlvb"
every = "500ms"

[[links]]
name = "trang-thai-di"
carries = "document-status"
from = "qlvb"
to = "axis"
every = "500ms"
"""
_AGENCIES = """\
# Which agency code follows which, from what date (mã định danh kế thừa). Codes change by law, so they
# are data. Rows under `codes` are added as the decisions that assign the new codes are published; where
# none is named, the old code stays what it was.
[[succession]]
old = "H06"
new = "H29"
since = 2025-07-01
source = "tỉnh Bà Rịa – Vũng Tàu nhập vào Thành phố Hồ Chí Minh; đối chiếu danh mục chính thức"
codes = {}
"""


@dataclass(frozen=True, slots=True)
class Province:
    """The folder of one demonstration (`var/demo`) and what stands in it."""

    folder: Path
    pki: SandboxPki

    @property
    def config(self) -> Path:
        """The daemon's configuration file."""
        return self.folder / "ebrvt.toml"

    @property
    def sandbox_config(self) -> Path:
        """The simulators' configuration: credentials that open nothing but them."""
        return self.folder / "sandbox.toml"

    def write_config(self, systems: Mapping[str, Mapping[str, Any]]) -> None:
        """Write the daemon's configuration with the addresses of this run."""
        text = _CONFIG.format(
            qlvb_url=systems["qlvb"]["url"],
            vxp_url=systems["vxp"]["url"],
            dms_user=_DMS_USER,
            system_id=_SYSTEM_ID,
            agencies=json.dumps([a.code for a in PROVINCE_AGENCIES]),
        )
        _write(self.config, text)
        _write(self.folder / "agencies.toml", _AGENCIES)

    def mark_finished(self) -> None:
        """The next start makes a new province."""
        _write(self.folder / "finished", "")


def open_province(folder: Path, *, fresh: bool) -> Province:
    """Go on with an unfinished province, or make a new one; keys are kept, since making them takes long."""
    if fresh or (folder / "finished").exists():
        _clear(folder)
    folder.mkdir(parents=True, exist_ok=True)
    province = Province(folder, SandboxPki.open(folder / "pki"))
    _write_sandbox_config(province)
    return province


def _clear(folder: Path) -> None:
    for entry in folder.iterdir() if folder.exists() else ():
        if entry.name == "pki":
            continue
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _write_sandbox_config(province: Province) -> None:
    dms, axis = _secret(province, "qlvb"), _secret(province, "vxp")
    ours = json.dumps([a.code for a in PROVINCE_AGENCIES])
    others = json.dumps([a.code for a in AXIS_AGENCIES])
    _write(
        province.sandbox_config,
        f'[qlvb]\nusername = "{_DMS_USER}"\npassword = "{dms}"\n\n'
        f'[[vxp]]\nsystemid = "{_SYSTEM_ID}"\nsecret = "{axis}"\n'
        f"agencies = {ours}\nrecipients = {others}\npace_seconds = {_PACE_SECONDS}\n",
    )


def _secret(province: Province, name: str) -> str:
    """A random secret of this province, kept in a file only its owner reads."""
    path = province.folder / "secrets" / name
    if not path.exists():
        path.parent.mkdir(mode=0o700, exist_ok=True)
        _write(path, secrets.token_hex(24))
    return path.read_text("ascii")


def _write(path: Path, text: str) -> None:
    """Whole or not at all, and private."""
    draft = path.with_name(path.name + ".new")
    draft.touch(mode=0o600)
    draft.write_text(text, "utf-8")
    draft.replace(path)
