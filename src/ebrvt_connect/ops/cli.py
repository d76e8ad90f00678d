"""`ebrvt`: the command line, a contract of names, JSON shapes and exit codes (docs/operate/cli.md).

Commands live in `ops/commands`, a module each, and are imported only when called, so that `--help`
answers at once. JSON goes to stdout with `--json`, human text without it; diagnostics go to stderr.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from ebrvt_connect import __version__
from ebrvt_connect.errors import ConnectError, Effect, InvalidValue, explain
from ebrvt_connect.ops.console import note, speak_utf8
from ebrvt_connect.ops.exit_codes import INTERRUPTED, ExitCode
from ebrvt_connect.ops.file_trouble import file_refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

EXTRA_NOT_INSTALLED = explain(
    "EXTRA_NOT_INSTALLED",
    "Chưa cài đặt thư viện {module} mà lệnh này cần.",
    "Cài đặt đầy đủ bằng: pip install 'ebrvt-connect[daemon,demo]'.",
)

_COMMANDS = {
    "verify": "Verify the digital signatures of documents (kiểm tra chữ ký số).",
    "sign": "Sign a PDF, XML or any other file (ký số).",
    "evidence": "List, check again and delete what verdicts rested on (bằng chứng kiểm tra).",
    "trust": "Keep the pinned trust folder: add, remove, list, check, refresh (kho tin cậy).",
    "edxml": "Show, check, unpack and build edXML packets (gói tin văn bản).",
    "sandbox": "Run the simulated remote systems on loopback.",
    "demo": "The main job on simulated remotes, from documents to report.",
    "run": "The daemon: carry messages between the configured systems.",
    "status": "What has been carried, what waits, what is held.",
    "explain": "The story of one document or message, in Vietnamese.",
    "proof": "Export and check evidence of what was exchanged (bằng chứng liên thông).",
    "dead": "List, explain, requeue or skip what was given up (bỏ cuộc) or refused.",
    "incidents": "What is wrong, since when, who was told (sự cố).",
    "held": "List, release, return, refuse or confirm what waits for a person.",
    "report": "Build a period's report from the ledger, show it, have it sent.",
    "blobs": "Check and collect stored contents (kho nội dung).",
    "retention": "How long finished things are kept; give up what is kept long enough.",
    "pause": "Leave a linked system alone.",
    "drain": "Let what waits for a system go out, and take nothing more in.",
    "resume": "Take a paused or drained system up again.",
    "store": "Give back room that the ledger's file no longer needs.",
    "migrate-store": "Move the ledger to another database.",
    "adapters": "The systems that can be linked.",
    "new-adapter": "Make an adapter for another system, with its simulator and tests.",
    "conformance": "Hold an adapter to what every adapter promises.",
    "doctor": "Check configuration, trust, store and remotes; name cause and cure.",
}
_CONFIGURATION_CODES = ("CONFIG_", "TRUST_", "SIGNER_REGISTER_", "ONLINE_SETTINGS_", "TLS_FILE_")
"""The trust folder, the register of signers and the files for TLS are configuration, too."""
_WRONG_CALL_CODES = (
    "ADAPTER_NAME_",
    "ADAPTER_FOLDER_",
    "SYSTEM_UNKNOWN",
    "DISK_FULL",
    "FILE_UNUSABLE",
    "PROOF_OUT_TAKEN",
    "PROOF_NOT_A_BUNDLE",
)
"""What was asked for cannot be meant: another name or place has to be given."""
_DATABASE_ROOMS = frozenset({"sqlalchemy", "psycopg"})
"""A database that goes away while the dispatcher starts is told of by its own libraries."""
_HELP_WANTED = getattr(click.exceptions, "NoArgsIsHelpError", ())
"""A group called without a command: its help is the answer. Older click has no such exception."""
_STOPPED_VI = "Đã dừng; chạy lại lệnh để làm tiếp."


class _LazyGroup(click.Group):
    """Knows its commands by name and one line; imports one only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"ebrvt_connect.ops.commands.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_LazyGroup, epilog="Example: ebrvt verify cong-van.pdf --trust trust/")
@click.version_option(__version__, prog_name="ebrvt")
def ebrvt() -> None:
    """Interlink a province's systems with national ones: documents, dossiers and reports.

    Kết nối, liên thông văn bản điện tử, hồ sơ thủ tục hành chính và báo cáo: xác minh chữ ký số, gửi nhận
    qua trục liên thông, đồng bộ Cổng Dịch vụ công quốc gia, nộp báo cáo.
    """


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and end with its exit code; no traceback ever reaches the operator."""
    speak_utf8()
    sys.exit(_run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    """The exit code; whatever escapes a command becomes a few lines on stderr."""
    try:
        return int(ebrvt.main(args=arguments, prog_name="ebrvt", standalone_mode=False) or ExitCode.DONE)
    except click.exceptions.Exit as done:
        return done.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _interrupted()
    except click.ClickException as misuse:
        return _misused(misuse)
    except Exception as escaped:  # noqa: BLE001 - the last fence: a code to quote instead of a traceback
        return _interrupted() if _while_stopping(escaped) else _failed(escaped)


def _interrupted() -> int:
    note(_STOPPED_VI)
    return INTERRUPTED


def _while_stopping(failure: BaseException) -> bool:
    """Whether a failure came of stopping on Ctrl-C: the person who stopped it is not to read of errors."""
    cause: BaseException | None = failure
    while cause is not None and not isinstance(cause, KeyboardInterrupt):
        cause = cause.__cause__ or cause.__context__
    return cause is not None


def _misused(misuse: click.ClickException) -> ExitCode:
    if isinstance(misuse, _HELP_WANTED):
        misuse.show()
    else:
        from ebrvt_connect.ops.misuse import misuse_vi

        note(misuse_vi(misuse))
    return ExitCode.USAGE


def _failed(failure: Exception) -> ExitCode:
    if isinstance(failure, InvalidValue):
        tell(failure.code, failure.detail, failure.sentence_vi, failure.advice_vi)
        return _refusal_code(failure)
    if isinstance(failure, ConnectError):
        tell(failure.code, str(failure), failure.explanation_vi, failure.advice_vi)
        return exit_code_of(failure)
    if type(failure).__module__.split(".")[0] in _DATABASE_ROOMS:
        from ebrvt_connect.store.connect import told_by_any

        told = told_by_any(failure)
        if told is not None:
            return _failed(told)
    return _escaped(failure)


def _refusal_code(refusal: InvalidValue) -> ExitCode:
    from ebrvt_connect.ops.config import ConfigInvalid

    if isinstance(refusal, ConfigInvalid) or _is_configuration(refusal.code):
        return ExitCode.CONFIGURATION
    return ExitCode.USAGE if refusal.code.startswith(_WRONG_CALL_CODES) else ExitCode.NO


def exit_code_of(failure: ConnectError) -> ExitCode:
    """The exit code that an effect stands for; a wrong configuration is one whatever its effect."""
    if _is_configuration(failure.code):
        return ExitCode.CONFIGURATION
    match failure.effect:
        case Effect.RETRY_LATER:
            return ExitCode.UNAVAILABLE
        case Effect.RECONCILE_FIRST | Effect.HELD_FOR_PERSON:
            return ExitCode.UNDECIDED
        case Effect.REJECTED:
            return ExitCode.NO


def tell(code: str, detail: str, sentence_vi: str, advice_vi: str) -> None:
    """One failure on stderr: the code, the Vietnamese sentence, the advice, then developer English."""
    note(f"{code}: {sentence_vi}\n  Cách xử lý: {advice_vi}\n  ({detail})")


def _is_configuration(code: str) -> bool:
    return code.startswith(_CONFIGURATION_CODES)


def _escaped(escaped: Exception) -> ExitCode:
    if isinstance(escaped, ModuleNotFoundError) and not (escaped.name or "ebrvt").startswith("ebrvt"):
        said = InvalidValue(EXTRA_NOT_INSTALLED, str(escaped), module=escaped.name)
        code = ExitCode.CONFIGURATION
    elif isinstance(escaped, OSError) and (refusal := file_refusal(escaped)) is not None:
        said, code = refusal, ExitCode.USAGE
        if escaped.filename is None:
            _let_go_of_stdout()
    else:
        return _internal(escaped)
    tell(said.code, said.detail, said.sentence_vi, said.advice_vi)
    return code


def _let_go_of_stdout() -> None:
    """What stdout could not take stays in its buffer, and the interpreter would fail of it once more."""
    with contextlib.suppress(OSError, ValueError):  # a stand-in without a descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _internal(escaped: Exception) -> ExitCode:
    """A short code that tells two internal errors apart, without the data they may carry."""
    frames = traceback.extract_tb(escaped.__traceback__)
    place = "|".join(f"{frame.name}:{frame.lineno}" for frame in frames[-4:])
    mark = hashlib.sha256(f"{type(escaped).__name__}|{place}".encode()).hexdigest()[:8]
    last = frames[-1] if frames else None
    where = f"{Path(last.filename).name}, line {last.lineno}, in {last.name}" if last else "unknown place"
    tell(
        f"INTERNAL-{mark}",
        f"{type(escaped).__name__} at {where}",
        "Chương trình gặp lỗi nội bộ.",
        "Gửi mã lỗi này cho bộ phận kỹ thuật; dữ liệu đã lưu không bị ảnh hưởng.",
    )
    return ExitCode.INTERNAL


if __name__ == "__main__":
    main()
