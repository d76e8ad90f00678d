"""Where a demonstration lives on disk: keys, secrets, configuration, and whether it is finished."""

from __future__ import annotations

import json
import secrets
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from jinja2 import Environment, PackageLoader, StrictUndefined

from ebrvt_connect.ops.demo.ledger_place import (
    SQLITE,
    forget_ledger_place,
    goes_on,
    open_ledger_place,
    server_url,
)
from ebrvt_connect.ops.demo.plan import AXIS_AGENCIES, PROVINCE_AGENCIES
from ebrvt_connect.ops.demo.plan_dossiers import DEPARTMENT, PROCEDURES
from ebrvt_connect.testing.pki import SandboxPki

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SYSTEM_ID = "vxp.saas.06"
_PACE_SECONDS = 0.5
"""How fast the simulated recipients answer."""
_USER = "ebrvt"
DSTCODE = "VN:GOV:000.00.00.G22:dvcqg-mau"
"""A made-up routing code of the portal; the real one comes with the letter of connection."""
MINISTRY = "000.00.00.G14"
SYSTEMS = ("qlvb", "vxp", "motcua", "dvcqg", "baocao")
"""The simulated systems of the demonstration."""

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
    store: str = SQLITE
    """URL of its ledger, password included."""

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
        facts = {
            "store": json.dumps(self.store),
            "urls": {name: system["url"] for name, system in systems.items()},
            "user": _USER,
            "system_id": _SYSTEM_ID,
            "dstcode": DSTCODE,
            "agencies": json.dumps([a.code for a in PROVINCE_AGENCIES]),
            "province": PROVINCE_AGENCIES[0].code,
            "department": DEPARTMENT,
            "ministry": MINISTRY,
            "procedures_file": json.dumps(str(self.folder / "procedures.toml")),
            "pkcs12": json.dumps(str(self.folder / "secrets" / "stttt.p12")),
        }
        _write(self.config, _rendered("ebrvt.toml.j2", facts))
        _write(self.folder / "agencies.toml", _AGENCIES)
        _write(self.folder / "procedures.toml", _procedures())

    def mark_finished(self) -> None:
        """The next start makes a new province."""
        _write(self.folder / "finished", "")


def open_province(folder: Path, *, fresh: bool, server: str | None = None) -> Province:
    """Go on with an unfinished province, or make a new one; keys are kept, since making them takes long.

    `server` is the URL of a PostgreSQL server on which the province's ledger is to lie in a database of its
    own. Raises `InvalidValue` `DEMO_STORE_INVALID` for one that is none, `ConnectError` when it cannot be
    used.
    """
    server = server_url(server) if server is not None else None
    if fresh or (folder / "finished").exists() or not goes_on(folder, server):
        forget_ledger_place(folder, server)
        _clear(folder)
    folder.mkdir(parents=True, exist_ok=True)
    store = open_ledger_place(folder, server)
    province = Province(folder, SandboxPki.open(folder / "pki"), store)
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
    facts = {
        "secrets": {name: _secret(province, name) for name in SYSTEMS},
        "user": _USER,
        "system_id": _SYSTEM_ID,
        "dstcode": DSTCODE,
        "agencies": json.dumps([a.code for a in PROVINCE_AGENCIES]),
        "recipients": json.dumps([a.code for a in AXIS_AGENCIES]),
        "pace": _PACE_SECONDS,
        "department": DEPARTMENT,
        "province": PROVINCE_AGENCIES[0].code,
        "procedures": PROCEDURES,
        "seal_sha256": province.pki.certificate_sha256(DEPARTMENT),
    }
    _write(province.sandbox_config, _rendered("sandbox.toml.j2", facts))
    _write_seal(province)


def _write_seal(province: Province) -> None:
    """The department's seal as a PKCS#12 file: what signs the report packets."""
    path = province.folder / "secrets" / "stttt.p12"
    password = _secret(province, "pkcs12")
    if path.exists():
        return
    seal = province.pki.identity(f"{DEPARTMENT}-agency-good")
    locked = BestAvailableEncryption(password.encode())
    draft = path.with_name(path.name + ".new")
    draft.touch(mode=0o600)
    draft.write_bytes(
        pkcs12.serialize_key_and_certificates(b"seal", seal.key, seal.certificate, seal.chain, locked)
    )
    draft.replace(path)


def _procedures() -> str:
    """The national catalogue's entries for the procedures in use, as the portal's adapter reads them."""
    rows = [
        f'[[procedures]]\ncode = "{p.national_code}"\nname = "{p.name}"\n'
        f'field_code = "{p.field_code}"\nfield_name = "{p.field_name}"\n'
        for p in PROCEDURES
    ]
    return "\n".join(rows)


def _rendered(template: str, facts: Mapping[str, Any]) -> str:
    """A configuration file; undefined names are a programming error."""
    texts = Environment(
        loader=PackageLoader("ebrvt_connect.ops.demo"),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - TOML, not HTML; every value is quoted for it
        keep_trailing_newline=True,
    )
    return texts.get_template(template).render(facts)


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
