"""Secrets, keys and certificates renewed under a running system: taken up whole, or the old ones go on."""

import os

import pytest
import trustme
from pydantic import BaseModel, SecretStr

from ebrvt_connect.errors import HeldForPerson, Scope
from ebrvt_connect.ops.composition import renewable
from ebrvt_connect.ops.config import load_config, secret_of
from ebrvt_connect.ops.renewing import Files, Opener, Renewing
from ebrvt_connect.testing.clock import FakeClock
from ebrvt_connect.testing.memory import MemoryBlobs, MemorySystem
from ebrvt_connect.transport.signers import SIGNING_KEY_UNUSABLE
from ebrvt_connect.transport.tls import client_context


class Settings(BaseModel):
    password: SecretStr


class Desk(MemorySystem):
    """Knows what it was opened with, and has a key that may not open."""

    key = b""
    password = ""
    closed = False

    def open_keys(self) -> None:
        if self.key.startswith(b"broken"):
            raise HeldForPerson(SIGNING_KEY_UNUSABLE, "no key", scope=Scope.SYSTEM, reason="hỏng")

    def close(self) -> None:
        self.closed = True


class Office:
    """One system with a file for its password and one for its key."""

    def __init__(self, folder, *, asks=False):
        self.clock = FakeClock()
        self.secret, self.key = folder / "secret", folder / "key"
        self.opened = []
        self.while_opening = lambda: None
        self.put(self.secret, b"old")
        self.put(self.key, b"old key")
        files = Files((self.secret,), (self.key,), asks)
        self.renewing = Renewing(Opener(self._read, self._open, lambda _: files), self.clock)
        self.renewing.opened("axis")

    def put(self, place, content):
        """As a careful script does it."""
        draft = place.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_bytes(content)
        draft.replace(place)

    def _read(self, _name):
        return Settings(password=secret_of({"file": str(self.secret)}, "password"))

    def _open(self, _name, settings):
        desk = Desk(MemoryBlobs())
        desk.key, desk.password = self.key.read_bytes(), settings.password.get_secret_value()
        self.opened.append(desk)
        self.while_opening()
        return desk

    def look(self, *waiting):
        """Look twice, a second apart: what was put there is not being written any more."""
        found = {}
        for _ in range(2):
            found |= self.renewing.renewed(waiting)
            self.clock.advance(1)
        return found

    def told(self):
        return [(cause.system, cause.code) for cause in self.renewing.unusable(self.clock.now())]


@pytest.fixture
def office(tmp_path):
    made = Office(tmp_path)
    yield made
    made.renewing.close()


def test_nothing_is_opened_anew_while_nothing_changes(office):
    assert office.look() == {}
    assert len(office.opened) == 1


@pytest.mark.parametrize("renewed", ["secret", "key"])
def test_a_renewed_file_is_taken_up(office, renewed):
    office.put(getattr(office, renewed), b"new")

    [(name, adapter)] = office.look().items()

    assert (name, adapter) == ("axis", office.opened[-1])
    assert (adapter.password if renewed == "secret" else adapter.key.decode()) == "new"
    assert office.look() == {}


def test_what_is_just_being_written_is_left_alone_until_it_stands_still(office):
    for size in range(1, 5):
        office.secret.write_bytes(b"new secret"[:size])
        assert office.renewing.renewed(()) == {}
    office.secret.write_bytes(b"new secret")

    assert office.look()["axis"].password == "new secret"
    assert len(office.opened) == 2


def test_the_same_bytes_under_another_time_are_nothing_new(office):
    office.put(office.key, b"old key")
    office.put(office.secret, b"old\n")
    os.utime(office.key, (1, 1))

    assert office.look() == {}
    assert len(office.opened) == 1


def test_what_does_not_open_leaves_the_old_one_at_work_and_is_told_after_a_while(office):
    office.put(office.key, b"broken key")

    assert office.look() == {}
    assert office.told() == []
    office.clock.advance(30)
    assert office.told() == [("axis", "RENEWAL_UNUSABLE")]
    assert [desk.closed for desk in office.opened] == [False, True]

    office.put(office.key, b"good key")
    assert office.look()["axis"].key == b"good key"
    assert office.told() == []


def test_a_file_that_is_gone_or_read_by_all_is_told_and_the_old_one_put_back_is_well(office):
    office.secret.chmod(0o644)
    office.look()
    office.clock.advance(30)
    assert office.told() == [("axis", "RENEWAL_UNUSABLE")]

    office.secret.unlink()
    office.look()
    assert office.told() == [("axis", "RENEWAL_UNUSABLE")]

    office.put(office.secret, b"old")
    assert office.look() == {}
    assert office.told() == []


def test_files_that_change_while_they_are_opened_are_opened_again(office):
    """Else the certificate of one moment could be taken for the pair of another."""
    office.while_opening = lambda: office.put(office.secret, b"newer") if len(office.opened) == 2 else None
    office.put(office.secret, b"new")

    assert office.look() == {}
    assert office.opened[1].closed
    assert office.look()["axis"].password == "newer"


def test_a_secret_changed_while_the_daemon_starts_is_not_missed(tmp_path):
    office = Office(tmp_path)
    office.while_opening = lambda: office.put(office.secret, b"new") if len(office.opened) == 2 else None
    office.renewing.opened("axis")

    assert office.look()["axis"].password == "new"


def test_an_old_one_is_closed_when_nobody_can_be_at_work_with_it_any_more(office):
    office.put(office.secret, b"new")
    office.look()
    assert not office.opened[0].closed

    office.clock.advance(2 * 3600)
    office.look()
    assert [desk.closed for desk in office.opened] == [True, False]

    office.renewing.close()
    assert office.opened[-1].closed


def test_what_a_command_tells_is_asked_again_while_somebody_waits_for_it(tmp_path):
    office = Office(tmp_path, asks=True)
    assert office.look() == {}
    office.renewing._systems["axis"].settings = Settings(password="what the command told before")

    assert office.look() == {}
    assert office.look("axis") == {}, "it has just been asked"
    office.clock.advance(60)
    assert set(office.look("axis")) == {"axis"}


def test_a_key_that_does_not_open_at_the_start_keeps_no_system_away(tmp_path):
    (tmp_path / "key").write_bytes(b"")
    office = Office(tmp_path)
    office.put(office.key, b"broken from the start")
    office.renewing.opened("axis")

    office.put(office.key, b"good key")
    assert office.look()["axis"].key == b"good key"


def test_a_certificate_without_its_new_key_is_no_pair(tmp_path):
    """Renamed one after the other, as cron jobs do: never the certificate of one with the key of another."""
    authority = trustme.CA()
    ours = tmp_path / "ours.pem", tmp_path / "ours.key"
    clock, shown = FakeClock(), []

    def put(*which):
        made = authority.issue_cert("ebrvt.example.vn")
        parts = made.cert_chain_pems[0].bytes(), made.private_key_pem.bytes()
        for nth in which:
            ours[nth].write_bytes(parts[nth])
        return parts

    def opened(_name, _settings):
        client_context(system="axis", certificate=ours[0], key=ours[1])
        shown.append(ours[0].read_bytes())
        return Desk(MemoryBlobs())

    put(0, 1)
    settings = Settings(password="x")
    renewing = Renewing(Opener(lambda _: settings, opened, lambda _: Files(keys=ours)), clock)
    renewing.opened("axis")
    certificate, key = put(0)
    assert [renewing.renewed(()), renewing.renewed(())] == [{}, {}]
    ours[1].write_bytes(key)
    assert [set(renewing.renewed(())), set(renewing.renewed(()))] == [set(), {"axis"}]
    assert shown[-1] == certificate
    assert len(shown) == 2


# --- which files --------------------------------------------------------------------------------------

_CONFIG = """\
[province]
code = "H06"
[systems.bo]
adapter = "baocao"
transport = { url = "https://bo.example", ca = "ca.pem", client_key_password = { command = ["pass", "x"] } }
credentials = { username = "u", password = { file = "secrets/bo" }, pkcs12 = "seal.p12" }
[systems.cong]
adapter = "dvcqg"
transport = { url = "https://cong.example" }
credentials = { username = "u", password = { env = "CONG" } }
settings = { unit = "000.00.00.H06", dstcode = "x", mapping_file = "codes.toml", file_key = { file = "k" } }
"""


def test_secrets_keys_and_certificates_are_watched_and_tables_of_codes_are_not(tmp_path):
    (tmp_path / "ebrvt.toml").write_text(_CONFIG)
    loaded = load_config(tmp_path / "ebrvt.toml")

    assert renewable(loaded, "bo") == Files(
        (tmp_path / "secrets/bo",), (tmp_path / "ca.pem", tmp_path / "seal.p12"), asks=True
    )
    assert renewable(loaded, "cong") == Files((tmp_path / "k",), ())


def test_a_refusal_is_told_without_the_secret(office):
    office.put(office.secret, b"")
    office.look()
    office.clock.advance(30)

    [cause] = office.renewing.unusable(office.clock.now())

    assert "rỗng" in cause.reason_vi
    assert "{" not in cause.reason_vi + cause.advice_vi
