"""Trust material named for one call of `ebrvt verify` (`--anchor`, `--cert`, `--crl`, `--ocsp`).

What does not read is a wrong call, told with the option and the file's own name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ebrvt_connect.ops.console import note, shown_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

_NO_TRUST_VI = (
    "Chưa dùng kho tin cậy nào (không có --trust, --anchor, cũng không có thư mục ./trust) nên không chữ ký "
    "nào có thể được kết luận là hợp lệ. Nêu kho bằng --trust; chưa có kho thì lập bằng ebrvt trust add."
)


def certificates_given(option: str, files: Iterable[Path]) -> Iterator[bytes]:
    """The contents of files that hold certificates; raises `click.UsageError`."""
    from ebrvt_connect.trust.anchors import certificates_of

    def reads(content: bytes) -> bool:
        return bool(certificates_of("given", content))

    return _given(option, files, "chứng thư số (PEM hoặc DER)", reads)


def lists_given(option: str, files: Iterable[Path]) -> Iterator[bytes]:
    """The contents of files that are revocation lists; raises `click.UsageError`."""
    from ebrvt_connect.trust.revocation import read_crl

    def reads(content: bytes) -> bool:
        return read_crl(content) is not None

    return _given(option, files, "danh sách thu hồi (CRL, PEM hoặc DER)", reads)


def answers_given(option: str, files: Iterable[Path]) -> Iterator[bytes]:
    """The contents of files that are OCSP answers; raises `click.UsageError`."""
    from ebrvt_connect.trust.ocsp import OcspAnswer

    def reads(content: bytes) -> bool:
        return OcspAnswer.read(content) is not None

    return _given(option, files, "câu trả lời OCSP (DER)", reads)


def tell_no_trust() -> None:
    """That nothing can pass, on stderr."""
    note(_NO_TRUST_VI)


def _given(
    option: str, files: Iterable[Path], what_vi: str, reads: Callable[[bytes], bool]
) -> Iterator[bytes]:
    for file in files:
        content = file.read_bytes()
        try:
            known = reads(content)
        except ValueError:
            known = False
        if not known:
            msg = f"tệp nêu ở {option} không phải {what_vi}: {shown_path(file)}"
            raise click.UsageError(msg)
        yield content


__all__ = ["answers_given", "certificates_given", "lists_given", "tell_no_trust"]
