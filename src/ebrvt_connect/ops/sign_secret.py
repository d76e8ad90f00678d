"""Where `ebrvt sign` has a password or PIN from: a variable, a file, or the person at the terminal.

Never an argument of the call: the list of processes and the shell's history show those to everybody.
"""

from __future__ import annotations

import resource
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from ebrvt_connect.ops.console import shown_path
from ebrvt_connect.ops.redaction import remember_secret
from ebrvt_connect.ops.sign_words import advise

_MISTYPED_VI = (
    "mã PIN vừa nhập có chữ có dấu hoặc dấu cách ở đầu, ở cuối nên chưa thử với thiết bị; tắt bộ gõ tiếng "
    "Việt rồi nhập lại (mã PIN có dấu thật thì dùng --password-file)"
)


def keep_out_of_cores() -> None:
    """Let no crash of this process write its memory to a file: a PIN may stand in it."""
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))


@dataclass(frozen=True, slots=True)
class SecretSource:
    """How a secret is had when it is needed; nothing is read before."""

    environment: str | None
    """The name of a variable."""
    file: Path | None
    """A file that only its owner may read."""

    def check(self) -> None:
        """Raises `click.UsageError` when two places are named."""
        if self.environment is not None and self.file is not None:
            raise click.UsageError("chỉ nêu một trong hai: --password-env hoặc --password-file")

    def ask(self, what_vi: str) -> str:
        """The secret; `what_vi` is what a person is asked for.

        Raises `ConfigInvalid` `CONFIG_SECRET` for a variable or file that brings none or that others can
        read, and `click.UsageError` where there is nobody to ask.
        """
        if self.environment is not None:
            advice = f"Đặt mật khẩu vào biến môi trường {self.environment}, rồi chạy lại lệnh."
            return _named({"env": self.environment}, "--password-env", advice)
        if self.file is not None:
            advice = f"Ghi mật khẩu vào tệp đó, chỉ chủ sở hữu đọc được: chmod 600 {shown_path(self.file)}"
            return _named({"file": str(self.file)}, "--password-file", advice)
        return self._typed(what_vi)

    def ask_pin(self, what_vi: str) -> str:
        """A PIN, as `ask`; one that was surely mistyped is not even given: each wrong one counts.

        Raises `click.UsageError` also for a typed one with accents or blanks around it.
        """
        said = self.ask(what_vi)
        if self.environment is None and self.file is None and (not said.isascii() or said != said.strip()):
            raise click.UsageError(_MISTYPED_VI)
        return said

    def _typed(self, what_vi: str) -> str:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            msg = f"cần {what_vi}: chạy lệnh ở cửa sổ dòng lệnh, hoặc dùng --password-file hay --password-env"
            raise click.UsageError(msg)
        said: str = click.prompt(
            what_vi[:1].upper() + what_vi[1:], hide_input=True, err=True, default="", show_default=False
        )
        if said:
            remember_secret(said)
        return said


def _named(reference: dict[str, str], option: str, advice_vi: str) -> str:
    """What the option leads to; there is no configuration that would have to be changed."""
    from ebrvt_connect.ops.config import ConfigInvalid, secret_of

    try:
        return secret_of(reference, option)
    except ConfigInvalid as failure:
        advise(failure, advice_vi)
        raise
