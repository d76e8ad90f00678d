"""The certificate of a packet: record, rules, files and the verdict on one page, the rest in its annex."""

import pytest
from lxml import html

from ebrvt_connect.ops.certificate_html import html_of
from ebrvt_connect.ops.certificate_packet import packet_content_of
from ebrvt_connect.ops.certificate_pdf import pdf_of
from tests.unit.ops.test_certificate import HOSTILE, pages, printed
from tests.unit.trust.packet_samples import Clerk, edxml, sealed_edxml
from tests.unit.trust.samples import AGENCY, Desk, plain_pdf


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    from ebrvt_connect.testing.pki import SandboxPki

    pki = SandboxPki.open(tmp_path_factory.mktemp("pki") / "pki")
    return Desk(pki, pki.trust_store())


@pytest.fixture(scope="module")
def clerk(desk):
    return Clerk(desk)


@pytest.fixture(scope="module")
def letter(desk):
    return desk.issued(timestamper=desk.stamped())


@pytest.fixture(scope="module")
def sealed(desk):
    return desk.signed(timestamper=desk.stamped())


def judged(clerk, files):
    return clerk.judge(edxml(files)).model_copy(update={"file": "/kho/125.edxml"})


@pytest.fixture(scope="module")
def reports(clerk, letter, sealed):
    appendixes = {f"Phụ lục {n} {'biểu tổng hợp ' * 8}.pdf": sealed for n in range(1, 8)}
    many = {f"Phụ lục {n}.pdf": plain_pdf() if n % 3 else sealed for n in range(1, 20)}
    failed = judged(
        clerk,
        {"125.pdf": letter.replace(b"Van ban mau", b"Van ban xau", 1), "a.pdf": plain_pdf(), "b.pdf": sealed},
    )
    names = {"number": HOSTILE, "agency_name": HOSTILE, "abstract": HOSTILE, "file": HOSTILE}
    files = tuple(f.model_copy(update={"name": HOSTILE}) for f in failed.files)
    return {
        "passed, 1 file": judged(clerk, {"125.pdf": letter}),
        "passed, 3 files": judged(
            clerk, {"125.pdf": letter, "Phụ lục 1.pdf": sealed, "Phụ lục 2.pdf": sealed}
        ),
        "passed, 8 files, long names": judged(clerk, {"125.pdf": letter, **appendixes}),
        "undecided, 20 files": judged(clerk, {"125.pdf": letter, **many}),
        "failed": failed,
        "hostile": failed.model_copy(update={**names, "files": files * 3}),
        "unreadable": clerk.judge(b"<edXML xmlns='x'><a></edXML>"),
    }


NAMES = [
    "passed, 1 file",
    "passed, 3 files",
    "passed, 8 files, long names",
    "undecided, 20 files",
    "failed",
    "hostile",
    "unreadable",
]


@pytest.mark.parametrize("name", NAMES)
def test_the_packet_is_told_on_one_page_and_the_rest_in_the_annex(name, reports):
    pdf = pdf_of([reports[name]])
    first, second, *_ = printed(pdf).split("\f")

    for part in (
        "PHIẾU KẾT QUẢ KIỂM TRA VĂN BẢN ĐIỆN TỬ",
        reports[name].headline_vi,
        "Đối chiếu với bản ghi của văn bản",
        reports[name].sha256,
        "xem Phụ lục kèm theo, từ trang 2",
        "Người kiểm tra (ký, ghi rõ họ tên)",
        "Lập tự động bởi",
    ):
        assert part in first, part
    assert second.lstrip().startswith("PHỤ LỤC: CHI TIẾT")
    assert pages(pdf) > 1


def test_the_record_and_every_file_with_its_verdict_are_told(reports):
    page = html.document_fromstring(html_of([reports["failed"]]))
    front = page.find_class("front")[0].text_content()

    for part in ("125/BC-STTTT; ngày văn bản 23/11/2026", "Sở (mẫu) (000.00.15.H06)", "Báo cáo", "125.edxml"):
        assert part in front, part
    assert "/kho" not in page.text_content()
    rules, files = page.find_class("front")[0].iter("table")
    assert [c.text_content() for c in files.xpath(".//td[2]/div[1]")] == ["125.pdf", "a.pdf", "b.pdf"]
    verdicts = [c.text_content() for c in files.xpath(".//td[4]")]
    assert verdicts == ["KHÔNG HỢP LỆ", "CHƯA ĐỦ CƠ SỞ KẾT LUẬN", "HỢP LỆ"]
    assert "Người có thẩm quyền ký trước, đóng dấu sauCHƯA XÉT ĐƯỢC" in rules.text_content()


def test_what_the_signature_of_the_packet_leaves_out_is_said_on_the_first_page(clerk, letter, sealed, desk):
    plain = edxml({"125.pdf": letter, "b.pdf": sealed})
    of_header = sealed_edxml(plain, desk.pki.signer(AGENCY), find="MessageHeader")

    for packet, part in (
        (plain, "không có chữ ký số"),
        (of_header, "KHÔNG bảo vệ nội dung các tệp đính kèm"),
    ):
        (line,) = (
            line
            for line in packet_content_of(clerk.judge(packet)).front.tables[0].lines
            if line.cells[0][0].text == "Chữ ký của gói tin edXML"
        )
        assert any(part in told.text and told.whole for told in line.cells[1])


def test_names_in_a_packet_cannot_speak_for_the_page(reports):
    page = html.document_fromstring(html_of([reports["hostile"]]))

    assert [b.text for b in page.xpath("//div[contains(@class,'headline')]//b")] == ["KHÔNG HỢP LỆ"]
    assert not list(page.iter("script"))
    text = printed(pdf_of([reports["hostile"]]))
    headlines = [line.strip() for line in text.splitlines() if line.strip() in {"HỢP LỆ", "KHÔNG HỢP LỆ"}]
    assert headlines == ["KHÔNG HỢP LỆ"]


def test_files_left_out_of_the_page_are_counted_and_never_the_bad_ones(reports):
    _, files = packet_content_of(reports["undecided, 20 files"]).front.tables

    assert files.more == "và 12 tệp khác (7 hợp lệ): xem Phụ lục"


def test_the_same_packet_gives_the_same_bytes(reports):
    report = reports["failed"]
    assert pdf_of([report]) == pdf_of([report])
    assert html_of([report]) == html_of([report])
