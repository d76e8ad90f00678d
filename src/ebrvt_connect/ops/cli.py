"""`ebrvt`: the command line, a contract of names, JSON shapes and exit codes (docs/operate/cli.md).

Commands live in `ops/commands` and are imported only when called, so that `--help` answers at once.
JSON goes to stdout with `--json`, human text without it; diagnostics go to stderr.
"""

from __future__ import annotations

import hashlib
import importlib
import sys
import traceback
from typing import TYPE_CHECKING, NoReturn

import click

from ebrvt_connect import __version__
from ebrvt_connect.errors import ConnectError, Effect, InvalidValue
from ebrvt_connect.ops.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

_COMMANDS: dict[str, tuple[str, str]] = {
    "verify": ("verify", "Verify the digital signatures of documents (kiểm tra chữ ký số)."),
    "edxml": ("edxml", "Show, check, unpack and build edXML packets (gói tin văn bản)."),
    "sandbox": ("sandbox", "Run the simulated remote systems on loopback."),
    "demo": ("demo", "The main job on simulated remotes, from documents to report."),
    "run": ("run", "The daemon: carry messages between the configured systems."),
    "status": ("status", "What has been carried, what waits, what is held."),
    "explain": ("explain", "The story of one document or message, in Vietnamese."),
    "adapters": ("adapters", "The systems that can be linked."),
    "doctor": ("doctor", "Check configuration, trust, store and remotes; name cause and cure."),
}


class _LazyGroup(click.Group):
    """Knows its commands by name and one line; imports one only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"ebrvt_connect.ops.commands.{_COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in _COMMANDS.items()])


@click.group(cls=_LazyGroup, epilog="Example: ebrvt verify cong-van.pdf --trust trust/")
@click.version_option(__version__, prog_name="ebrvt")
def ebrvt() -> None:
    """Interlink documents between provincial systems and the national axis.

    Kết nối, liên thông văn bản điện tử: xác minh chữ ký số, gửi nhận qua trục liên thông.
    """


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and end with its exit code; no traceback ever reaches the operator."""
    try:
        code = ebrvt.main(args=arguments, prog_name="ebrvt", standalone_mode=False)
    except click.exceptions.Exit as done:
        code = done.exit_code
    except click.Abort:
        code = 130
    except click.UsageError as misuse:
        misuse.show()
        code = ExitCode.USAGE
    except InvalidValue as refusal:
        tell(refusal.code, refusal.detail, refusal.sentence_vi, refusal.advice_vi)
        code = ExitCode.CONFIGURATION if refusal.code.startswith("CONFIG_") else ExitCode.NO
    except ConnectError as failure:
        tell(failure.code, str(failure), failure.explanation_vi, failure.advice_vi)
        code = exit_code_of(failure)
    except BrokenPipeError:
        code = ExitCode.DONE
    except Exception as escaped:  # noqa: BLE001 - the last fence: a code to quote instead of a traceback
        code = _internal(escaped)
    sys.exit(int(code or 0))


def exit_code_of(failure: ConnectError) -> ExitCode:
    """The exit code that an effect stands for."""
    match failure.effect:
        case Effect.RETRY_LATER:
            return ExitCode.UNAVAILABLE
        case Effect.RECONCILE_FIRST | Effect.HELD_FOR_PERSON:
            return ExitCode.UNDECIDED
        case Effect.REJECTED:
            return ExitCode.NO


def tell(code: str, detail: str, sentence_vi: str, advice_vi: str) -> None:
    """One failure on stderr: the code, the Vietnamese sentence, the advice, then developer English."""
    click.echo(f"{code}: {sentence_vi}\n  Cách xử lý: {advice_vi}\n  ({detail})", err=True)


def _internal(escaped: Exception) -> ExitCode:
    """A short code that tells two internal errors apart, without the data they may carry."""
    frames = traceback.extract_tb(escaped.__traceback__)
    place = "|".join(f"{frame.name}:{frame.lineno}" for frame in frames[-4:])
    mark = hashlib.sha256(f"{type(escaped).__name__}|{place}".encode()).hexdigest()[:8]
    where = f"{frames[-1].name}, line {frames[-1].lineno}" if frames else "unknown place"
    tell(
        f"INTERNAL-{mark}",
        f"{type(escaped).__name__} in {where}",
        "Chương trình gặp lỗi nội bộ.",
        "Gửi mã lỗi này cho bộ phận kỹ thuật; dữ liệu đã lưu không bị ảnh hưởng.",
    )
    return ExitCode.INTERNAL


if __name__ == "__main__":
    main()
