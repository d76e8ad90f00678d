"""`ebrvt` as a function that answers with exit code, stdout and stderr; a desk with keys to sign with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ebrvt_connect.ops.cli import main
from ebrvt_connect.testing.pki import SandboxPki
from tests.unit.trust.samples import Desk

VECTORS = Path(__file__).parents[2] / "vectors" / "edxml"


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """Stdout, which must be JSON and nothing else."""
        return json.loads(self.out)


@pytest.fixture(autouse=True)
def quiet_place(tmp_path, monkeypatch) -> None:
    """An empty folder to work in, and nothing of ours in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("EBRVT_", "CREDENTIALS_DIRECTORY"))]:
        monkeypatch.delenv(name)


@pytest.fixture
def ebrvt(capsys) -> Callable[..., Answer]:
    """Runs a command in this process; `verify` in it too, unless a test names a number of workers."""

    def run(*arguments: str | Path) -> Answer:
        if arguments[:1] == ("verify",) and "--workers" not in arguments:
            arguments = ("verify", "--workers", "0", *arguments[1:])
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        told = capsys.readouterr()
        return Answer(ended.value.code, told.out, told.err)

    return run


@pytest.fixture
def ebrvt_process() -> Callable[..., Answer]:
    """Runs a command in a process of its own, as a shell would."""

    def run(*arguments: str | Path, **environment: str) -> Answer:
        command = [sys.executable, "-m", "ebrvt_connect.ops.cli", *map(str, arguments)]
        done = subprocess.run(
            command, capture_output=True, check=False, env=os.environ | environment, timeout=240
        )
        return Answer(done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8"))

    return run


@pytest.fixture(scope="session")
def pki(tmp_path_factory) -> SandboxPki:
    base = tmp_path_factory.getbasetemp()
    return SandboxPki.open((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "sandbox-pki")


@pytest.fixture(scope="session")
def desk(pki) -> Desk:
    return Desk(pki, pki.trust_store())


@pytest.fixture
def vectors() -> Path:
    return VECTORS


# --- a province and its remotes ---------------------------------------------------------------------

DMS_PASSWORD = "mat-khau-phan-mem-7f3a"
AXIS_SECRET = "khoa-bi-mat-truc-91bc"
_SANDBOX = f"""\
[qlvb]
username = "ebrvt"
password = "{DMS_PASSWORD}"

[[vxp]]
systemid = "vxp.test.06"
secret = "{AXIS_SECRET}"
agencies = ["000.00.15.H06"]
recipients = ["000.00.00.G22"]
"""
_CONFIG = """\
[province]
code = "H06"

[store]
url = "sqlite:///var/ebrvt.db"

[trust]
folder = "{trust}"

[engine]
poll = "100ms"

[systems.qlvb]
adapter = "qlvb"
transport = {{ url = "{qlvb}" }}
credentials = {{ username = "ebrvt", password = {{ file = "secrets/qlvb" }} }}

[systems.axis]
adapter = "vxp"
dialect = "vxp"
transport = {{ url = "{vxp}" }}
credentials = {{ systemid = "vxp.test.06", secret = {{ file = "secrets/vxp" }} }}
settings = {{ agencies = ["000.00.15.H06"] }}

[[links]]
name = "van-ban-di"
carries = "document"
from = "qlvb"
to = "axis"
every = "500ms"
gates = ["not-secret", "signed-by-issuing-agency"]
"""


@dataclass
class SandboxProcess:
    """`ebrvt sandbox` as a child."""

    process: subprocess.Popen[bytes]
    ready: dict[str, Any]

    def url(self, system: str) -> str:
        return self.ready["systems"][system]["url"]


@pytest.fixture
def start_sandbox(tmp_path):
    """Starts `ebrvt sandbox` with options; whatever still runs in the end is killed."""
    started = []

    def start(*options: str | Path, **popen: Any) -> SandboxProcess:
        command = [sys.executable, "-m", "ebrvt_connect.ops.cli", "sandbox", *map(str, options)]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=(tmp_path / "sandbox.err").open("wb"), **popen
        )
        started.append(process)
        return SandboxProcess(process, json.loads(process.stdout.readline()))

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def sandbox(start_sandbox, tmp_path) -> SandboxProcess:
    """Both remotes, with accounts of their own."""
    (tmp_path / "sandbox.toml").write_text(_SANDBOX)
    return start_sandbox("--config", tmp_path / "sandbox.toml")


@pytest.fixture
def province(pki, tmp_path):
    """Writes `ebrvt.toml` and its secrets; nobody listens at the addresses unless they are given."""

    def write(qlvb: str = "http://127.0.0.1:9", vxp: str = "http://127.0.0.1:9", **changes: str) -> Path:
        secrets = tmp_path / "secrets"
        secrets.mkdir(mode=0o700, exist_ok=True)
        for name, secret in (("qlvb", DMS_PASSWORD), ("vxp", AXIS_SECRET)):
            (secrets / name).touch(mode=0o600)
            (secrets / name).write_text(secret + "\n")
        text = _CONFIG.format(trust=pki.trust_folder, qlvb=qlvb, vxp=vxp)
        for old, new in changes.items():
            text = text.replace(old, new)
        path = tmp_path / "ebrvt.toml"
        path.write_text(text)
        return path

    return write
