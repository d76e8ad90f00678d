"""What a packet's page says of a record that nobody signed, and of files that failed."""

import json

import pytest

from ebrvt_connect.ops.certificate_packet import packet_content_of
from ebrvt_connect.ops.certificate_pdf import pdf_of
from ebrvt_connect.testing.sample_signed import signed_cms
from tests.unit.ops.test_certificate import printed
from tests.unit.ops.test_packet_certificate import clerk, desk, letter  # noqa: F401 - fixtures
from tests.unit.trust.packet_samples import edxml, sealed_edxml
from tests.unit.trust.samples import AGENCY, AT, OTHER_AGENCY, plain_pdf

SENTENCE = (
    "Số, ký hiệu, trích yếu, tên cơ quan lấy từ bản ghi không được ký, chưa đối chiếu với nội dung tệp."
)
SEAL = "Sở Thông tin và Truyền thông (mẫu)"


@pytest.fixture(scope="module")
def forged(letter):  # noqa: F811
    """A good letter in a packet whose record says something else."""
    packet = edxml({"125.pdf": letter}).decode()
    for was, now in ((">125<", ">999<"), (">Báo cáo<", ">Cấp 10 tỷ đồng<"), (">Sở (mẫu)<", ">Bộ Tài chính<")):
        assert was in packet
        packet = packet.replace(was, now)
    return packet.encode()


def rows(report):
    return {row.label: row for row in packet_content_of(report).front.rows}


def test_a_record_that_nobody_signed_is_told_as_such_beside_its_facts(clerk, forged):  # noqa: F811
    report = clerk.judge(forged)
    content = packet_content_of(report)

    assert report.indication == "TOTAL_PASSED"
    assert content.front.lead == "Chữ ký số trong các tệp hợp lệ; người ký đúng sổ đăng ký."
    told = rows(report)
    assert (told["Lưu ý"].value, told["Lưu ý"].loud) == (SENTENCE, True)
    assert not told["Số, ký hiệu; ngày"].loud
    assert told["Cơ quan ban hành"].value == (
        f"{SEAL} (000.00.15.H06), theo chứng thư con dấu số; bản ghi ghi: Bộ Tài chính"
    )
    assert SENTENCE in " ".join(printed(pdf_of([report])).split("\f")[0].split())


def test_the_same_is_in_the_text_the_json_and_the_etsi_report(clerk, forged):  # noqa: F811
    report = clerk.judge(forged)
    packet = json.loads(report.to_json())["packet"]

    assert f"! {SENTENCE} [RECORD_NOT_SIGNED]" in report.to_text_vi()
    assert packet["sealed_by"] == SEAL
    assert "RECORD_NOT_SIGNED" in [f["code"] for f in packet["findings"]]
    assert b"RECORD_NOT_SIGNED" in report.to_etsi_xml()


def test_only_a_passed_signature_of_the_issuer_over_the_record_takes_the_warning_away(
    clerk,  # noqa: F811
    desk,  # noqa: F811
    letter,  # noqa: F811
):
    plain = edxml({"125.pdf": letter})
    ours, other = desk.pki.signer(AGENCY), desk.pki.signer(OTHER_AGENCY)

    assert clerk.judge(sealed_edxml(plain, ours)).is_record_signed
    for packet in (
        sealed_edxml(plain, other),
        sealed_edxml(plain, ours, find="Code"),
        sealed_edxml(plain, ours).replace(b">125<", b">999<", 1),
    ):
        report = clerk.judge(packet)
        assert not report.is_record_signed
        assert "Lưu ý" in rows(report)


def test_a_record_given_as_json_is_not_signed_either(clerk, letter):  # noqa: F811
    assert not clerk.judged({"125.pdf": letter}).is_record_signed


def test_an_agency_whose_seal_has_not_passed_is_called_as_the_record_calls_it(clerk, desk):  # noqa: F811
    foreign = desk.signed(desk.signed(role="person"), role="agency", agency=OTHER_AGENCY)
    report = clerk.judge(edxml({"125.pdf": foreign}))

    assert report.sealed_by == ""
    assert rows(report)["Cơ quan ban hành"].value == "Sở (mẫu) (000.00.15.H06)"


def test_the_rules_of_a_document_that_failed_are_failed(clerk, letter):  # noqa: F811
    report = clerk.judge(edxml({"125.pdf": letter.replace(b"Van ban mau", b"Van ban xau", 1)}))
    lines = packet_content_of(report).front.tables[0].lines

    for line in lines[:2]:
        assert line.cells[1][0].text.startswith("SAI: văn bản chính không hợp lệ")
        assert line.indication == "TOTAL_FAILED"
    rules = {r["rule"]: r["outcome"] for r in report.to_dict()["packet"]["rules"]}
    assert (rules["leader"], rules["seal"]) == ("failed", "failed")


def test_a_detached_signature_is_called_one_whatever_it_fits(clerk, desk, letter):  # noqa: F811
    signers = [desk.pki.signer(AGENCY, role="person"), desk.pki.signer(AGENCY)]
    beside = signed_cms(plain_pdf(), signers, signed_at=AT, detached=True)
    broken = letter.replace(b"Van ban mau", b"Van ban xau", 1)
    about = signed_cms(broken, signers, signed_at=AT, detached=True)

    for files in ({"a.pdf": letter, "la.p7s": beside}, {"a.pdf": broken, "a.pdf.p7s": about}):
        report = clerk.judge(edxml(files))
        second = packet_content_of(report).front.tables[1].lines[1]
        assert second.cells[0][1].text.startswith("chữ ký đặt rời")
        assert "p7s (chữ ký đặt rời)" in report.to_text_vi()
        assert report.indication != "TOTAL_PASSED"
    found = clerk.judge(edxml({"a.pdf": letter, "la.p7s": beside})).all_findings()
    calls = {f.message_vi.partition("ebrvt verify ")[2] for f in found}
    assert calls == {"", "TỆP.p7s TỆP."}


def test_the_foot_of_a_packets_page_names_the_packet(clerk, forged):  # noqa: F811
    report = clerk.judge(forged)

    assert f"SHA-256 của gói tin: {report.sha256[:16]}…" in printed(pdf_of([report]))
