"""The sandbox PKI: complete, cached, and unharmed by a start that was killed or doubled."""

import json
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.testing.pki import SANDBOX_AGENCIES, SandboxPki
from ebrvt_connect.testing.pki_make import MADE_FOR

ONE = {"H06.15": "Sở mẫu"}
TWO = {"H06.15": "Sở mẫu", "H06.08": "Sở khác"}


def fingerprints(folder):
    return {p.name: p.read_bytes() for p in sorted((folder / "keys").iterdir())}


def test_keys_are_made_once(tmp_path):
    first = SandboxPki.open(tmp_path / "pki", TWO)
    made = fingerprints(first.folder)

    again = SandboxPki.open(tmp_path / "pki", ONE)

    assert fingerprints(again.folder) == made
    assert again.signer("H06.15").certificate_sha256 == first.signer("000.00.15.H06").certificate_sha256


def test_more_agencies_make_it_anew(tmp_path):
    made = fingerprints(SandboxPki.open(tmp_path / "pki", ONE).folder)

    again = SandboxPki.open(tmp_path / "pki", TWO)

    assert again.signer("H06.08")
    assert fingerprints(again.folder)["root.pem"] != made["root.pem"]


def test_a_folder_without_its_last_file_is_made_anew(tmp_path):
    folder = SandboxPki.open(tmp_path / "pki", ONE).folder
    (folder / MADE_FOR).unlink()

    assert json.loads((SandboxPki.open(folder, ONE).folder / MADE_FOR).read_text("utf-8")) == {
        "000.00.15.H06": "Sở mẫu"
    }


def test_an_empty_folder_is_taken(tmp_path):
    assert SandboxPki.open(tmp_path, ONE).signer("H06.15")


def test_two_at_once_end_with_the_same_keys(tmp_path):
    with ThreadPoolExecutor(2) as pool:
        opened = [pool.submit(SandboxPki.open, tmp_path / "pki", ONE) for _ in range(2)]

    one, two = (f.result().signer("H06.15").certificate_sha256 for f in opened)
    assert one == two
    assert [p.name for p in tmp_path.iterdir()] == ["pki"]


@pytest.mark.parametrize("moment", [0.3, 0.9])
def test_a_start_killed_midway_does_no_harm(tmp_path, moment):
    program = (
        "import pathlib, sys; from ebrvt_connect.testing.pki import SandboxPki; print('begun', flush=True);"
        "SandboxPki.open(pathlib.Path(sys.argv[1]))"
    )
    child = subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "pki")], stdout=subprocess.PIPE)
    child.stdout.readline()
    with suppress(subprocess.TimeoutExpired):
        child.wait(moment)
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()

    assert SandboxPki.open(tmp_path / "pki", ONE).signer("H06.15")


def test_every_agency_has_a_leader_and_a_seal(tmp_path_factory):
    pki = SandboxPki.open(tmp_path_factory.mktemp("all") / "pki")
    register = pki.trust_store().signers

    for code in SANDBOX_AGENCIES:
        for role in ("person", "agency"):
            sha256 = pki.signer(code, role=role).certificate_sha256
            assert [str(s.agency) for s in register.signers if s.sha256 == sha256] == [code]


@pytest.mark.parametrize(
    "wrong", [{"agency_code": "H99.99"}, {"role": "copy"}, {"flavour": "../root"}, {"flavour": "nice"}]
)
def test_what_the_sandbox_does_not_have_is_a_key_error(tmp_path_factory, wrong):
    pki = SandboxPki.open(tmp_path_factory.getbasetemp() / "one-agency", ONE)

    with pytest.raises(KeyError):
        pki.signer(**{"agency_code": "H06.15", **wrong})


def test_a_text_that_is_no_agency_code_is_refused(tmp_path):
    with pytest.raises(InvalidValue):
        SandboxPki.open(tmp_path / "pki", {"../etc": "x"})


def test_keys_are_for_their_owner_alone(tmp_path_factory):
    pki = SandboxPki.open(tmp_path_factory.getbasetemp() / "one-agency", ONE)

    assert {p.stat().st_mode & 0o077 for p in (pki.folder / "keys").iterdir()} == {0}


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "pki").write_text("a file")

    with pytest.raises(OSError, match=r"."):
        SandboxPki.open(tmp_path / "pki", ONE)
    shutil.rmtree(tmp_path)
