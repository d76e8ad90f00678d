"""`ebrvt proof`: exported from a ledger the engine has filled, checked offline, told how it stands."""

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from ebrvt_connect.ops.composition import composed
from ebrvt_connect.ops.config import load_config
from ebrvt_connect.store.blobs import LocalBlobs
from ebrvt_connect.store.proof import ProofLog
from tests.integration.cli.signing.sign_samples import authority
from tests.integration.engine.bench import Bench, item

CONFIG = """\
[province]
code = "H06"
[store]
url = "sqlite:///ledger.db"
blobs = "blobs"
[trust]
folder = "{trust}"
[proof.timestamp]
url = "{tsa}"
"""
HOUR = timedelta(hours=1)


@pytest.fixture
def tsa(pki):
    with authority(pki) as url:
        yield url


@pytest.fixture
def bench(tmp_path, pki, tsa):
    """Three documents carried, their blobs on the disk, a configuration that names the authority."""
    (tmp_path / "ebrvt.toml").write_text(CONFIG.format(trust=pki.trust_folder, tsa=tsa))
    made = Bench(f"sqlite:///{tmp_path}/ledger.db")
    made.blobs = made.dms.blobs = made.axis.blobs = LocalBlobs(tmp_path / "blobs")
    original = made.blobs.put([b"<edxml/>"], limit_bytes=100)
    made.store(*(item(n, original=original) for n in (1, 2, 3)))
    made.drain()
    yield made
    made.close()


@pytest.fixture
def sealed(bench):
    log = ProofLog(bench.ledger.database)
    log.link(bench.clock.now())
    assert log.seal(bench.clock.now() + HOUR, HOUR)
    return log


@pytest.fixture
def stamped(sealed, tmp_path):
    """By the authority the configuration names, as the daemon is put together."""
    with composed(load_config(tmp_path / "ebrvt.toml")) as province:
        assert province.engine._proof.stamp_waiting() == 1
    return sealed


def test_a_bundle_goes_out_and_is_checked_by_the_program_and_by_a_shell(ebrvt, stamped, tmp_path):
    answer = ebrvt("proof", "export", "2/UBND-VP", "-o", "bang-chung")
    assert answer.code == 0, answer.err
    assert "Đã xuất 2 mục bằng chứng vào bang-chung." in answer.out, "the document, and what its source heard"
    checked = ebrvt("proof", "check", "bang-chung", "--json")
    assert (checked.code, checked.data["conclusion"], checked.data["findings"]) == (0, "proven", [])
    assert "KẾT LUẬN: ĐÚNG (2 mục)." in ebrvt("proof", "check", "bang-chung").out
    shell = subprocess.run(["sh", "bang-chung/check.sh"], capture_output=True, text=True, check=False)
    assert (shell.returncode, shell.stdout.split("\n")[-2]) == (0, "KẾT LUẬN: ĐÚNG"), shell.stdout
    assert "H06.15,2026/11/23,2/UBND-VP" in (tmp_path / "bang-chung" / "README.txt").read_text()


def test_a_bundle_goes_out_as_one_file_as_well(ebrvt, stamped):
    told = ebrvt("proof", "export", "d2", "-o", "bang-chung.zip", "--json").data
    assert (len(told["entries"]), told["absent"]) == (1, [])
    assert ebrvt("proof", "check", "bang-chung.zip").code == 0
    whole = bytearray(Path("bang-chung.zip").read_bytes())
    whole[whole.index(b"entries/") + 60] ^= 1
    Path("changed.zip").write_bytes(whole)
    assert ebrvt("proof", "check", "changed.zip").code == 1


def test_what_waits_for_its_stamp_is_exported_and_is_2(ebrvt, sealed):
    answer = ebrvt("proof", "export", "d2", "-o", "bang-chung")
    assert answer.code == 2
    assert "1 niêm phong đang chờ dấu thời gian" in answer.out
    checked = ebrvt("proof", "check", "bang-chung")
    assert checked.code == 2
    assert "Niêm phong 1 chưa có dấu thời gian. [PROOF_UNSTAMPED]" in checked.out
    assert ebrvt("proof", "status").code == 2


def test_a_changed_bundle_is_1_and_says_what(ebrvt, stamped, tmp_path):
    ebrvt("proof", "export", "d2", "-o", "bang-chung")
    for content in (tmp_path / "bang-chung" / "content").iterdir():
        content.write_bytes(b"{}")
    answer = ebrvt("proof", "check", "bang-chung")
    assert answer.code == 1
    assert "đã bị sửa, không còn là nội dung có mã băm mà mục ghi. [PROOF_CONTENT_CHANGED]" in answer.out
    assert "KẾT LUẬN: KHÔNG ĐÚNG." in answer.out


def test_what_is_not_in_the_store_any_more_is_said(ebrvt, stamped, bench):
    sha256 = bench.ledger.messages(link="out")[1].original.sha256
    bench.blobs.path_of(sha256).unlink()
    answer = ebrvt("proof", "export", "d2", "-o", "bang-chung")
    assert answer.code == 2
    assert ": không còn bản gốc nhận được" in answer.out
    assert ebrvt("proof", "check", "bang-chung").code == 2


def test_nothing_is_written_over(ebrvt, stamped, tmp_path):
    (tmp_path / "bang-chung").mkdir()
    answer = ebrvt("proof", "export", "d2", "-o", "bang-chung")
    assert (answer.code, answer.out) == (64, "")
    assert "PROOF_OUT_TAKEN" in answer.err
    assert list((tmp_path / "bang-chung").iterdir()) == []


def test_what_nobody_knows_or_has_come_to_nothing_yet_is_1(ebrvt, bench):
    assert ebrvt("proof", "export", "77/XX", "-o", "x").code == 1
    bench.store(item(9))
    answer = ebrvt("proof", "export", "d9", "-o", "x")
    assert (answer.code, "chưa có kết quả nào" in answer.out) == (1, True)
    assert not Path("x").exists()


def test_what_is_no_bundle_is_told(ebrvt, tmp_path):
    (tmp_path / "folder").mkdir()
    answer = ebrvt("proof", "check", "folder")
    assert (answer.code, "PROOF_NOT_A_BUNDLE" in answer.err) == (64, True)


def test_status_tells_how_far_and_where_it_is_broken(ebrvt, stamped, bench):
    answer = ebrvt("proof", "status")
    assert answer.code == 0
    assert "Có dấu thời gian tới mục 6" in answer.out
    assert "Toàn bộ chuỗi đã kiểm tra: không đứt chỗ nào." in answer.out
    with bench.ledger.database.begin() as tx:
        tx.execute(sa.text("DROP TRIGGER proof_entry_no_UPDATE"))
        tx.execute(sa.text("UPDATE proof_entry SET body = 'x' WHERE nth = 2"))
    broken = ebrvt("proof", "status")
    assert broken.code == 1
    assert "ĐỨT CHUỖI: mục 2 đã bị sửa: không khớp mã băm của nó." in broken.out
    assert ebrvt("proof", "status", "--json").data["breaks"] == [{"number": 2, "what": "entry"}]


def test_a_bundle_is_for_its_owner_alone(ebrvt, stamped, tmp_path):
    ebrvt("proof", "export", "d2", "-o", "bang-chung")
    ebrvt("proof", "export", "d2", "-o", "bang-chung.zip")
    assert (tmp_path / "bang-chung").stat().st_mode & 0o077 == 0
    assert (tmp_path / "bang-chung.zip").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("url", ["ftp://tsa", "http://", "https://a:b@tsa/x", "https://tsa/?x=1"])
def test_an_address_that_is_none_is_refused_with_its_key(url, ebrvt, bench, tmp_path):
    text = (tmp_path / "ebrvt.toml").read_text()
    (tmp_path / "ebrvt.toml").write_text(
        text[: text.index("url = ", text.index("[proof"))] + f'url = "{url}"\n'
    )
    answer = ebrvt("proof", "status")
    assert answer.code == 4
    assert "proof.timestamp.url" in answer.err
