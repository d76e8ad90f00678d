"""Keeps one PostgreSQL server alive for as long as whoever started it lives, and removes every trace after.

    python keeper.py INSTALLATION quick|durable

It makes a data folder of its own below the temporary folder, starts a server on a free loopback port, prints
one line of JSON with its URL, and waits for the end of its standard input: a closed pipe is the one message
that also comes from somebody ended by `kill -9`. What a killed keeper leaves behind the next one removes.
PostgreSQL refuses to run as root; then the server runs as `nobody`, from a copy where `nobody` could not
read the installation. Standard library only.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PREFIX = "ebrvt-postgres-"
LOCK = "keeper.lock"
USER = "postgres"
READY_WITHIN_SECONDS = 60
TRIES = 5
"""Between finding a free port and listening on it another process may take it."""
_DIES_WITH_PARENT = 1
_QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "32MB"}
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "300",
    "scram_iterations": "1",  # the password is 128 random bits; many short tests log in
    "timezone": "UTC",
    "lc_messages": "C",
}


def runs_as() -> dict[str, Any]:
    """What `subprocess` is told about the account the server runs as."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": ()}


def open_to_others(folder: Path) -> bool:
    """Whether any account may come to this folder."""
    return all(place.stat().st_mode & 0o001 for place in (folder, *folder.parents))


def make_folder() -> Path:
    """An empty folder below the temporary one, to which the server's account can come."""
    places = [Path(place) for place in (tempfile.gettempdir(), "/tmp", "/var/tmp")]
    as_root = os.geteuid() == 0
    place = next(
        place for place in places if place.is_dir() and (not as_root or open_to_others(place.resolve()))
    )
    remove_leftovers(place)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place)).resolve()
    if as_root:
        folder.chmod(0o711)
    return folder


def remove_leftovers(place: Path) -> None:
    """Folders whose keeper is gone: it died with its lock."""
    for folder in place.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            # A fresh one may not have got its lock yet.
            if folder.stat().st_uid == os.geteuid() and folder.stat().st_mtime < time.time() - 60:
                with (folder / LOCK).open("a") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)


def readable(installation: Path, folder: Path) -> Path:
    """The installation, or a copy of it beside the data where the server's account cannot read it."""
    if os.geteuid() != 0 or open_to_others(installation):
        return installation
    # A wheel keeps the libraries it brings two folders up; they are found from the programs' own place.
    package = installation.parent
    copy = folder / "copy" / package.name
    shutil.copytree(installation, copy / installation.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, copy.with_name(libraries.name))
    for each in (copy.parent, *copy.parent.rglob("*")):
        if not each.is_symlink():
            each.chmod(each.stat().st_mode | (0o555 if each.is_dir() else 0o444))
    return copy / installation.name


def initialise(installation: Path, folder: Path, password: str) -> Path:
    """Make the data folder with its one superuser."""
    data = folder / "data"
    data.mkdir(mode=0o700)
    account = runs_as()
    given = folder / "password"
    given.touch(mode=0o600)
    given.write_text(password)
    if account:
        os.chown(data, account["user"], account["group"])
        os.chown(given, account["user"], account["group"])
    command = [
        *(
            str(installation / "bin" / "initdb"),
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C",
            "--no-instructions",
        ),
        *("--auth=scram-sha-256", f"--username={USER}", f"--pwfile={given}", "-c", "scram_iterations=1"),
        *("-D", str(data)),
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, **account)
    given.unlink()
    if done.returncode:
        sys.exit(f"initdb failed:\n{done.stderr}")
    return data


def die_with_keeper() -> None:
    """Asks Linux to end the server when the keeper itself is killed; elsewhere nothing happens."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGINT)


def start(installation: Path, data: Path, *, quick: bool) -> tuple[subprocess.Popen[bytes], int]:
    """A server that accepts connections, and its port."""
    for _ in range(TRIES):
        port = free_port()
        settings = {**_SETTINGS, **(_QUICK if quick else {}), "port": str(port)}
        command = [str(installation / "bin" / "postgres"), "-D", str(data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with (data.parent / "server.log").open("ab") as log:
            server = subprocess.Popen(
                command,
                cwd=data.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_keeper,  # noqa: PLW1509 - this process has one thread
                **runs_as(),
            )
        if is_ready(server, data):
            return server, port
    sys.exit("PostgreSQL did not start:\n" + (data.parent / "server.log").read_text(errors="replace"))


def free_port() -> int:
    """A loopback port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_ready(server: subprocess.Popen[bytes], data: Path) -> bool:
    """Wait until it says so in its own file; False when it has ended instead."""
    until = time.monotonic() + READY_WITHIN_SECONDS
    while server.poll() is None and time.monotonic() < until:
        with contextlib.suppress(OSError, IndexError):  # not written yet, or not wholly
            if "ready" in (data / "postmaster.pid").read_text().splitlines()[-1]:
                return True
        time.sleep(0.02)
    server.kill()
    server.wait()
    return False


def stop(server: subprocess.Popen[bytes]) -> None:
    """Fast: connections are cut, what was committed is kept."""
    server.send_signal(signal.SIGINT)
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        server.send_signal(signal.SIGQUIT)
        server.wait()


def main(installation: Path, *, quick: bool) -> None:
    """Start, tell, wait for the end of standard input, clean up."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    folder = make_folder()
    lock = (folder / LOCK).open("a")
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        password = secrets.token_hex(16)
        programs = readable(installation.resolve(), folder)
        data = initialise(programs, folder, password)
        server, port = start(programs, data, quick=quick)
        try:
            url = f"postgresql+psycopg://{USER}:{password}@127.0.0.1:{port}/postgres"
            print(json.dumps({"url": url, "pid": server.pid, "folder": str(folder)}), flush=True)
            sys.stdin.buffer.read()
        finally:
            stop(server)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), quick=sys.argv[2] == "quick")
