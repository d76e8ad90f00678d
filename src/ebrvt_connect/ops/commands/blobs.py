"""`ebrvt blobs`: whether all that messages need is there, one of them, and what lies there for nobody."""

from __future__ import annotations

import shutil
import sys
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ebrvt_connect.ops.console import as_json, config_path, say, say_json
from ebrvt_connect.ops.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ebrvt_connect.ops.config import LoadedConfig
    from ebrvt_connect.ports.blobs import CollectableBlobs
    from ebrvt_connect.store.collecting import BlobFault, Collected
    from ebrvt_connect.store.ledger import Ledger

_ROLES_VI = {"original": "bản gốc", "payload": "nội dung gửi đi", "attachment": "tệp đính kèm"}


@click.group(epilog="Example: ebrvt blobs check")
def command() -> None:
    """Check and collect stored contents (kho nội dung)."""


@command.command("check", epilog="Example: ebrvt blobs check --json")
@config_path
@click.option("--quick", is_flag=True, help="Only whether they are there; do not read them.")
@as_json
@click.pass_context
def check_blobs(context: click.Context, *, config: Path | None, quick: bool, json_out: bool) -> None:
    """See that every content a message needs is there and is what it was (kiểm tra kho nội dung).

    Exit code: 0 all is well, 1 something is missing or damaged.
    """
    from ebrvt_connect.store.collecting import check, references

    with _opened(config) as (_, ledger, blobs):
        faults = list(check(blobs, references(ledger.database), read=not quick))
    if json_out:
        say_json({"faults": [_fault_data(fault) for fault in faults]})
    elif faults:
        say("\n".join(_fault_text(fault) for fault in faults))
    else:
        say("Mọi nội dung mà các thông điệp cần đều có" + ("." if quick else " và còn nguyên vẹn."))
    context.exit(int(ExitCode.NO if faults else ExitCode.DONE))


@command.command(epilog="Example: ebrvt blobs show 9f86d081884c7d659a2f... > goi-tin.edxml")
@config_path
@click.argument("sha256", metavar="SHA256")
def show(*, sha256: str, config: Path | None) -> None:
    """Write out one content by its digest, byte for byte (lấy một nội dung đã lưu).

    Wherever it lies: small ones are kept in the ledger itself. To write a file, redirect the output. Exit
    code: 2 if it is not here.
    """
    with _opened(config) as (_, _, blobs), blobs.open(sha256.lower()) as content:
        shutil.copyfileobj(content, sys.stdout.buffer)


@command.command(epilog="Example: ebrvt blobs collect --dry-run")
@config_path
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--adopt", is_flag=True, help="Other ledgers whose contents lay there are gone for good.")
@as_json
def collect(*, config: Path | None, dry_run: bool, adopt: bool, json_out: bool) -> None:
    """Collect contents that nothing names any more (dọn nội dung không còn dùng).

    They are set aside first, and deleted a day later if still nothing names them. The daemon does this by
    itself; it may be at work meanwhile.
    """
    from datetime import UTC, datetime

    from ebrvt_connect.store.collecting import CollectPatience
    from ebrvt_connect.store.collecting import adopt as adopted
    from ebrvt_connect.store.collecting import collect as collected

    with _opened(config) as (loaded, ledger, blobs):
        patience = CollectPatience(unnamed=loaded.config.retention.blobs)
        if adopt and not dry_run:
            adopted(ledger.database, blobs)
        done = collected(ledger.database, blobs, datetime.now(UTC), patience, dry_run=dry_run)
    if json_out:
        say_json(asdict(done))
    else:
        say(collected_text(done, dry_run=dry_run))


def collected_text(done: Collected, *, dry_run: bool) -> str:
    """What a run has done, or would do, in Vietnamese."""
    heading = "Nếu chạy thật, việc dọn sẽ:" if dry_run else "Đã dọn kho nội dung:"
    return "\n".join(
        (
            heading,
            f"  giữ nguyên {done.kept} nội dung",
            f"  để riêng {done.set_aside} nội dung không còn dùng ({done.set_aside_bytes} byte)",
            f"  đưa trở lại {done.brought_back} nội dung vì lại có thông điệp cần",
            f"  xóa hẳn {done.deleted} nội dung đã để riêng quá một ngày ({done.deleted_bytes} byte)",
            f"  xóa {done.unfinished} tệp ghi dở",
        )
    )


@contextmanager
def _opened(config: Path | None) -> Iterator[tuple[LoadedConfig, Ledger, CollectableBlobs]]:
    from ebrvt_connect.ops.blob_place import open_contents
    from ebrvt_connect.ops.config import load_config
    from ebrvt_connect.ops.ledger_access import opened_ledger
    from ebrvt_connect.transport.clock import SystemClock

    loaded = load_config(config)
    with opened_ledger(config) as ledger:
        yield loaded, ledger, open_contents(loaded, ledger.database, SystemClock())


def _fault_data(fault: BlobFault) -> dict[str, Any]:
    return {
        **asdict(fault.reference),
        "code": fault.explanation.code,
        "explanation_vi": fault.sentence_vi,
        "advice_vi": fault.explanation.advice_vi,
    }


def _fault_text(fault: BlobFault) -> str:
    told = fault.reference
    of = f"{_ROLES_VI[told.role]} của thông điệp {told.message_id} ({told.title})"
    advice = fault.explanation.advice_vi
    return f"{of}: {fault.sentence_vi} [{fault.explanation.code}]\n    → {advice}"
