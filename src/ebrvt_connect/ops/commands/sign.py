"""`ebrvt sign`: sign a PDF, XML or any other file with a key in a file, a token or at a service."""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from ebrvt_connect.errors import ReconcileFirst
from ebrvt_connect.ops.console import as_json, config_path, note, on_terminal, say, say_json, shown_path
from ebrvt_connect.ops.sign_look import Look
from ebrvt_connect.ops.sign_secret import SecretSource, keep_out_of_cores
from ebrvt_connect.ops.sign_words import advising_the_caller
from ebrvt_connect.ports.bounded import read_bounded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyhanko.sign.timestamps import TimeStamper

    from ebrvt_connect.errors import RetryLater
    from ebrvt_connect.ops.sign_document import Signed, ToSign
    from ebrvt_connect.ops.sign_keys import KeyName

_Path = click.Path(dir_okay=False, path_type=Path)
_File = click.Path(exists=True, dir_okay=False, path_type=Path)
_FORMS_VI = {
    "pades": "PDF, chữ ký PAdES",
    "xades": "XML, chữ ký XAdES",
    "cms": "CMS, nội dung nằm trong tệp (.p7m)",
    "cms-detached": "CMS, nội dung nằm ở tệp gốc (.p7s)",
}
_LONGEST_DOUBT = timedelta(days=1)
_STAMPING_VI = "Đang xin dấu thời gian ở {}; có thể mất vài phút. Ctrl-C để thôi: chưa ghi tệp nào."
_ORDERING_VI = "Ký ở dịch vụ ký số từ xa {}: người ký xác nhận trên thiết bị của mình nếu được hỏi."
_SUFFIXES = {"cms": ".p7m", "cms-detached": ".p7s"}


@click.command(epilog="Example: ebrvt sign so-lieu.xlsx --key p12:dau.p12 --detached -o so-lieu.xlsx.p7s")
@click.argument("file", type=_Path)
@click.option("--key", required=True, help="p12:PATH, pkcs11:URI (RFC 7512), pkcs11:NAME or remote:NAME.")
@click.option("-o", "--out", required=True, type=_Path, help="The signed file; nothing is overwritten.")
@click.option(
    "--role",
    type=click.Choice(["agency", "person", "attachment", "copy"]),
    default="agency",
    show_default=True,
    help="What it is on a PDF: the seal, the leader's signature, the mark of an attachment or of a copy.",
)
@click.option("--detached", is_flag=True, help="A CMS file beside the content (.p7s), whatever FILE is.")
@click.option(
    "--part", default="", help="Sign the XML element with this Id, so that others can sign it, too."
)
@click.option("--image", type=_File, help="PNG of the leader's signature or the seal, for the page.")
@click.option("--place", help="Where on the page: PAGE,LEFT,BOTTOM,RIGHT,TOP in mm; page -1 is the last.")
@click.option(
    "--number", help="Number and symbol of the document an attachment belongs to, e.g. 12/BC-STTTT."
)
@click.option("--copy-form", default="SAO Y", show_default=True, help="SAO Y, SAO LỤC or TRÍCH SAO.")
@click.option("--copy-agency", help="The copying agency (default: as the certificate names it).")
@click.option("--appearance-rules", "rules", type=_File, help="Colours, sizes and words of what is seen.")
@click.option("--no-appearance", is_flag=True, help="Nothing is seen on the page.")
@click.option("--password-env", help="The environment variable that holds the password or PIN.")
@click.option("--password-file", type=_Path, help="A file (chmod 600) that holds it.")
@click.option("--tsa", help="The timestamp authority (RFC 3161), http or https.")
@click.option(
    "--allow-unstamped", is_flag=True, help="Sign without a timestamp if the authority does not answer."
)
@click.option("--again", help="The time an order in doubt was given: a service is asked after it first.")
@as_json
@config_path
def command(  # noqa: PLR0913 - one parameter for each option of the contract
    *,
    file: Path,
    key: str,
    out: Path,
    role: str,
    detached: bool,
    part: str,
    image: Path | None,
    place: str | None,
    number: str | None,
    copy_form: str,
    copy_agency: str | None,
    rules: Path | None,
    no_appearance: bool,
    password_env: str | None,
    password_file: Path | None,
    tsa: str | None,
    allow_unstamped: bool,
    again: str | None,
    json_out: bool,
    config: Path | None,
) -> None:
    """Sign FILE (ký số) into OUT; FILE is left as it is.

    A PDF gets a PAdES signature that is seen as its role asks, XML an enveloped XAdES signature, anything
    else a CMS file. The password or PIN is asked for at the terminal unless a variable or file is named.
    What was made is verified before it is written.

    Exit code: 0 signed; 1 this file cannot be signed, or not with this certificate; 2 a person must act
    (token, PIN, picture); 3 the timestamp authority or signing service does not answer; 4 the key or its
    configuration cannot be used; 64 a wrong call.
    """
    from ebrvt_connect.ops.sign_document import Hand, sign, to_sign
    from ebrvt_connect.ops.sign_keys import KeyName, opened_key
    from ebrvt_connect.transport.clock import SystemClock
    from ebrvt_connect.transport.signing_certificate import check_certificate

    named, secret = KeyName.parse(key), SecretSource(password_env, password_file)
    secret.check()
    keep_out_of_cores()
    _refuse_place(out)
    if allow_unstamped and tsa is None:
        raise click.UsageError("--allow-unstamped chỉ dùng cùng --tsa")
    now = SystemClock().now().replace(microsecond=0)
    ordered = now if again is None else _ordered_at(again, named, now)
    data, mode = _source(file)
    asked = to_sign(data, file.name, detached=detached, part=part, at=ordered)
    look = Look(
        role=role,
        image=image,
        place=place,
        number=number,
        copy_form=copy_form,
        copy_agency=copy_agency,
        rules=rules,
    )
    seen = asked.form == "pades" and not no_appearance
    _check_call(asked, look if seen else None)
    unstamped: list[RetryLater] = []
    with (
        advising_the_caller(look),
        opened_key(named, secret, config, again=again is not None) as signer,
        _stamping(tsa) as timestamper,
    ):
        check_certificate(signer, now)
        hand = Hand(
            signer=signer,
            at=ordered,
            role=look.signature_role,
            appearance=look.appearance(signer) if seen else None,
            timestamper=timestamper,
            on_unstamped=unstamped.append if allow_unstamped else None,
        )
        with _saying_how_to_ask_again(named, ordered):
            done = sign(asked, hand)
    _write(out, done.data, mode)
    _warn(unstamped, out, asked.form)
    told = {"file": shown_path(file), "out": shown_path(out), **_facts(asked, done, role)}
    _tell(told | {"unstamped": _told(unstamped)}, json_out=json_out)


def _ordered_at(text: str, key: KeyName, now: datetime) -> datetime:
    """When the order that is asked after was given; raises `click.UsageError`."""
    if key.where != "remote":
        raise click.UsageError("--again chỉ dùng cho dịch vụ ký số từ xa (--key remote:TÊN)")
    with suppress(ValueError):
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None and timedelta(0) <= now - at <= _LONGEST_DOUBT:
            return at
    raise click.UsageError("--again phải là thời điểm chương trình đã báo, trong vòng một ngày trở lại đây")


@contextmanager
def _saying_how_to_ask_again(key: KeyName, at: datetime) -> Iterator[None]:
    """An order the service may have carried out is told by its time: the same again is the same order.

    Whoever stops waiting leaves such an order, too.
    """
    if key.where == "remote":
        _once_to_watchers(_ORDERING_VI.format(key.name))()
    try:
        yield
    except (ReconcileFirst, KeyboardInterrupt):
        if key.where == "remote":
            from ebrvt_connect.model.period import VIETNAM

            when = at.astimezone(VIETNAM).isoformat()
            note(
                f"Để hỏi lại đúng lệnh ký này mà không ký lần hai: chạy lại nguyên lệnh, thêm --again {when}"
            )
        raise


def _refuse_place(out: Path) -> None:
    if out.exists() or out.is_symlink():
        msg = f"đã có {shown_path(out)}; chương trình không ghi đè nên chưa ký gì"
        raise click.UsageError(msg)
    if not out.parent.is_dir():
        raise click.UsageError(f"không có thư mục {shown_path(out.parent)} để ghi kết quả")
    if not os.access(out.parent, os.W_OK | os.X_OK):
        raise click.UsageError(f"không có quyền ghi vào thư mục {shown_path(out.parent)}; chưa ký gì")


def _source(file: Path) -> tuple[bytes, int]:
    """The content, a byte past the limit at most, and the mode of the file."""
    from ebrvt_connect.trust.policy import VN_2025

    if file == Path("-") and not file.exists():
        raise click.UsageError("lệnh này không đọc đầu vào chuẩn (stdin); nêu tên tệp cần ký")
    with file.open("rb") as stream:
        return read_bounded(stream, VN_2025.largest_bytes), os.fstat(stream.fileno()).st_mode


def _check_call(asked: ToSign, look: Look | None) -> None:
    """What the options say must fit what the file is; raises `click.UsageError`."""
    if asked.part and asked.form != "xades":
        raise click.UsageError("--part chỉ dùng cho tệp XML ký ngay trong tệp")
    if look is not None:
        look.check()


@contextmanager
def _stamping(url: str | None) -> Iterator[TimeStamper | None]:
    """The authority at an address; its path is taken to the letter."""
    if url is None:
        yield None
        return
    from pydantic import ValidationError

    from ebrvt_connect.transport.http import HttpSettings
    from ebrvt_connect.transport.timestamp import TimestampClient, TimestampSettings

    try:
        place = urlsplit(url)
        HttpSettings(url=url)  # the address as a whole, before it is taken apart
        settings = TimestampSettings(
            transport=HttpSettings(url=f"{place.scheme}://{place.netloc}"), path=place.path or "/"
        )
    except (ValidationError, ValueError):
        msg = "--tsa phải là địa chỉ http:// hoặc https:// không kèm mật khẩu và tham số"
        raise click.UsageError(msg) from None
    with TimestampClient.opened(
        settings, on_asking=_once_to_watchers(_STAMPING_VI.format(place.netloc))
    ) as client:
        yield client


def _once_to_watchers(line: str) -> Callable[[], None]:
    """Tells the line once, and only where a person watches."""
    lines = [line] if on_terminal() else []

    def tell() -> None:
        if lines:
            note(lines.pop())

    return tell


def _write(out: Path, content: bytes, mode: int) -> None:
    from ebrvt_connect.ops.file_trouble import file_refusal
    from ebrvt_connect.ops.new_file import write_whole

    try:
        write_whole(out, content, like=mode)
    except FileExistsError:
        raise
    except OSError as failure:
        # A full disk names no file by itself, and the hidden one beside it would tell nobody anything.
        raise file_refusal(failure, shown_path(out)) or failure from failure


def _warn(unstamped: list[RetryLater], out: Path, form: str) -> None:
    for failure in unstamped:
        note(
            "CẢNH BÁO: ĐÃ KÝ NHƯNG KHÔNG CÓ DẤU THỜI GIAN. Thời điểm ký chỉ do người ký tự khai; khi chứng "
            f"thư số hết hạn sẽ không còn căn cứ chứng minh.\n  {failure.code}: {failure.explanation_vi}"
        )
    usual = _SUFFIXES.get(form)
    if usual is not None and out.suffix.lower() != usual:
        note(f"Lưu ý: {shown_path(out)} là tệp chữ ký CMS, tên thường dùng có đuôi {usual}.")


def _told(unstamped: list[RetryLater]) -> dict[str, str] | None:
    return {"code": unstamped[0].code, "reason_vi": unstamped[0].explanation_vi} if unstamped else None


def _facts(asked: ToSign, done: Signed, role: str) -> dict[str, Any]:
    signature = done.signature
    stamp = signature.timestamps[0] if signature.timestamps else None
    return {
        "kind": asked.kind.value,
        "form": asked.form,
        "role": role if asked.form == "pades" else None,
        "signer": signature.signer.model_dump(),
        "certificate_sha256": signature.certificate.sha256 if signature.certificate else "",
        "signed_at": signature.claimed_time,
        "timestamp": None if stamp is None else {"time": stamp.time, "authority": stamp.authority},
        "signatures": done.signatures,
        "sha256": hashlib.sha256(done.data).hexdigest(),
        "size_bytes": len(done.data),
    }


def _tell(told: dict[str, Any], *, json_out: bool) -> None:
    if json_out:
        say_json(told)
        return
    from ebrvt_connect.ops.words import local_time

    say(f"✓ Đã ký: {told['out']} ({_FORMS_VI[told['form']]})")
    say(f"  Người ký: {told['signer']['cn'] or '–'}")
    if told["signed_at"] is not None:
        say(f"  Thời điểm ký: {local_time(told['signed_at'])}")
    if told["timestamp"]:
        stamp = told["timestamp"]
        say(f"  Dấu thời gian: {local_time(stamp['time'])}, {stamp['authority']}")
    say("  Đã tự kiểm tra tính toàn vẹn; giá trị pháp lý kiểm tra bằng: ebrvt verify")
