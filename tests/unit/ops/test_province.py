"""The demonstration's folder: gone on with while unfinished, made anew afterwards, its secrets its own."""

import stat
import tomllib

import pytest

from ebrvt_connect.model.ids import AgencyCode
from ebrvt_connect.ops.config import load_agencies, load_config
from ebrvt_connect.ops.demo.papers import write_papers
from ebrvt_connect.ops.demo.plan import AXIS_AGENCIES, PROVINCE_AGENCIES, Flaw, make_plan
from ebrvt_connect.ops.demo.province import open_province
from ebrvt_connect.trust.policy import VN_2025
from tests.unit.trust.samples import AT

NAMES = ("qlvb", "vxp", "motcua", "dvcqg", "baocao")
SYSTEMS = {name: {"url": f"http://127.0.0.1:{port}"} for port, name in enumerate(NAMES, start=1)}


@pytest.fixture
def folder(tmp_path, pki):
    """Where a province will lie; the keys are there already, since making them takes long."""
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "pki").symlink_to(pki.folder)
    return tmp_path / "demo"


def test_an_unfinished_province_is_gone_on_with(folder):
    province = open_province(folder, fresh=False)
    (folder / "ebrvt.db").write_bytes(b"ledger")
    before = province.sandbox_config.read_text()
    assert open_province(folder, fresh=False).sandbox_config.read_text() == before
    assert (folder / "ebrvt.db").read_bytes() == b"ledger"


@pytest.mark.parametrize("finished", [True, False])
def test_a_finished_one_or_a_fresh_start_is_a_new_province_with_the_old_keys(finished, folder):
    province = open_province(folder, fresh=False)
    before = province.sandbox_config.read_text()
    (folder / "sandbox" / "vxp").mkdir(parents=True)
    (folder / "ebrvt.db").write_bytes(b"ledger")
    if finished:
        province.mark_finished()
    open_province(folder, fresh=not finished)
    assert sorted(p.name for p in folder.iterdir()) == ["pki", "sandbox.toml", "secrets"]
    assert province.sandbox_config.read_text() != before
    assert (folder / "pki" / "trust").is_dir()


def test_its_secrets_are_private_and_known_to_both_sides(folder):
    province = open_province(folder, fresh=False)
    accounts = tomllib.loads(province.sandbox_config.read_text())
    for name, secret in (("qlvb", accounts["qlvb"]["password"]), ("vxp", accounts["vxp"][0]["secret"])):
        path = folder / "secrets" / name
        assert path.read_text() == secret
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / "secrets").stat().st_mode) == 0o700
    assert stat.S_IMODE(province.sandbox_config.stat().st_mode) == 0o600


def test_its_configuration_is_one_the_daemon_takes(folder):
    province = open_province(folder, fresh=False)
    province.write_config(SYSTEMS)
    loaded = load_config(province.config)
    assert loaded.config.systems["axis"].transport["url"] == SYSTEMS["vxp"]["url"]
    assert {link.source for link in loaded.config.links} == {"qlvb", "axis", "motcua", "so-cai"}
    (succession,) = load_agencies(loaded).successions
    assert (succession.old, succession.new) == ("H06", "H29")
    accounts = tomllib.loads(province.sandbox_config.read_text())["vxp"][0]
    assert accounts["agencies"] == [a.code for a in PROVINCE_AGENCIES]
    assert accounts["recipients"] == [a.code for a in AXIS_AGENCIES]


def test_a_new_address_is_written_whole(folder):
    province = open_province(folder, fresh=False)
    province.write_config(SYSTEMS)
    province.write_config({**SYSTEMS, "vxp": {"url": "http://127.0.0.1:9"}})
    assert load_config(province.config).config.systems["axis"].transport["url"] == "http://127.0.0.1:9"
    assert not list(folder.glob("*.new"))


EXPECTED = {
    Flaw.NONE: ("TOTAL_PASSED", []),
    Flaw.SECRET: ("TOTAL_PASSED", []),
    Flaw.OTHER_AGENCY: ("TOTAL_PASSED", []),
    Flaw.TAMPERED: ("TOTAL_FAILED", ["HASH_FAILURE"]),
    Flaw.UNSIGNED: ("INDETERMINATE", ["SIGNED_DATA_NOT_FOUND"]),
    Flaw.WRONG_ANCHOR: ("INDETERMINATE", ["NO_CERTIFICATE_CHAIN_FOUND"]),
    Flaw.REVOKED: ("INDETERMINATE", ["REVOKED_NO_POE"]),
}


@pytest.mark.parametrize("flaw", Flaw)
def test_each_flaw_is_what_it_says(flaw, pki, desk):
    """The papers are really signed; what is wrong with them is what the plan wanted and nothing else."""
    plan = make_plan(6, 0, large_bytes=0)
    planned = next(document for document in plan.outgoing if document.flaw is flaw)
    letter = next(paper for paper in write_papers(planned, pki, AT) if paper.main)
    report = desk.verdict(letter.content)
    indication, reasons = EXPECTED[flaw]
    assert report.indication == indication
    assert set(reasons) <= set(report.sub_indications)
    decision = desk.trust.signers.signed_for(
        report, AgencyCode.parse(planned.sender.code), at=AT, policy=VN_2025
    )
    assert decision.held is (flaw not in {Flaw.NONE, Flaw.SECRET})


def test_appendixes_are_the_files_they_claim_to_be(pki):
    plan = make_plan(12, 0, large_bytes=0)
    papers = [
        paper for planned in plan.outgoing for paper in write_papers(planned, pki, AT) if not paper.main
    ]
    assert {paper.media_type for paper in papers} == {
        "application/zip",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    }
    assert all(paper.content.startswith(b"PK\x03\x04") for paper in papers)
