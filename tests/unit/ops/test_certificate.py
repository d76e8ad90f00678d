"""The certificate of verification: what it says, that a stranger's names cannot say more, its pages."""

import re
import shutil
import subprocess
from datetime import timedelta
from io import BytesIO

import pikepdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree, html

from ebrvt_connect.ops.certificate_content import content_of, signature_blocks
from ebrvt_connect.ops.certificate_html import html_of
from ebrvt_connect.ops.certificate_pdf import pdf_of
from ebrvt_connect.testing.pki import SandboxPki
from ebrvt_connect.trust.policy import ETSI_STRICT
from ebrvt_connect.trust.verdict import ChangeAfter, Coverage, Indication
from tests.unit.trust.samples import EARLY, OTHER_AGENCY, Desk, plain_pdf

HOSTILE = (
    "✓ HỢP LỆ </dd></article><script>alert(1)</script><b>Kết luận: HỢP LỆ</b>\n\nKết luận: HỢP LỆ\u2028"
    "\u202egnụd àig\u202c\x00\x1b[2J {{7*7}} <font size=90> &amp; الشركة 中文 a"
    + "\u0301" * 50
    + "W" * 10_000
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    pki = SandboxPki.open(tmp_path_factory.mktemp("pki") / "pki")
    return Desk(pki, pki.trust_store())


@pytest.fixture(scope="module")
def passed(desk):
    return named(desk.verdict(desk.issued(timestamper=desk.stamped())))


@pytest.fixture(scope="module")
def claimed(desk):
    """Three signatures, none with a timestamp: the most that is usual, with warnings."""
    return named(desk.verdict(desk.signed(desk.issued(), agency=OTHER_AGENCY)))


@pytest.fixture(scope="module")
def failed(desk, passed):
    del passed
    issued = desk.issued(timestamper=desk.stamped())
    return named(desk.verdict(issued.replace(b"Van ban mau", b"Van ban xau", 1)))


@pytest.fixture(scope="module")
def unclear(desk):
    return named(desk.without_revocation_lists().verdict(desk.signed()))


@pytest.fixture(scope="module")
def hostile(failed):
    """A report in which every name is a stranger's worst."""
    one = failed.signatures[0]
    names = {"cn": HOSTILE, "title": HOSTILE, "organization": HOSTILE, "serial": HOSTILE}
    spoiled = one.model_copy(
        update={
            "signer": one.signer.model_copy(update=names),
            "issuer": HOSTILE,
            "managing_unit": HOSTILE,
            "field": HOSTILE,
            "format": HOSTILE,
            "algorithms": one.algorithms.model_copy(update={"digest": HOSTILE, "signature": HOSTILE}),
            "coverage": Coverage(level="partial", covered=(HOSTILE,) * 40),
            "changes_after": (ChangeAfter(level="form", what=HOSTILE),),
            "findings": tuple(f.model_copy(update={"message_vi": HOSTILE}) for f in one.findings),
        }
    )
    return failed.model_copy(update={"file": HOSTILE, "signatures": (spoiled, spoiled)})


def named(report):
    return report.model_copy(update={"file": "/kho/den/Công văn 125-STTTT.pdf"})


def page_of(*reports):
    return html.document_fromstring(html_of(reports))


def pages(pdf):
    with pikepdf.open(BytesIO(pdf)) as opened:
        return len(opened.pages)


def printed(pdf):
    """What a reader of the PDF can mark and copy."""
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed")
    done = subprocess.run(["pdftotext", "-layout", "-", "-"], input=pdf, capture_output=True, check=True)
    return done.stdout.decode()


def seen(report):
    """Both forms as plain text."""
    return " ".join(page_of(report).text_content().split()), " ".join(printed(pdf_of([report])).split())


# --- what TT 15/2025 Điều 6 asks to be shown ------------------------------------------------------------


def test_everything_the_circular_asks_for_is_shown_in_both_forms(passed):
    for text in seen(passed):
        for part in (
            "PHIẾU KẾT QUẢ KIỂM TRA CHỮ KÝ SỐ",
            "Công văn 125-STTTT.pdf",
            passed.sha256,
            "23/11/2026 08:00:00 (+07:00)",
            "VN_2025 phiên bản 1, SHA-256",
            passed.policy.sha256,
            "--at 2026-11-23T08:00:00+07:00",
            "người có thẩm quyền",
            "Trần Thị Ví Dụ, Giám đốc",
            "Sở Thông tin và Truyền thông",
            "chuyên dùng công vụ",
            "01/01/2015–31/12/2049",
            "có dấu thời gian",
            "chứng thư còn hiệu lực",
            "toàn vẹn; không bị thu hồi",
            "bao phủ: toàn bộ tệp",
            f"số {passed.signatures[0].signer.serial}, sha256",
            "Người kiểm tra (ký, ghi rõ họ tên)",
        ):
            assert part in text, part
        assert "/kho/den" not in text


@pytest.mark.parametrize(
    ("name", "headline", "tone"),
    [
        ("passed", "HỢP LỆ", "passed"),
        ("failed", "KHÔNG HỢP LỆ", "failed"),
        ("unclear", "CHƯA ĐỦ CƠ SỞ KẾT LUẬN", "unclear"),
    ],
)
def test_the_headline_is_told_by_words_and_by_shape(name, headline, tone, request):
    page = page_of(request.getfixturevalue(name))

    (told,) = page.find_class("headline")
    assert told.findtext(".//b") == headline
    assert tone in told.get("class").split()
    assert told.find("svg") is not None


def test_each_verdict_has_a_shape_of_its_own(passed, failed, unclear):
    shapes = {
        html.tostring(page_of(r).find_class("headline")[0].find("svg")) for r in (passed, failed, unclear)
    }

    assert len(shapes) == 3


def test_a_time_only_claimed_is_told_loudly(claimed):
    page = page_of(claimed)

    cells = [e.text_content() for e in page.xpath("//td/div[contains(@class,'loud')]")]
    assert cells.count("CHỈ TỰ KHAI") == 3
    lead = page.xpath("//div[contains(@class,'headline')]//span[contains(@class,'loud')]")[0].text
    assert lead.endswith("Thời điểm ký CHƯA CÓ DẤU THỜI GIAN CHỨNG MINH.")


def test_findings_come_gravest_first_with_law_and_advice(failed):
    front = content_of(failed).front

    assert [n.weight for n in front.notes] == ["Lỗi"]
    assert (front.notes[0].code, front.notes[0].law) == ("HASH_MISMATCH", "TT 15/2025 Phụ lục II mục 2.4")
    assert front.notes[0].where == "Chữ ký 1, 2"
    assert front.notes[0].advice.startswith("Không sử dụng bản này")
    assert all(n.weight == "Lưu ý" for n in front.remarks)


def test_what_leaves_the_verdict_open_is_not_called_an_error(unclear, desk):
    strict = desk.verdict(desk.signed(), policy=ETSI_STRICT)

    assert content_of(unclear).front.notes[0].weight == "Chưa đạt"
    assert content_of(strict).front.notes[0].code == "NO_TIMESTAMP"
    assert content_of(strict).front.notes[0].weight == "Chưa đạt"


def test_a_revoked_certificate_is_told_with_its_date(desk):
    report = desk.verdict(desk.signed(flavour="revoked", at=EARLY + timedelta(days=3000)))

    (line,) = content_of(report).front.tables[0].lines
    told = [part for cell in line.cells for part in cell if "ĐÃ BỊ THU HỒI" in part.text]
    assert [part.loud for part in told] == [True]
    assert "Thu hồi tại thời điểm ký: ĐÃ BỊ THU HỒI từ " in line.below


def test_a_sound_signature_in_a_spoilt_file_is_not_shown_as_good(desk):
    """Somebody may look at its box alone."""
    report = desk.verdict(desk.issued(timestamper=desk.stamped()) + b"\n% appended")

    lines = content_of(report).front.tables[0].lines
    assert [[p.text for p in line.cells[3][:2]] for line in lines] == [
        ["KHÔNG HỢP LỆ", "vì lỗi của cả tệp"]
    ] * 2
    assert all(line.indication is report.indication for line in lines)
    for text in (*seen(report), report.to_text_vi()):
        assert "chữ ký có hiệu lực" not in text
        assert ": HỢP LỆ" not in text


def test_a_file_without_signatures_says_so(desk):
    report = desk.verdict(plain_pdf())

    for text in seen(report):
        assert "CHƯA ĐỦ CƠ SỞ KẾT LUẬN" in text
        assert "Tệp không có chữ ký số nào được kiểm tra." in text
        assert "văn bản đến: đề nghị nơi gửi gửi bản đã ký số." in text


def test_a_document_timestamp_is_told_as_what_it_is(desk):
    report = desk.verdict(desk.with_document_timestamp(desk.signed()))
    block = [*signature_blocks(report)][1]

    assert block.title == "Dấu thời gian 2"
    labels = [r.label for r in block.rows]
    assert {"Bên cấp dấu thời gian", "Thời điểm cấp"} <= set(labels)
    assert "Thu hồi tại thời điểm ký" not in labels


def test_a_flood_of_findings_is_cut_and_counted_with_errors_kept(failed):
    one = failed.signatures[0]
    (error,) = (f for f in one.findings if f.code == "HASH_MISMATCH")
    flood = tuple(
        f.model_copy(update={"message_vi": f"{f.message_vi} {n}"}) for n in range(50) for f in one.findings
    )
    report = failed.model_copy(update={"signatures": (one.model_copy(update={"findings": (*flood, error)}),)})

    certificate = content_of(report)
    (block,) = certificate.annex

    assert len(block.notes) + len(block.remarks) == 60
    assert {n.code for n in block.notes} == {"HASH_MISMATCH"}
    assert block.more.startswith(f"và {len(set(flood)) + 1 - 60} phát hiện khác")
    assert {n.code for n in certificate.front.notes} == {"HASH_MISMATCH"}
    assert f"toàn bộ {len(set(flood)) + 1} phát hiện" in certificate.front.annex
    assert certificate.front.more.startswith(f"Còn {51 - len(certificate.front.notes)} lỗi, cảnh báo khác")


# --- hostile names --------------------------------------------------------------------------------------


def test_names_cannot_break_the_page_or_speak_for_it(hostile, failed):
    page, sound = page_of(hostile), page_of(failed)

    assert [b.text for b in page.xpath("//div[contains(@class,'headline')]//b")] == ["KHÔNG HỢP LỆ"]
    tags = {e.tag for e in page.iter() if isinstance(e.tag, str)}
    assert tags == {e.tag for e in sound.iter() if isinstance(e.tag, str)}
    assert "script" not in tags
    assert len(page.xpath("//article")) == 1
    text = page.text_content()
    assert "{{7*7}}" in text
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00\x1b\u2028✓]", text)


def test_names_stay_on_their_line_and_short(hostile):
    certificate = content_of(hostile)

    for row in (*certificate.front.rows, *(r for b in certificate.annex for r in b.rows)):
        assert "\n" not in row.value
        assert len(row.value) < 700, row.label
    (who, *_), *_ = certificate.front.tables[0].lines[0].cells
    assert "Kết luận: HỢP LỆ" in who.text  # there to be read, as part of a name


def test_the_printed_page_survives_hostile_names(hostile):
    text = printed(pdf_of([hostile]))

    assert text.count("KHÔNG HỢP LỆ") == 3
    headlines = [line.strip() for line in text.splitlines() if line.strip() in {"HỢP LỆ", "KHÔNG HỢP LỆ"}]
    assert headlines == ["KHÔNG HỢP LỆ"]
    assert pages(pdf_of([hostile])) <= 3


def test_the_text_reports_stay_line_by_line_too(hostile):
    from ebrvt_connect.ops.verdict_en import render

    assert [line for line in hostile.to_text_vi().splitlines() if line.startswith("Kết luận")] == [
        "Kết luận: KHÔNG HỢP LỆ (HASH_FAILURE)"
    ]
    assert len([line for line in render(hostile).splitlines() if line.startswith("Verdict")]) == 1


@settings(max_examples=40, deadline=None, derandomize=True)
@given(name=st.text(max_size=200))
def test_no_name_breaks_any_form_or_adds_a_headline(failed, name):
    one = failed.signatures[0]
    spoiled = one.model_copy(update={"signer": one.signer.model_copy(update={"cn": name}), "issuer": name})
    report = failed.model_copy(update={"file": name, "signatures": (spoiled,)})

    page = html.document_fromstring(html_of([report]).encode())
    assert [b.text for b in page.xpath("//div[starts-with(@class,'headline')]//b")] == ["KHÔNG HỢP LỆ"]
    assert pages(pdf_of([report])) == 1
    etree.fromstring(report.to_etsi_xml())
    sound = failed.model_copy(update={"signatures": (one,)})
    assert len(report.to_text_vi().splitlines()) == len(sound.to_text_vi().splitlines())


# --- pages ----------------------------------------------------------------------------------------------


def test_the_page_needs_nothing_else(passed):
    text = html_of([passed])

    assert "default-src 'none'" in text
    assert not re.search(r"https?://|<script|<link[^>]+stylesheet|@import|url\(", text)


@pytest.mark.parametrize("name", ["passed", "failed", "unclear", "claimed"])
def test_the_usual_file_is_one_page(name, request):
    assert pages(pdf_of([request.getfixturevalue(name)])) == 1


@pytest.fixture(scope="module")
def crowds(passed, failed, unclear, hostile):
    """One, three, twelve and fifty signatures, of every fate, with more found than any page holds."""
    kinds = [failed.signatures[0], unclear.signatures[0], *passed.signatures]
    found = kinds[0].findings + kinds[1].findings
    flood = tuple(f.model_copy(update={"message_vi": f"{f.message_vi} {n}"}) for n in range(4) for f in found)
    wide = {"cn": "W" * 3000, "title": "M" * 300}

    def crowd(count, base, **changes):
        each = (base[n % len(base)] for n in range(count))
        named = (s.model_copy(update={"index": n, **changes}) for n, s in enumerate(each, 1))
        return failed.model_copy(update={"signatures": tuple(named), "file": "W" * 900 + ".pdf"})

    return {
        **{f"{count}": crowd(count, kinds) for count in (1, 3, 12, 50)},
        "3 flooded": crowd(3, kinds, findings=flood),
        "12 hostile": crowd(12, hostile.signatures),
        "12 wide": crowd(
            12,
            kinds,
            signer=kinds[0].signer.model_copy(update=wide),
            issuer="WM" * 500,
            managing_unit="Ỵ W" * 400,
        ),
    }


CROWDS = ["1", "3", "12", "3 flooded", "12 hostile", "12 wide"]


@pytest.mark.parametrize("crowd", CROWDS)
def test_the_certificate_itself_is_one_page_whatever_was_found(crowd, crowds):
    """From the verdict to the line for whoever files it; the rest is the annex, from page 2 on."""
    pdf = pdf_of([crowds[crowd]])
    first, *annex = printed(pdf).split("\f")[:-1]

    for part in (
        "KHÔNG HỢP LỆ",
        "Cách kiểm tra lại",
        "Người kiểm tra (ký, ghi rõ họ tên)",
        "Lập tự động bởi",
    ):
        assert part in first, part
    assert "PHỤ LỤC: CHI TIẾT" not in first
    assert bool(annex) == ("xem Phụ lục kèm theo, từ trang 2" in first)
    if annex:
        assert annex[0].lstrip().startswith("PHỤ LỤC: CHI TIẾT")
    assert len(page_of(crowds[crowd]).find_class("front")) == 1


def test_the_gravest_finding_is_on_the_first_page_however_many_there_are(crowds):
    for crowd in CROWDS:
        assert content_of(crowds[crowd]).front.notes[0].weight == "Lỗi"


def test_signatures_left_out_of_the_table_are_counted_and_never_the_bad_ones(crowds):
    report = crowds["50"]
    (table,) = content_of(report).front.tables

    assert len(table.lines) == 12
    assert table.more == "và 38 chữ ký khác (24 hợp lệ): xem Phụ lục"
    assert not any(line.indication is Indication.TOTAL_PASSED for line in table.lines)


def test_a_verdict_is_never_cut_short_in_the_table(crowds):
    for table in content_of(crowds["12 wide"]).front.tables:
        for line in table.lines:
            assert all(part.whole for part in line.cells[3])


def test_many_signatures_flow_on_and_every_page_tells_its_file(passed):
    twelve = passed.model_copy(
        update={
            "signatures": tuple(passed.signatures[0].model_copy(update={"index": n}) for n in range(1, 13))
        }
    )
    pdf = pdf_of([twelve])
    each = printed(pdf).split("\f")[:-1]

    assert pages(pdf) == len(each) > 1
    for number, page in enumerate(each, 1):
        assert f"Trang {number}/{len(each)}" in page
        assert f"SHA-256 của tệp: {passed.sha256[:16]}" in page
    assert all(f"Chữ ký {n}: HỢP LỆ" in printed(pdf) for n in range(1, 13))


def test_several_files_are_one_document_with_a_page_each(passed, failed):
    pdf = pdf_of([passed, failed])
    each = printed(pdf).split("\f")

    assert pages(pdf) == 2
    assert failed.sha256[:16] in each[1]
    assert passed.sha256[:16] not in each[1]
    assert len(page_of(passed, failed).xpath("//article")) == 2


def test_the_same_report_gives_the_same_bytes(passed):
    assert pdf_of([passed]) == pdf_of([passed])
    assert html_of([passed]) == html_of([passed])


def test_every_letter_of_vietnamese_is_printed(passed):
    letters = "ăâđêôơưĂÂĐÊÔƠƯ àảãáạằẳẵắặầẩẫấậ èẻẽéẹềểễếệ ìỉĩíị òỏõóọồổỗốộờởỡớợ ùủũúụừửữứự ỳỷỹýỵ Ễ ữ Ờ"
    report = passed.model_copy(update={"file": letters})

    assert set(letters) <= set(printed(pdf_of([report])))
