"""What the Vietnamese report shows beyond the bare facts: advice, one line for a stranger's text, errors."""

import re

import pytest

from ebrvt_connect.errors import HeldForPerson, Rejected
from ebrvt_connect.trust.advice_vi import advice
from ebrvt_connect.trust.catalogue import noticed
from ebrvt_connect.trust.findings import CATALOGUE
from ebrvt_connect.trust.verdict import Severity
from ebrvt_connect.trust.words_vi import one_line
from tests.unit.trust.samples import plain_pdf

ERRORS = [row for row in CATALOGUE.values() if row.weight.severity is Severity.ERROR]
TELLS = ("Hãy ", "ề nghị ", "ông mở tệp", "ần người xem xét", "Xem lại ", "phải ", "ông sử dụng", "Cập nhật ")
TELLS += ("Kiểm tra ", "Cần người", "Bổ sung ", "Nếu ", "Nạp ", "Hỏi lại ")


@pytest.mark.parametrize("row", ERRORS, ids=lambda row: row.code)
def test_every_error_says_what_to_do(row):
    finding = noticed(row.code)

    assert any(word in f"{finding.message_vi} {advice(finding)}" for word in TELLS)


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("không dẫn tới gốc cấp dấu thời gian đã ghim", "ebrvt trust add --branch tsa"),
        ("danh sách thu hồi đã quá hạn, cơ quan cấp là “X”", "ebrvt trust refresh --online"),
        ("chứng thư đã bị thu hồi", "ký lại kèm dấu thời gian"),
    ],
)
def test_a_timestamp_is_mended_by_what_it_lacks(reason, told):
    assert told in advice(noticed("TIMESTAMP_NOT_TRUSTED", reason=reason))


def test_nobody_is_told_to_break_a_signed_file():
    assert advice(noticed("FILE_TOO_LARGE")).startswith("Kiểm tra bằng công cụ khác. Không chia nhỏ")
    assert "văn bản đến: đề nghị nơi gửi" in noticed("SIGNED_DATA_NOT_FOUND").message_vi


def test_advice_is_not_given_twice():
    assert advice(noticed("SIGNED_DATA_NOT_FOUND")) == ""
    assert advice(noticed("HASH_MISMATCH")).startswith("Không sử dụng bản này")
    assert advice(noticed("NO_TIMESTAMP"))
    assert advice(noticed("RSA_PKCS1_V15")) == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Trần Thị Ví Dụ", "Trần Thị Ví Dụ"),
        ("Tra\u0302\u0300n", "Trần"),
        ("a\nKết luận: HỢP LỆ", "a Kết luận: HỢP LỆ"),
        ("a\u2028b\u0085c\u00a0d\te", "a b c d e"),
        ("x\u202efdp.exe", "x\ufffdfdp.exe"),
        ("x\u200by\ufeffz\u2066", "x\ufffdy\ufffdz\ufffd"),
        ("\x1b[2J\x00", "\ufffd[2J\ufffd"),
        ("✓ ✔ ☑ → ■ HỢP LỆ", "\ufffd \ufffd \ufffd \ufffd \ufffd HỢP LỆ"),
        ("e" + "\u0301" * 40, "é" + "\u0301" * 2),
        ("\ud800", "\ufffd"),
        ("", ""),
        (" \n ", ""),
        ("№ 5 – “Sở” §2 °C", "№ 5 – “Sở” §2 °C"),
    ],
)
def test_a_strangers_text_stays_on_one_line_and_harmless(text, shown):
    assert one_line(text) == shown


def test_the_certificate_is_told_by_what_the_register_knows_it_by(desk):
    report = desk.verdict(desk.signed())

    assert f"SHA-256 chứng thư: {report.signatures[0].certificate.sha256}" in report.to_text_vi()


def test_a_broken_pdf_is_told_without_our_classes(desk):
    (finding,) = desk.verdict(plain_pdf()[:-40]).findings
    assert (finding.code, "Refused" in finding.message_vi) == ("PDF_UNREADABLE", False)


def test_letters_of_an_article_are_points():
    assert not [row.code for row in CATALOGUE.values() if re.search(r"khoản [a-zđ]\b", row.legal_ref)]
    assert CATALOGUE["NO_TIMESTAMP"].legal_ref.endswith("Điều 6, điểm g")


def test_a_strangers_text_is_cut():
    assert one_line("a" * 10_000) == "a" * 159 + "…"
    assert len(one_line("\u0301" * 10_000 + "b")) <= 160
    assert one_line("a b", 3) == "a b"


def test_a_file_of_no_known_kind_is_told_as_such_in_vietnamese(desk):
    assert "Tệp: (không tên) (không rõ loại, 3 byte)\n" in desk.verdict(b"abc").to_text_vi()


def test_what_has_passed_goes_on(desk):
    desk.verdict(desk.signed(timestamper=desk.stamped())).raise_for_status()


def test_what_failed_is_raised_as_rejected_with_its_reason(desk):
    report = desk.verdict(desk.signed().replace(b"Van ban mau", b"Van ban xau", 1))

    with pytest.raises(Rejected, match="HASH_MISMATCH") as raised:
        report.model_copy(update={"file": "a.pdf"}).raise_for_status()

    assert raised.value.code == "VERIFICATION_FAILED"
    assert "“a.pdf” KHÔNG HỢP LỆ: Nội dung văn bản đã bị thay đổi sau khi ký." in raised.value.explanation_vi


def test_what_is_undecided_is_held_for_a_person(desk):
    with pytest.raises(HeldForPerson, match="SIGNED_DATA_NOT_FOUND") as raised:
        desk.verdict(plain_pdf()).raise_for_status()

    assert raised.value.code == "VERIFICATION_UNDECIDED"
    assert "không tên" in raised.value.explanation_vi
