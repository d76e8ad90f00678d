"""Where the configuration says that blobs lie, and what it may not say."""

import socket
import sys

import pytest

from ebrvt_connect.ops import storage_checks
from ebrvt_connect.ops.blob_place import disk_folders, open_blobs, reserve_of
from ebrvt_connect.ops.composition import composed
from ebrvt_connect.ops.config import ConfigInvalid, load_config
from ebrvt_connect.store.blobs import LocalBlobs
from ebrvt_connect.store.blobs_s3 import S3Blobs
from ebrvt_connect.store.collecting import ledger_id
from ebrvt_connect.store.retention import last_upkeep
from ebrvt_connect.testing.clock import FakeClock

BUCKET = """\
[store]
blobs = "s3://kho/tinh"
[store.s3]
endpoint = "http://10.0.0.8:9000"
access_key = { env = "A_NAME" }
secret_key = { env = "A_SECRET" }
connect_timeout = "2s"
"""


@pytest.fixture
def loaded(tmp_path, monkeypatch):
    monkeypatch.setenv("A_NAME", "ten-tai-khoan")
    monkeypatch.setenv("A_SECRET", "mat-khau-dai")

    def load(more="", head=""):
        (tmp_path / "ebrvt.toml").write_text(f'{head}\n[province]\ncode = "H06"\n{more}', "utf-8")
        return load_config(tmp_path / "ebrvt.toml")

    return load


def test_a_folder_is_made_beside_the_file(loaded, tmp_path):
    blobs = open_blobs(loaded())
    assert isinstance(blobs, LocalBlobs)
    assert blobs.folder == tmp_path / "var" / "blobs"
    assert list(disk_folders(loaded())) == [tmp_path / "var", tmp_path / "var" / "blobs"]


def test_a_bucket_is_opened_with_the_secrets_that_are_referred_to(loaded, tmp_path):
    blobs = open_blobs(loaded(BUCKET))
    assert isinstance(blobs, S3Blobs)
    place = blobs._place
    assert (place.bucket, place.prefix, place.endpoint) == ("kho", "tinh/", "http://10.0.0.8:9000")
    assert (place.access_key, place.secret_key) == ("ten-tai-khoan", "mat-khau-dai")
    assert place.connect_timeout == 2.0
    assert list(disk_folders(loaded(BUCKET))) == [tmp_path / "var"]


def test_a_secret_that_is_not_there_is_named(loaded, monkeypatch):
    monkeypatch.delenv("A_SECRET")
    with pytest.raises(ConfigInvalid) as refusal:
        open_blobs(loaded(BUCKET))
    assert refusal.value.facts["key"] == "store.s3.secret_key"


def test_production_does_not_send_blobs_for_others_to_read(loaded):
    with pytest.raises(ConfigInvalid) as refusal:
        open_blobs(loaded(BUCKET, 'environment = "production"'))
    assert refusal.value.code == "CONFIG_INSECURE"
    listed = 'environment = "production"\nplain_http_networks = ["10.0.0.0/8"]'
    assert isinstance(open_blobs(loaded(BUCKET, listed)), S3Blobs)


def test_the_reserve_is_as_large_as_wanted(loaded, tmp_path):
    open_blobs(loaded())
    assert reserve_of(loaded('[store]\nreserve = "none"\n')) is None
    reserve = reserve_of(loaded('[store]\nreserve = "100kB"\n'))
    assert reserve.keep()
    assert (tmp_path / "var" / ".reserve").stat().st_size == 100_000


def test_the_daemon_keeps_its_reserve_claims_its_blobs_and_tidies_up(loaded, tmp_path, pki):
    wanted = loaded(f'[store]\nreserve = "100kB"\n[trust]\nfolder = "{pki.trust_folder}"\n')
    with composed(wanted) as province:
        assert province.blobs.owners() == {ledger_id(province.ledger.database)}
        province.engine._standing.look_for_room()
        assert (tmp_path / "var" / ".reserve").is_file()
        province.engine._upkeep.do()
        assert province.engine._upkeep.trouble() is None
        assert last_upkeep(province.ledger.database)["collected"]["complete"]


def test_without_the_library_it_is_told_how_to_get_it(loaded, monkeypatch):
    monkeypatch.setitem(sys.modules, "minio", None)
    with pytest.raises(ConfigInvalid) as refusal:
        open_blobs(loaded(BUCKET))
    assert refusal.value.facts["key"] == "store.s3"
    assert "ebrvt-connect[s3]" in refusal.value.sentence_vi


@pytest.mark.parametrize(
    "wrong",
    [
        BUCKET.replace("kho/tinh", "kho..x/tinh"),
        BUCKET.replace("kho/tinh", "kho/../tinh"),
        BUCKET + 'region = "Bà Rịa"\n',
    ],
)
def test_a_place_that_no_server_has_is_told_before_anything_is_asked(loaded, wrong):
    with pytest.raises(ConfigInvalid) as refusal:
        open_blobs(loaded(wrong))
    assert (refusal.value.code, refusal.value.facts["key"]) == ("CONFIG_INVALID", "store.s3")


def test_doctor_asks_the_server_of_the_blobs(loaded):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = BUCKET.replace("10.0.0.8:9000", f"127.0.0.1:{taken.getsockname()[1]}") + "tries = 1\n"
        (found,) = storage_checks.bucket(loaded(nobody))
    assert (found.grade, found.remote) == ("fail", True)
    assert "BLOB_STORE_AWAY" in found.cause_vi
    assert list(storage_checks.bucket(loaded())) == []


@pytest.mark.parametrize(("size", "grade"), [('"none"', "warn"), ('"8MB"', "pass")])
def test_doctor_says_whether_a_reserve_is_kept(loaded, size, grade):
    (found,) = storage_checks.reserve(loaded(f"[store]\nreserve = {size}\n"), FakeClock())
    assert found.grade == grade
