"""What cannot be read is never taken for what is not there: a closed list would make a revoked one good."""

import contextlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

import pytest

from ebrvt_connect.errors import HeldForPerson
from ebrvt_connect.transport.trust_folder import changing, load_trust_folder, write_trust_file

NOBODY = 65534


@pytest.fixture
def folder(pki):
    """A trust folder outside the tests' own place, which nobody else may enter."""
    outside = Path(tempfile.mkdtemp(prefix="ebrvt-rights-"))
    outside.chmod(0o755)
    copy = shutil.copytree(pki.trust_folder, outside / "trust")
    for path in (copy, *copy.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    yield copy
    for path in outside.rglob("*"):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)
    shutil.rmtree(outside)


@contextlib.contextmanager
def somebody_else():
    """Without a superuser's rights, as the daemon's account has none."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def close(path):
    path.chmod(0o700 if os.geteuid() == 0 else 0)


def refusal_of(folder) -> HeldForPerson:
    with somebody_else(), pytest.raises(HeldForPerson) as refusal:
        load_trust_folder(folder)
    return refusal.value


def test_somebody_else_reads_an_open_folder(folder):
    everything = load_trust_folder(folder)
    with somebody_else():
        theirs = load_trust_folder(folder)
    assert len(theirs.revocation.crls) == len(everything.revocation.crls) > 0


@pytest.mark.parametrize("branch", ["crl", "government", "intermediate"])
def test_a_branch_that_cannot_be_listed_stops_the_loading(branch, folder):
    load_trust_folder(folder)
    close(folder / branch)

    refusal = refusal_of(folder)

    assert refusal.code == "TRUST_FOLDER_INVALID"
    assert f"trust/{branch}" in refusal.explanation_vi


def test_a_branch_that_can_be_listed_but_not_entered_stops_it_as_well(folder):
    load_trust_folder(folder)
    (folder / "crl").chmod(0o444)
    assert refusal_of(folder).code == "TRUST_FOLDER_INVALID"


@pytest.mark.parametrize("depth", [0, 1])
def test_a_folder_that_cannot_be_looked_into_is_not_an_empty_one(depth, folder):
    load_trust_folder(folder)
    close((folder, folder.parent)[depth])
    assert refusal_of(folder).code == "TRUST_FOLDER_INVALID"


def test_a_list_that_cannot_be_read_is_named(folder):
    load_trust_folder(folder)
    closed = min((folder / "crl").iterdir())
    closed.chmod(0o600 if os.geteuid() == 0 else 0)
    assert closed.name in refusal_of(folder).explanation_vi


@pytest.mark.parametrize("place", ["crl/elsewhere.crl", "tsa-lists"])
def test_a_link_that_leads_nowhere_is_no_empty_place(place, folder):
    (folder / place).symlink_to("/nonexistent/of-a-disk-not-mounted")
    assert refusal_of(folder).code == "TRUST_FOLDER_INVALID"


def test_a_link_to_a_folder_is_a_branch(folder):
    shutil.move(folder / "crl", folder.parent / "lists")
    (folder / "crl").symlink_to(folder.parent / "lists")
    assert load_trust_folder(folder).revocation.crls


@pytest.mark.parametrize(("mode", "of_files"), [(0o755, 0o644), (0o750, 0o640), (0o700, 0o600)])
def test_what_is_new_is_as_open_as_the_folder(mode, of_files, folder):
    folder.chmod(mode)
    before = os.umask(0o077)
    try:
        with changing(folder):
            write_trust_file(folder, "foreign/new.crl", b"1")
    finally:
        os.umask(before)

    assert stat.S_IMODE((folder / "foreign").stat().st_mode) == mode
    assert stat.S_IMODE((folder / "foreign" / "new.crl").stat().st_mode) == of_files


def test_a_folder_open_to_all_does_not_open_its_branches_to_all(folder):
    folder.chmod(0o777)
    write_trust_file(folder, "foreign/new.crl", b"1")
    assert not (folder / "foreign").stat().st_mode & stat.S_IWOTH
