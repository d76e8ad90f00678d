"""`ebrvt verify a.p7s a`: signatures and their content find each other, and the report says which."""

import hashlib
import json
import os

import pytest

from ebrvt_connect.ops.verify_pairs import Pairs
from ebrvt_connect.transport.signing_cms import sign_cms
from ebrvt_connect.transport.verify_items import ToVerify
from ebrvt_connect.trust.policy import VN_2025
from ebrvt_connect.trust.verify import verify_bytes
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


@pytest.mark.parametrize(
    ("forged", "genuine"),
    [(b"qd\xd5.pdf", b"qd\xaa.pdf"), (b"qd\xd5.pdf", b"qd?.pdf"), (b"qd?.pdf", b"qd\xd5.pdf")],
    ids=["two that are no text", "genuine is text", "forged is text"],
)
@pytest.mark.parametrize("first", ["forged", "genuine"])
def test_a_forged_file_whose_name_is_shown_alike_has_no_verdict_of_the_genuine(
    verify, tmp_path, signature, forged, genuine, first
):
    """Old archives have names that are no UTF-8: verdicts were kept by what is shown of them."""
    contents = {forged: plain_pdf() + b"% sua", genuine: plain_pdf(), b"la.p7s": signature}
    for name, content in contents.items():
        (tmp_path / os.fsdecode(name)).write_bytes(content)
    order = [forged, genuine] if first == "forged" else [genuine, forged]
    answer = verify("--json", *(tmp_path / os.fsdecode(name) for name in (*order, b"la.p7s")))
    told = {d["sha256"]: d["indication"] for d in answer.data["documents"]}

    assert answer.code == 2
    assert told[hashlib.sha256(contents[forged]).hexdigest()] == "INDETERMINATE"
    assert told[hashlib.sha256(contents[genuine]).hexdigest()] == "TOTAL_PASSED"
    assert len({d["file"] for d in answer.data["documents"]}) == 3


def test_content_exchanged_after_its_signature_was_judged_has_no_verdict_of_it(desk_top, pki):
    files = [desk_top / "la.p7s", desk_top / "a.pdf"]
    found = [(file, ToVerify(source=file, name=file.name)) for file in files]
    pairs, trust = Pairs.among(found, VN_2025), pki.trust_store()

    def judged():
        for path, item in pairs.placed(found):
            beside = dict(item.detached)
            yield verify_bytes(
                path.read_bytes(), policy=VN_2025, trust=trust, at=AT, detached=beside, name=item.name
            )
            files[1].write_bytes(plain_pdf() + b"% sua")

    told = {report.file: report.indication for report in pairs.told(judged(), VN_2025)}

    assert told == {"la.p7s": "TOTAL_PASSED", "a.pdf": "INDETERMINATE"}


def test_of_two_contents_of_one_name_none_is_dropped_in_silence(verify, desk_top):
    (desk_top / "khac").mkdir()
    (desk_top / "khac" / "a.pdf").write_bytes(plain_pdf() + b"% sua")
    answer = verify(
        desk_top / "la.p7s", "--detached", desk_top / "khac" / "a.pdf", "--detached", desk_top / "a.pdf"
    )

    assert answer.code == 64
    assert "khác tên nhau" in answer.err
