"""No secret and no package index is in the tree: keys are made on first use, provinces have mirrors."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, named

# Put together here, so that this file does not contain what it looks for.
PRIVATE_KEY = re.compile(rb"-----BEGIN " + rb"(?:[A-Z0-9]+ )*PRIVATE KEY-----\s+[A-Za-z0-9+/]")
INDEX_ADDRESS = re.compile(r"://|--(?:extra-)?index-url|--find-links|--trusted-host|^-[if]\s", re.MULTILINE)
LEFT_BEHIND = {".git", ".venv", "var", "dist", "build", "__pycache__"}

LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def test_no_private_key_is_in_the_tree():
    assert [named(path) for path in files_of_the_tree() if PRIVATE_KEY.search(path.read_bytes())] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_names_no_index(lock: Path):
    assert INDEX_ADDRESS.findall(lock.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_locked_version_has_hashes(lock: Path):
    entries = re.split(r"\n(?=[A-Za-z0-9])", lock.read_text(encoding="utf-8"))
    pinned = [entry for entry in entries if re.match(r"[A-Za-z0-9._-]+(\[[^\]]*\])?==", entry)]

    assert pinned
    assert [entry.partition("\n")[0] for entry in pinned if "--hash=sha256:" not in entry] == []


def files_of_the_tree() -> Iterator[Path]:
    """What is or would be committed; in an unpacked source archive, everything that no tool left behind."""
    if (ROOT / ".git").exists():
        listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        answer = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True)
        paths = [ROOT / os.fsdecode(name) for name in answer.stdout.split(b"\0") if name]
    else:
        paths = [path for path in ROOT.rglob("*") if not LEFT_BEHIND & set(path.relative_to(ROOT).parts)]
    return (path for path in paths if path.is_file())


def test_the_test_knows_a_private_key():
    assert PRIVATE_KEY.search(b"-----BEGIN " + b"RSA PRIVATE KEY-----\nMIIE")
    assert PRIVATE_KEY.search(b"-----BEGIN " + b"PRIVATE KEY-----\nMIIE")
    assert not PRIVATE_KEY.search(b"-----BEGIN CERTIFICATE-----\nMIIE")
