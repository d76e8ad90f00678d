"""`ebrvt proof`: the evidence log exported, checked by anybody, and how it stands."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ebrvt_connect.ops.console import as_json, config_path, say, say_json, shown_path
from ebrvt_connect.ops.exit_codes import ExitCode

if TYPE_CHECKING:
    from ebrvt_connect.ops.config import LoadedConfig
    from ebrvt_connect.ops.proof_bundle import Exported
    from ebrvt_connect.ops.proof_check import ProofReport
    from ebrvt_connect.store.proof import ProofBreak, ProofStanding

_MOST_BREAKS = 20
_BREAKS_VI = {
    "missing": "mục {n} không còn",
    "previous": "mục {n} không nối với mục trước nó",
    "entry": "mục {n} đã bị sửa: không khớp mã băm của nó",
    "message": "thông điệp của mục {n} trong sổ cái không còn như lúc ghi mục",
    "seal-run": "niêm phong {n} không nối với niêm phong trước nó",
    "seal": "niêm phong {n} không khớp các mục mà nó niêm phong",
}


@click.group(epilog="Example: ebrvt proof export 7849/UBND-VP -o bang-chung")
def command() -> None:
    """Prove what was exchanged, to anybody (bằng chứng liên thông)."""


@command.command(epilog="Example: ebrvt proof export 7849/UBND-VP -o bang-chung.zip")
@click.argument("code")
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="New folder, or .zip file.")
@config_path
@as_json
@click.pass_context
def export(context: click.Context, *, code: str, out: Path, config: Path | None, json_out: bool) -> None:
    """Write the evidence on CODE, named as for `ebrvt explain`, with a `check.sh` that needs only openssl.

    Exit code: 1 if CODE is unknown or nothing has come of it yet; 2 if a seal or stamp is still awaited or
    contents are gone (the bundle is written); 64 if there is something at the place already.
    """
    from ebrvt_connect.ops.blob_place import open_contents
    from ebrvt_connect.ops.config import load_config
    from ebrvt_connect.ops.ledger_access import opened_ledger
    from ebrvt_connect.ops.proof_bundle import export as written
    from ebrvt_connect.store.proof import ProofLog
    from ebrvt_connect.transport.clock import SystemClock

    loaded = load_config(config)
    with opened_ledger(config) as ledger:
        log = ProofLog(ledger.database)
        while log.link(datetime.now(UTC)):
            pass
        stories = list(ledger.stories(code))
        if not stories or not log.entries_of([story.message.id for story in stories]):
            say(_nothing_vi(code, known=bool(stories)))
            context.exit(int(ExitCode.NO))
        blobs = open_contents(loaded, ledger.database, SystemClock())
        exported = written(log, blobs, stories, _pinned_roots(loaded), out)
    say_json(_export_data(exported, out)) if json_out else say(_export_text(exported, out))
    waiting = exported.unlinked or exported.unsealed or exported.unstamped or exported.absent
    context.exit(int(ExitCode.UNDECIDED if waiting else ExitCode.DONE))


def _nothing_vi(code: str, *, known: bool) -> str:
    if known:
        return f"“{code}” chưa có kết quả nào (chưa gửi xong, chưa bị từ chối) nên chưa có bằng chứng."
    return f"Không tìm thấy “{code}” trong sổ cái."


def _pinned_roots(loaded: LoadedConfig) -> bytes:
    """The roots for timestamps that this place trusts (PEM); nothing where its trust folder does not read."""
    from cryptography.hazmat.primitives.serialization import Encoding

    from ebrvt_connect.errors import ConnectError, InvalidValue
    from ebrvt_connect.transport.trust_folder import load_trust_folder

    try:
        store = load_trust_folder(loaded.resolve(loaded.config.trust.folder))
    except (ConnectError, InvalidValue):
        return b""
    anchors = {anchor.certificate for anchor in store.for_timestamps}
    return b"".join(sorted(certificate.public_bytes(Encoding.PEM) for certificate in anchors))


def _export_data(exported: Exported, out: Path) -> dict[str, Any]:
    return {
        "bundle": str(out),
        "entries": list(exported.entries),
        "unlinked": exported.unlinked,
        "unsealed": exported.unsealed,
        "unstamped": exported.unstamped,
        "signatures": exported.signatures,
        "absent": [{"entry": number, "content": role} for number, role in exported.absent],
    }


def _export_text(exported: Exported, out: Path) -> str:
    from ebrvt_connect.ops.proof_bundle import TOLD_VI

    lines = [f"Đã xuất {len(exported.entries)} mục bằng chứng vào {shown_path(out)}."]
    if exported.signatures:
        lines.append(f"  Kèm {exported.signatures} chữ ký số tách riêng để kiểm tra bằng openssl.")
    if exported.unlinked:
        lines.append(f"  {exported.unlinked} mục vừa ghi chưa vào chuỗi nên chưa được xuất; xuất lại sau.")
    if exported.unsealed:
        lines.append(
            f"  {exported.unsealed} mục chưa được niêm phong (niêm phong khi hết giờ); xuất lại sau."
        )
    if exported.unstamped:
        lines.append(f"  {exported.unstamped} niêm phong đang chờ dấu thời gian; xuất lại khi đã có.")
    for number, role in exported.absent:
        lines.append(
            f"  Mục {number}: không còn {TOLD_VI[role]} đúng mã băm đã ghi"
            " (hết thời hạn lưu giữ; nếu không phải, chạy ebrvt blobs check)."
        )
    lines.append("Người nhận kiểm tra bằng: sh check.sh CHUNG-THU-GOC.pem (xem README.txt trong đó).")
    return "\n".join(lines)


@command.command(epilog="Example: ebrvt proof check bang-chung.zip --roots goc-tsa.pem")
@click.argument("bundle", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--roots",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Roots of the timestamp authority to trust (PEM), instead of those in the bundle.",
)
@as_json
@click.pass_context
def check(context: click.Context, *, bundle: Path, roots: Path | None, json_out: bool) -> None:
    """Check a bundle offline, as its own `check.sh` does.

    Exit code: 0 it proves what it says; 1 something in it is wrong; 2 a seal, stamp, content or root is not
    there.
    """
    from ebrvt_connect.ops.proof_check import check as checked

    report = checked(bundle, None if roots is None else roots.read_bytes())
    say_json(_check_data(report)) if json_out else say(_check_text(report))
    context.exit(int(_conclusion(report)))


def _conclusion(report: ProofReport) -> ExitCode:
    if report.wrong:
        return ExitCode.NO
    return ExitCode.UNDECIDED if report.open else ExitCode.DONE


def _check_data(report: ProofReport) -> dict[str, Any]:
    return {
        "conclusion": {0: "proven", 1: "wrong", 2: "undecided"}[int(_conclusion(report))],
        "entries": report.entries,
        "stamped": {str(number): at for number, at in report.stamped.items()},
        "roots_sha256": list(report.roots),
        "signatures": [asdict(told) for told in report.signatures],
        "findings": [
            {
                "code": finding.code,
                "weight": finding.weight.value,
                "message_vi": finding.message_vi,
                "advice_vi": finding.advice_vi,
            }
            for finding in report.findings
        ],
    }


def _check_text(report: ProofReport) -> str:
    from ebrvt_connect.ops.words import local_time

    lines = [f"{f.message_vi} [{f.code}]\n  → {f.advice_vi}" for f in report.findings]
    for number, at in sorted(report.stamped.items()):
        lines.append(f"Niêm phong {number} có dấu thời gian lúc {local_time(at)} (+07:00).")
    for told in report.signatures:
        said = "khớp nội dung" if told.holds else "không xác nhận được (xem kết quả kiểm tra trong bộ)"
        lines.append(f"Chữ ký {told.number} trên content/{told.file}: {said}")
        lines.append(f"  người ký: {told.signer}, SHA-256 chứng thư {told.certificate_sha256}")
    lines += [f"Chứng thư gốc được tin cậy: SHA-256 {sha256}" for sha256 in report.roots]
    conclusions = {
        ExitCode.NO: "KẾT LUẬN: KHÔNG ĐÚNG.",
        ExitCode.UNDECIDED: "KẾT LUẬN: chưa đủ để kết luận.",
        ExitCode.DONE: f"KẾT LUẬN: ĐÚNG ({report.entries} mục).",
    }
    return "\n".join([*lines, conclusions[_conclusion(report)]])


@command.command(epilog="Example: ebrvt proof status")
@config_path
@as_json
@click.pass_context
def status(context: click.Context, *, config: Path | None, json_out: bool) -> None:
    """Tell how far the evidence log is linked, sealed and stamped; check all of it, and the database's file.

    Exit code: 1 if it is broken anywhere; 2 if seals wait for their stamps.
    """
    from itertools import chain, islice

    from ebrvt_connect.ops.ledger_access import opened_ledger
    from ebrvt_connect.store.proof import ProofLog
    from ebrvt_connect.store.proof_audit import altered
    from ebrvt_connect.store.soundness import refuse_unsound

    with opened_ledger(config) as ledger:
        refuse_unsound(ledger.database)
        log = ProofLog(ledger.database)
        standing = log.standing()
        breaks = list(islice(chain(log.breaks(), altered(ledger.database)), _MOST_BREAKS))
    say_json(_status_data(standing, breaks)) if json_out else say(_status_text(standing, breaks))
    if breaks:
        context.exit(int(ExitCode.NO))
    context.exit(int(ExitCode.UNDECIDED if standing.unstamped else ExitCode.DONE))


def _status_data(standing: ProofStanding, breaks: list[ProofBreak]) -> dict[str, Any]:
    return {
        "entries": standing.entries,
        "unlinked": standing.unlinked,
        "unsealed": standing.unsealed,
        "seals": standing.seals,
        "unstamped": standing.unstamped,
        "stamped_until": standing.stamped_until,
        "last_stamped_at": standing.last_stamped_at,
        "breaks": [{"number": one.number, "what": one.what} for one in breaks],
    }


def _status_text(standing: ProofStanding, breaks: list[ProofBreak]) -> str:
    from ebrvt_connect.ops.words import local_time

    last = f" (lần cuối {local_time(standing.last_stamped_at)})" if standing.last_stamped_at else ""
    waiting = f"{standing.unlinked} chưa vào chuỗi, {standing.unsealed} chờ niêm phong"
    lines = [
        f"Nhật ký bằng chứng: {standing.entries} mục, {waiting}.",
        f"Niêm phong: {standing.seals}, trong đó {standing.unstamped} chờ dấu thời gian.",
        f"Có dấu thời gian tới mục {standing.stamped_until}{last}."
        if standing.stamped_until
        else "Chưa mục nào có dấu thời gian (xem ebrvt doctor).",
    ]
    lines += [f"ĐỨT CHUỖI: {_BREAKS_VI[one.what].format(n=one.number)}." for one in breaks]
    if len(breaks) == _MOST_BREAKS:
        lines.append("(còn nữa)")
    if breaks:
        lines.append("Giữ nguyên cơ sở dữ liệu, đối chiếu với bản sao lưu gần nhất và báo bộ phận an toàn.")
    else:
        lines.append("Toàn bộ chuỗi đã kiểm tra: không đứt chỗ nào.")
    return "\n".join(lines)
