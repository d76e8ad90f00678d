"""The report: frozen, worst wins, never a bare yes, and in the shape the command line promises."""

import json
from itertools import product

import pytest
from pydantic import ValidationError

from ebrvt_connect.trust import findings
from ebrvt_connect.trust.catalogue import kind, noticed
from ebrvt_connect.trust.findings import CATALOGUE
from ebrvt_connect.trust.policy import POLICIES, VN_2025, Override
from ebrvt_connect.trust.verdict import Indication, Severity, SubIndication, worst
from ebrvt_connect.trust.verify import fenced
from tests.unit.trust.samples import AT, plain_pdf

PASSED, UNCLEAR, FAILED = Indication


@pytest.mark.parametrize(("one", "other"), list(product(Indication, repeat=2)))
def test_the_worst_wins(one, other):
    order = [PASSED, UNCLEAR, FAILED]

    assert worst([one, other]) is order[max(order.index(one), order.index(other))]


def test_nothing_against_it_is_passed():
    assert worst([]) is PASSED


def test_headlines_are_those_of_the_circular():
    assert [i.headline_vi for i in Indication] == ["HỢP LỆ", "CHƯA ĐỦ CƠ SỞ KẾT LUẬN", "KHÔNG HỢP LỆ"]


def test_a_report_is_neither_true_nor_false(desk):
    report = desk.verdict(desk.signed())

    for value in (report, report.signatures[0]):
        with pytest.raises(TypeError, match="indication"):
            bool(value)


def test_a_report_is_frozen(desk):
    report = desk.verdict(plain_pdf())

    with pytest.raises(ValidationError):
        report.indication = PASSED


def test_the_json_has_the_promised_names(desk):
    document = json.loads(desk.verdict(desk.issued(timestamper=desk.stamped())).to_json())

    assert {
        *("file", "kind", "sha256", "indication", "sub_indications", "headline_vi"),
        *("policy", "validation_time", "signatures", "findings"),
    } <= document.keys()
    assert document["policy"].keys() == {"id", "version", "sha256"}
    signature = document["signatures"][0]
    assert {
        *("index", "role", "signature_kind", "indication", "sub_indication", "signer", "managing_unit"),
        *("issuer", "claimed_time", "best_time", "integrity", "certificate_valid_at_best_time"),
        *("revocation", "algorithms", "coverage", "changes_after", "findings"),
    } <= signature.keys()
    assert {"cn", "title", "organization", "serial"} <= signature["signer"].keys()
    assert signature["best_time"] == {"value": "2026-11-23T01:00:00Z", "proof": "timestamp"}
    assert {"status", "source"} <= signature["revocation"].keys()
    assert {"level", "uncovered"} <= signature["coverage"].keys()
    assert signature["findings"][0].keys() == {"code", "severity", "message_vi", "message_en", "legal_ref"}


def test_the_same_grounds_give_the_same_report(desk, issued):
    assert desk.verdict(issued) == desk.verdict(issued)


def test_the_text_shows_what_the_circular_asks_for(desk, issued):
    text = desk.verdict(issued).to_text_vi()

    for part in (
        "Kết luận: HỢP LỆ",
        "Người ký: Trần Thị Ví Dụ, Giám đốc",
        "Đơn vị quản lý: Sở Thông tin và Truyền thông (mẫu)",
        "Cơ quan cấp chứng thư: Cơ quan cấp chứng thư cho cơ quan nhà nước (mẫu)",
        "(chữ ký chuyên dùng công vụ)",
        "Hiệu lực chứng thư: 01/01/2015 07:00:00 đến 31/12/2049 07:00:00",
        "Thời điểm ký: 23/11/2026 08:00:00 (căn cứ: dấu thời gian)",
        "Toàn vẹn: có; bao phủ: toàn bộ tệp",
        "Thu hồi tại thời điểm ký: không bị thu hồi",
    ):
        assert part in text


def test_the_text_of_a_bad_file_says_why(desk):
    text = desk.verdict(b"%PDF-1.7\n").to_text_vi()

    assert "Kết luận: KHÔNG HỢP LỆ (FORMAT_FAILURE)" in text
    assert "[PDF_UNREADABLE]" in text


# --- catalogue and policy ----------------------------------------------------------------------------


@pytest.mark.parametrize("row", CATALOGUE.values(), ids=lambda row: row.code)
def test_every_finding_is_whole(row):
    weight = row.weight

    assert row.message_en.strip()
    assert row.message_vi[-1] == "."
    assert row.legal_ref, "which article or standard it serves"
    assert (weight.severity is Severity.ERROR) == (weight.indication is not PASSED)
    assert (weight.indication is PASSED) == (weight.sub_indication is None)


def test_every_code_stands_under_its_own_name_in_one_module():
    modules = (findings, *findings.PARTS)
    named = [name for module in modules for name, value in vars(module).items() if str(value) in CATALOGUE]

    assert sorted(named) == sorted(CATALOGUE)
    assert all(getattr(m, name, name) == name for m in modules for name in CATALOGUE)


def test_a_code_means_one_thing():
    with pytest.raises(ValueError, match="already"):
        kind("FILE_EMPTY", CATALOGUE["FILE_EMPTY"].weight, "x", "x")


def test_an_unfilled_place_is_left_standing():
    assert "{algorithm}" in noticed(findings.WEAK_DIGEST).message_en


def test_policies_are_found_by_id():
    assert POLICIES["VN_2025"] is VN_2025


def test_the_hash_of_a_policy_covers_its_rules_and_weights():
    longer = VN_2025.model_copy(update={"rsa_bits": 3072})
    stricter = VN_2025.model_copy(
        update={
            "overrides": (
                Override(
                    code="NO_TIMESTAMP",
                    severity=Severity.ERROR,
                    indication=UNCLEAR,
                    sub_indication=SubIndication.NO_POE,
                ),
            )
        }
    )
    same = VN_2025.model_copy(
        update={"overrides": (Override(code="NO_TIMESTAMP", severity=Severity.WARNING),)}
    )

    assert len({p.reference.sha256 for p in (VN_2025, longer, stricter)}) == 3
    assert same.reference == VN_2025.reference


def test_a_policy_can_ask_for_a_timestamp(desk):
    strict = VN_2025.model_copy(
        update={
            "overrides": (
                Override(
                    code="NO_TIMESTAMP",
                    severity=Severity.ERROR,
                    indication=UNCLEAR,
                    sub_indication=SubIndication.NO_POE,
                ),
            )
        }
    )

    assert desk.verdict(desk.signed(), policy=strict).sub_indications == ("NO_POE",)
    assert desk.verdict(desk.signed(timestamper=desk.stamped()), policy=strict).indication is PASSED


def test_a_time_without_offset_is_a_mistake(desk):
    with pytest.raises(ValueError, match="aware"):
        desk.verdict(plain_pdf(), at=AT.replace(tzinfo=None))


def test_whatever_breaks_a_judge_is_a_finding_without_its_text():
    def broken():
        raise RuntimeError("nội dung của tệp")

    judgement = fenced(broken, VN_2025)

    assert [f.code for f in judgement.found] == ["VERIFIER_FAILED"]
    assert "RuntimeError" in judgement.found[0].message_en
    assert "nội dung của tệp" not in judgement.found[0].message_vi
