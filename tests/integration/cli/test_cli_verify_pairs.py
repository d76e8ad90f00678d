"""`ebrvt verify a.p7s a`: signatures and their content find each other, and the report says which."""

import json

import pytest

from ebrvt_connect.transport.signing_cms import sign_cms
from tests.unit.trust.samples import AGENCY, AT, plain_pdf

WHEN = "2026-11-23T08:00:00+07:00"


@pytest.fixture
def verify(ebrvt, pki):
    def run(*arguments, workers=0):
        return ebrvt("verify", "--at", WHEN, "--trust", pki.trust_folder, "--workers", workers, *arguments)

    return run


@pytest.fixture(scope="module")
def signature(pki, desk):
    signer = pki.signer(AGENCY)
    return sign_cms(plain_pdf(), [signer], signed_at=AT, detached=True, timestamper=desk.stamped())


@pytest.fixture
def desk_top(tmp_path, signature):
    (tmp_path / "a.pdf").write_bytes(plain_pdf())
    (tmp_path / "la.p7s").write_bytes(signature)
    (tmp_path / "b.pdf").write_bytes(plain_pdf() + b"% khac")
    return tmp_path


def told(answer):
    return {
        d["file"].rpartition("/")[2]: (d["indication"], {f["code"] for f in d["findings"]})
        for d in answer.data["documents"]
    }


@pytest.mark.parametrize(
    ("order", "workers"),
    [
        (("la.p7s", "a.pdf"), 0),
        (("a.pdf", "la.p7s"), 0),
        (("b.pdf", "a.pdf", "la.p7s"), 0),
        (("a.pdf", "la.p7s"), 1),
    ],
)
def test_a_signature_and_its_content_are_paired_in_any_order(verify, desk_top, order, workers):
    answer = verify("--json", *(desk_top / name for name in order), workers=workers)
    found = told(answer)

    assert [d["file"].rpartition("/")[2] for d in answer.data["documents"]] == list(order)
    assert answer.code == (2 if "b.pdf" in order else 0)
    assert found["la.p7s"][0] == found["a.pdf"][0] == "TOTAL_PASSED"
    assert "DETACHED_CONTENT_FOUND" in found["la.p7s"][1]
    assert "SIGNED_BESIDE" in found["a.pdf"][1]


def test_changed_content_has_failed_with_its_signature(verify, desk_top):
    (desk_top / "b.pdf.p7s").write_bytes((desk_top / "la.p7s").read_bytes())
    answer = verify("--json", desk_top / "b.pdf.p7s", desk_top / "b.pdf")

    assert answer.code == 1
    assert {indication for indication, _ in told(answer).values()} == {"TOTAL_FAILED"}
    assert "DETACHED_CONTENT_BY_NAME" in told(answer)["b.pdf.p7s"][1]


def test_a_missing_content_is_named(verify, desk_top):
    answer = verify(desk_top / "la.p7s", desk_top / "b.pdf")

    assert answer.code == 2
    assert "cần tệp nội dung có giá trị băm sha256 " in answer.out


def test_two_copies_of_one_signature_file_are_one_signature(verify, desk_top):
    (desk_top / "sao.p7s").write_bytes((desk_top / "la.p7s").read_bytes())
    answer = verify("--json", desk_top / "a.pdf", desk_top / "la.p7s", desk_top / "sao.p7s")

    assert answer.code == 0


def test_content_named_by_hand_is_taken_as_it_is_named(verify, desk_top):
    assert verify(desk_top / "la.p7s", "--detached", desk_top / "a.pdf").code == 0
    assert verify(desk_top / "la.p7s", "--detached", desk_top / "b.pdf").code == 1


def test_going_on_after_a_stop_judges_the_signature_of_what_is_left(verify, desk_top):
    """The signature's answer is there, its content's is not: the content still gets its verdict."""
    names = [desk_top / "la.p7s", desk_top / "a.pdf"]
    out = ["--format", "json", "-o", f"{desk_top}/kq/"]
    assert verify(*names, *out).code == 0
    (desk_top / "kq" / "a.pdf.ket-qua.json").unlink()

    answer = verify(*names, *out, "--skip-existing")

    assert answer.code == 2  # what was skipped is not vouched for
    (document,) = json.loads((desk_top / "kq" / "a.pdf.ket-qua.json").read_text("utf-8"))["documents"]
    assert document["indication"] == "TOTAL_PASSED"
