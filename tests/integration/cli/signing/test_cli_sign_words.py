"""What `ebrvt sign` says when it does not sign: in words of the call, never of a configuration."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from ebrvt_connect.testing.pki_issue import Request, issue
from tests.integration.cli.signing.sign_samples import AGENCY, PASSWORD, bundle, nothing_written, secret_file

SERVICE_WORDS = ("cấu hình", "khởi động lại", "tự thử lại", "{ file")


def told(place, answer, code, *words):
    nothing_written(place, answer, code, words[0])
    for word in words:
        assert word in answer.err
    for word in SERVICE_WORDS:
        assert word not in answer.err, answer.err


def test_a_silent_authority_does_not_promise_to_try_again(sign, place, monkeypatch):
    monkeypatch.setattr("ebrvt_connect.transport.patience.FIRST_WAIT_SECONDS", 0.001)

    answer = sign("so-lieu.csv", "ra", "--tsa", "http://127.0.0.1:9/tsa")

    told(place, answer, 3, "Chưa ký gì. Chạy lại sau, hoặc thêm --allow-unstamped.")


def test_a_key_file_that_does_not_open_is_named(sign, place, pki):
    secret_file(place / "sai", "khong-phai")
    certificates = [pki.identity(f"{AGENCY}-agency-good").certificate]
    (place / "khong-khoa.p12").write_bytes(
        pkcs12.serialize_key_and_certificates(
            b"k", None, None, certificates, BestAvailableEncryption(PASSWORD.encode())
        )
    )

    told(
        place,
        sign("so-lieu.csv", "ra", secret=("--password-file", "sai")),
        4,
        "tệp khóa dau.p12: sai mật khẩu",
    )
    told(
        place,
        sign("so-lieu.csv", "ra", key="p12:dau.png"),
        4,
        "tệp khóa dau.png: không phải tệp khóa PKCS#12",
    )
    told(place, sign("so-lieu.csv", "ra", key="p12:khong-khoa.p12"), 4, "tệp khóa khong-khoa.p12: ")


def test_a_password_that_others_can_read_is_told_with_the_command_that_cures_it(sign, place):
    (place / "mk").chmod(0o644)

    answer = sign("so-lieu.csv", "ra")

    told(place, answer, 4, "Cách xử lý: Ghi mật khẩu vào tệp đó, chỉ chủ sở hữu đọc được: chmod 600 mk")
    assert "_ReadByOthers" not in answer.err


def test_a_certificate_out_of_its_time_is_called_by_its_common_name(sign, place, pki):
    late = Request("Sở Hết Hạn", valid_to=datetime.now(UTC) - timedelta(days=1))
    made = issue(late, pki.identity("issuer"), ec.generate_private_key(ec.SECP256R1()))
    (place / "het.p12").write_bytes(bundle(made))

    told(place, sign("so-lieu.csv", "ra", key="p12:het.p12"), 1, "Chứng thư số “Sở Hết Hạn” đã hết hạn từ")


@pytest.mark.parametrize(
    ("content", "part", "why"),
    [
        ("<a><!-- ghi chú --></a>", "", "trong tệp có chú thích hoặc chỉ thị xử lý"),
        ('<a><b Id="p"/></a>', "khôngcó", "không có phần tử nào có Id “khôngcó”"),
        ('<a><b Id="p"/><c Id="p"/></a>', "p", "có 2 phần tử cùng Id “p”"),
        ('<a Id="1"/>', "", "Id “1” không phải là tên XML"),
        ('<a Id="g"><b Id="p"/></a>', "g", "phần tử có Id “g” là cả tệp"),
        ('<a><b Id="p"/>chữ</a>', "p", "ngay sau phần tử có Id “p” còn có chữ"),
    ],
    ids=["comment", "no such part", "twice", "bad Id", "the root", "text behind"],
)
def test_xml_that_cannot_be_signed_is_told_by_its_one_fault(sign, place, content, part, why):
    (place / "a.xml").write_text(content, "utf-8")

    answer = sign("a.xml", "ra", *(("--part", part) if part else ()))

    told(place, answer, 1, f"Không ký được tệp XML a.xml: {why}")


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        (("--image", "dau.png", "--place", "9,110,60,190,90"), "Sửa --place"),
        (("--role", "copy", "--copy-agency", "Sở " * 1700), "Rút ngắn tên cơ quan bằng --copy-agency"),
        (("--image", "dau.png"), "Ký lãnh đạo trước, hoặc --place."),
    ],
    ids=["page 9 of 1", "5,000 letters", "no leader"],
)
def test_what_has_no_place_on_the_page_is_advised_in_options(sign, place, options, advice):
    told(place, sign("thu.pdf", "ra", *options), 2, advice, "SIGNATURE_PLACE_UNUSABLE")


def test_a_dash_is_no_file(sign, place):
    told(place, sign("-", "ra"), 64, "không đọc đầu vào chuẩn (stdin)")
