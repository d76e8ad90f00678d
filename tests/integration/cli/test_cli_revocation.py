"""`ebrvt verify --ocsp`, `--online`, `--evidence` and `ebrvt evidence`, against a responder on loopback."""

import re
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from ebrvt_connect.testing.pki import _asn1
from ebrvt_connect.testing.pki_issue import Request, issue, new_key
from ebrvt_connect.testing.revocation_authority import Misbehaviour, RevocationAuthority
from ebrvt_connect.transport.signers import KeySigner, sign_pdf
from ebrvt_connect.trust.verdict import SignatureRole
from tests.unit.trust.samples import plain_pdf


def now():
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def authority():
    root = issue(Request("Gốc", authority=True), None, new_key())
    with RevocationAuthority(root, now).serving() as served:
        yield served


@pytest.fixture
def office(authority, tmp_path, monkeypatch):
    """A signed paper, its root, and a trust folder that allows the responder's host."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    authority.ocsp_fault = authority.crl_fault = None
    authority.asked.clear()
    wanted = Request("Sở Mẫu", ocsp_url=authority.ocsp_url, crl_url=authority.crl_url)
    signer = issue(wanted, authority.issuer)
    key = KeySigner(_asn1(signer.certificate), signer.key, ())
    paper, root = tmp_path / "cong-van.pdf", tmp_path / "root.crt"
    paper.write_bytes(sign_pdf(plain_pdf(), key, role=SignatureRole.AGENCY, signed_at=now()))
    root.write_bytes(authority.issuer.certificate.public_bytes(Encoding.PEM))
    folder, host = tmp_path / "kho", authority.url.removeprefix("http://")
    folder.mkdir()
    (folder / "online.toml").write_text(
        f'[revocation]\nhosts = ["{host}"]\nprivate_hosts = ["{host}"]\ntries = 1\n', "utf-8"
    )
    (tmp_path / "answer.der").write_bytes(authority.answer_about(signer.certificate))
    return paper, ("--anchor", root, "--trust", folder)


def document(answer):
    return answer.data["documents"][0]


def test_an_answer_at_hand_settles_it_offline(ebrvt, office, authority, tmp_path):
    paper, trusting = office

    without = ebrvt("verify", paper, *trusting, "--json")
    settled = ebrvt("verify", paper, *trusting, "--json", "--ocsp", tmp_path / "answer.der")

    assert (without.code, settled.code, authority.asked) == (2, 0, [])
    assert document(settled)["signatures"][0]["revocation"]["source"] == "ocsp"


def test_an_answer_at_hand_reaches_the_worker_processes(ebrvt, office, tmp_path):
    paper, trusting = office

    settled = ebrvt("verify", paper, *trusting, "--workers", "1", "--ocsp", tmp_path / "answer.der")

    assert settled.code == 0


def test_what_is_no_answer_is_a_wrong_call(ebrvt, office):
    paper, trusting = office

    refused = ebrvt("verify", paper, *trusting, "--ocsp", paper)

    assert (refused.code, "tệp nêu ở --ocsp không phải câu trả lời OCSP" in refused.err) == (64, True)


def test_online_asks_and_keeps_what_it_was_told(ebrvt, office, authority, tmp_path):
    paper, trusting = office

    settled = ebrvt("verify", paper, *trusting, "--json", "--online")

    assert (settled.code, authority.asked) == (0, ["ocsp"])
    assert document(settled)["signatures"][0]["revocation"]["fetched_at"] is not None
    assert len(list((tmp_path / "cache" / "ebrvt" / "revocation").iterdir())) == 1


def test_online_where_nobody_answers_is_undecided_and_said(ebrvt, office, authority):
    paper, trusting = office
    authority.ocsp_fault = authority.crl_fault = Misbehaviour.HTML

    open_ = ebrvt("verify", paper, *trusting, "--online")

    assert open_.code == 2
    assert "Không tra cứu trực tuyến được" in open_.out


def test_online_asks_no_host_that_was_not_allowed(ebrvt, office, authority, tmp_path):
    paper, trusting = office
    (tmp_path / "kho" / "online.toml").unlink()

    assert ebrvt("verify", paper, *trusting, "--online").code == 2
    assert authority.asked == []


def test_evidence_is_kept_replayed_and_deleted(ebrvt, office, authority, tmp_path):
    paper, trusting = office
    folder = tmp_path / "bang-chung"
    passed = ebrvt("verify", paper, *trusting, "--json", "--online", "--evidence", folder)
    authority.ocsp_fault = authority.crl_fault = Misbehaviour.HTML  # from now on nobody helps
    asked = list(authority.asked)

    listed = ebrvt("evidence", "list", folder, "--json").data["records"]
    name = listed[0]["record"]
    again = ebrvt("evidence", "replay", folder, name, paper, "--json")

    assert (passed.code, len(listed), listed[0]["indication"]) == (0, 1, "TOTAL_PASSED")
    assert document(passed)["evidence"]
    assert (again.code, again.data["same"], authority.asked) == (0, True, asked)
    assert "giống lần trước" in ebrvt("evidence", "replay", folder, name, paper).out
    other = ebrvt("evidence", "replay", folder, name, tmp_path / "root.crt")
    assert (other.code, other.err.split(": ")[0]) == (64, "EVIDENCE_OTHER_FILE")
    assert f"là của {paper}; tệp vừa đưa vào không phải" in other.err
    told = ebrvt("evidence", "replay", folder, name, paper, "--detached", tmp_path / "root.crt")
    assert (told.code, "khác với lần kiểm tra" in told.err, "root.crt" in told.err) == (64, True, True)
    assert ebrvt("evidence", "replay", folder, name[:12], paper).code == 0, "enough of its beginning"
    assert re.search(r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d \(\+07:00\)", ebrvt("evidence", "list", folder).out)

    assert ebrvt("evidence", "delete", folder, name).code == 2
    assert ebrvt("evidence", "delete", folder, name, "--yes").code == 0
    assert ebrvt("evidence", "list", folder, "--json").data == {"records": [], "damaged": []}
    gone = ebrvt("evidence", "replay", folder, name, paper)
    assert (gone.code, gone.err.split(": ")[0]) == (64, "EVIDENCE_RECORD_UNKNOWN")
    assert f"ebrvt evidence list {folder}" in gone.err


def test_a_beginning_that_several_records_have_chooses_none(ebrvt, office, tmp_path):
    paper, trusting = office
    for day in ("01", "02"):
        ebrvt("verify", paper, *trusting, "--evidence", "kho-bc", "--at", f"2030-01-{day}T00:00:00+07:00")

    for command in (["replay", "kho-bc", "20", paper], ["delete", "kho-bc", "20", "--yes"]):
        refused = ebrvt("evidence", *command)
        assert (refused.code, refused.err.split(": ")[0]) == (64, "EVIDENCE_RECORD_UNCLEAR")
    assert len(ebrvt("evidence", "list", "kho-bc", "--json").data["records"]) == 2


def test_a_damaged_record_is_named_among_the_others_and_can_be_deleted(ebrvt, office, tmp_path):
    """One that did not read ended `evidence list` before it had told of any."""
    paper, trusting = office
    for day in ("01", "02", "03"):
        ebrvt("verify", paper, *trusting, "--evidence", "kho-bc", "--at", f"2030-01-{day}T00:00:00+07:00")
    records = ebrvt("evidence", "list", "kho-bc", "--json").data["records"]
    whole, damaged, other = (record["record"] for record in records)
    (tmp_path / "kho-bc" / "records" / damaged).write_bytes(b"{")

    told, as_json = ebrvt("evidence", "list", "kho-bc"), ebrvt("evidence", "list", "kho-bc", "--json")

    assert (told.code, as_json.code) == (1, 1)
    assert [line for line in told.out.splitlines() if not line.startswith(" ")] == [whole, damaged, other]
    assert f"{damaged}\n  HỎNG: " in told.out
    assert f"EVIDENCE_DAMAGED: 1 trong 3 hồ sơ bằng chứng bị hỏng:\n  {damaged}\n" in told.err
    assert [r["record"] for r in as_json.data["records"]] == [whole, other]
    assert [(d["record"], d["code"]) for d in as_json.data["damaged"]] == [(damaged, "EVIDENCE_DAMAGED")]
    kept = ebrvt("evidence", "delete", "kho-bc", other, "--yes")
    assert (kept.code, kept.err.split(": ")[0], damaged in kept.err) == (2, "EVIDENCE_DELETION_UNSAFE", True)
    assert "đã hỏng" in ebrvt("evidence", "delete", "kho-bc", damaged).out
    assert ebrvt("evidence", "delete", "kho-bc", damaged, "--yes").code == 0
    assert ebrvt("evidence", "list", "kho-bc").code == 0


def test_a_folder_without_evidence_is_left_as_it_is(ebrvt, tmp_path):
    (tmp_path / "van-ban").mkdir()

    for command in (["list", "van-ban"], ["delete", "van-ban", "20", "--yes"]):
        refused = ebrvt("evidence", *command)
        assert (refused.code, refused.err.split(": ")[0]) == (64, "EVIDENCE_FOLDER_UNKNOWN")
    assert list((tmp_path / "van-ban").iterdir()) == []


def test_worker_processes_look_first(ebrvt, office, authority, tmp_path):
    """What a limited worker could not get through is never judged outside of it."""
    paper, trusting = office
    broken = tmp_path / "hong.pdf"
    broken.write_bytes(b"%PDF-1.7\n")

    answer = ebrvt(
        "verify", paper, broken, tmp_path / "nowhere.pdf", *trusting, "--json", "--online", "--workers", "1"
    )

    kinds = [d["indication"] for d in answer.data["documents"]]
    assert (answer.code, kinds) == (1, ["TOTAL_PASSED", "TOTAL_FAILED"])
    assert "nowhere.pdf" in answer.err
