"""What `ebrvt sign` says when it does not sign: in words of the call, never of a configuration."""

import os
import pty
import select
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import click
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from ebrvt_connect.ops.sign_secret import SecretSource
from ebrvt_connect.testing import softhsm
from ebrvt_connect.testing.pki_issue import Request, issue
from ebrvt_connect.testing.remote_signing_service import HeldKey, RemoteSigningService
from ebrvt_connect.transport import signing_certificate
from ebrvt_connect.transport.clock import SystemClock
from tests.integration.cli.signing.sign_samples import (
    ACCOUNT,
    AGENCY,
    PASSWORD,
    PIN,
    authority,
    bundle,
    needs_softhsm,
    nothing_written,
    secret_file,
)

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


def test_a_byte_order_mark_is_no_part_of_a_password(sign, place):
    """Notepad writes one, and a token would have counted a wrong PIN."""
    (place / "mk").write_text(f"{PASSWORD}\r\n", "utf-8-sig")

    assert sign("so-lieu.csv", "ra.p7s", "--detached").code == 0


@pytest.mark.parametrize("typed", ["2468đ357", " 24681357", "24681357 "])
def test_a_pin_that_was_surely_mistyped_is_not_given(monkeypatch, typed):
    """Vietnamese typing aids write accents into what nobody sees, and each wrong PIN counts."""
    monkeypatch.setattr(SecretSource, "_typed", lambda *_: typed)

    with pytest.raises(click.UsageError, match="tắt bộ gõ tiếng Việt"):
        SecretSource(None, None).ask_pin("mã PIN")
    assert SecretSource(None, None).ask("mật khẩu") == typed


@needs_softhsm
def test_a_refused_pin_warns_of_the_lock_and_never_says_try_again(sign, place, pki, tmp_path, monkeypatch):
    """The advice was that of a daemon: try it in another program, then start again."""
    monkeypatch.setenv(softhsm.CONFIGURATION, "")
    softhsm.use_folder(tmp_path / "softhsm")
    token = softhsm.SoftToken.make("dau loi", PIN)
    token.add_key(pki.identity(f"{AGENCY}-agency-good").key, label="con-dau", key_id="a1")
    where = f"pkcs11:token=dau%20loi;id=%a1?module-path={token.module}"

    told(place, sign("so-lieu.csv", "ra", key=where), 2, "TOKEN_PIN_REFUSED", "ĐỪNG thử lại", "tự khóa")
    told(place, sign("so-lieu.csv", "ra", key=where), 2, "TOKEN_PIN_AT_RISK", "đăng nhập thành công một lần")
    other = where.replace("dau%20loi", "khac")
    told(place, sign("so-lieu.csv", "ra", key=other), 2, "TOKEN_NOT_PRESENT", "token, slot-id ở --key")


def test_a_pin_that_the_service_refuses_warns_of_the_lock_as_well(sign, place, pki):
    held = HeldKey(pki.signer(AGENCY, role="person"), PIN)
    service = RemoteSigningService({"lanh-dao": held}, f"Bearer {ACCOUNT}", SystemClock())
    secret_file(place / "tai-khoan", ACCOUNT)
    with service.listening() as url:
        (place / "ebrvt.toml").write_text(
            '[province]\ncode = "H06"\n[signing.ky]\nkind = "remote"\ncredential_id = "lanh-dao"\n'
            f'transport = {{ url = "{url}" }}\naccount = {{ token = {{ file = "tai-khoan" }} }}\n',
            "utf-8",
        )
        answer = sign("so-lieu.csv", "ra", key="remote:ky")

    told(place, answer, 2, "REMOTE_PIN_REFUSED", "ĐỪNG thử lại", "khóa chứng thư sau vài lần nhập sai")


def test_a_certificate_is_asked_after_once(sign, place, monkeypatch):
    """For a PDF the command and the library both did."""
    asked, check = [], signing_certificate.check_certificate
    monkeypatch.setattr(
        signing_certificate, "check_certificate", lambda signer, at: (asked.append(at), check(signer, at))
    )

    assert sign("thu.pdf", "ra", "--no-appearance").code == 0
    assert len(asked) == 1


@contextmanager
def silent_authority():
    """Takes a connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.parametrize("file", ["thu.pdf", "ket-qua.xml", "so-lieu.csv"])
def test_a_silent_authority_is_told_of_on_a_terminal_and_ctrl_c_ends_the_wait_at_once(place, file):
    """Nothing was said for minutes, and Ctrl-C was heard only once the authority had given up."""
    command = [sys.executable, "-m", "ebrvt_connect.ops.cli", "sign", file, "--key", "p12:dau.p12"]
    command += ["--password-file", "mk", "--no-appearance", "-o", "ra", "--tsa"]
    with silent_authority() as where:
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [*command, f"http://{where}/tsa"], stdin=theirs, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        seen, stopped, ends_at = "", False, time.monotonic() + 90
        while time.monotonic() < ends_at:
            if select.select([ours], [], [], 0.1)[0]:
                try:
                    seen += os.read(ours, 65536).decode("utf-8", "replace")
                except OSError:
                    break
            if not stopped and f"Đang xin dấu thời gian ở {where}" in seen:
                process.send_signal(signal.SIGINT)
                stopped = True
        os.close(ours)
        code = process.wait(timeout=60)

    assert (code, "Đã dừng" in seen, "Traceback" in seen) == (130, True, False), seen
    assert not (place / "ra").exists()


def test_nobody_is_told_of_waiting_where_nobody_watches(sign, place, pki):
    with authority(pki) as url:
        answer = sign("so-lieu.csv", "ra.p7m", "--tsa", url)

    assert (answer.code, answer.err) == (0, "")


def test_a_dash_is_no_file(sign, place):
    told(place, sign("-", "ra"), 64, "không đọc đầu vào chuẩn (stdin)")
