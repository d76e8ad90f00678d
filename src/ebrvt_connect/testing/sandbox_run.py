"""Runs the sandbox as a process of its own: what `ebrvt sandbox` and the demo's child do.

When every port answers, one JSON line on stdout tells where and how to log in; nothing else is written
there. It ends on SIGTERM or SIGINT, or, if so asked, when its standard input closes: a parent that dies
leaves no orphan holding a port.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from ebrvt_connect.testing import sandbox_faults as faults
from ebrvt_connect.testing.sandbox_host import CONTROL, SandboxHost, installed_simulators

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ebrvt_connect.ports.simulator import Simulator

_FAULTS = TypeAdapter(list[faults.Fault])


def run_sandbox(
    folder: Path | None = None,
    *,
    systems: Sequence[str] | Mapping[str, type[Simulator]] | None = None,
    config_file: Path | None = None,
    faults_file: Path | None = None,
    port: int = 0,
    ports: Mapping[str, int] | None = None,
    seed: int = 0,
    until_stdin_closes: bool = False,
) -> None:
    """Host simulators until told to end; call it from the main thread.

    `folder` keeps their worlds (a temporary one if None). `port`: the control address, the systems on
    the ports after it in their order; `ports` fixes single ones by name. `config_file` is the sandbox's
    TOML, `faults_file` a JSON list of faults, or TOML with `[[faults]]`.
    Raises `ValueError` for what is wrong in them, `OSError` for a port that is taken.
    """
    if folder is None:
        with TemporaryDirectory(prefix="ebrvt-sandbox-") as made:
            run_sandbox(
                Path(made),
                systems=systems,
                config_file=config_file,
                faults_file=faults_file,
                port=port,
                ports=ports,
                seed=seed,
                until_stdin_closes=until_stdin_closes,
            )
        return
    config = tomllib.loads(config_file.read_text(encoding="utf-8")) if config_file else {}
    plan = _plan(faults_file) if faults_file else []
    named = list(installed_simulators() if systems is None else systems)
    fixed = {**_consecutive(port, named), **(ports or {})}
    done = threading.Event()
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_: done.set())
    with SandboxHost(folder, systems, config, fixed, seed) as host:
        host.arm(plan)
        sys.stdout.write(json.dumps(host.ready_line(), ensure_ascii=False) + "\n")
        sys.stdout.flush()
        if until_stdin_closes:
            threading.Thread(target=_watch_stdin, args=(done,), daemon=True).start()
        # A bounded wait lets the main thread notice a signal on every platform.
        while not done.wait(1.0):
            pass


def _plan(path: Path) -> list[faults.Fault]:
    text = path.read_text(encoding="utf-8")
    given: Any = tomllib.loads(text).get("faults", []) if path.suffix == ".toml" else json.loads(text)
    return _FAULTS.validate_python(given)


def _consecutive(port: int, names: Sequence[str]) -> dict[str, int]:
    if not port:
        return {}
    return {name: port + place for place, name in enumerate([CONTROL, *names])}


def _watch_stdin(done: threading.Event) -> None:
    # Past the buffered reader: a thread waiting inside that one would abort the interpreter's exit.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    done.set()
