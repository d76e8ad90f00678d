"""How `ebrvt verify` hands over its verdicts: text, JSON, ETSI XML, or a certificate as HTML or PDF.

Without `-o` the answer goes to stdout. With `-o FILE` it is written there, several documents into one file
(each certificate begins a page); with `-o FOLDER` each document gets a file of its own, named after it.
Nothing that exists is overwritten, and what cannot be handed over is told before anything is verified.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from ebrvt_connect.ops.console import json_text, readable, shown_path
from ebrvt_connect.ops.verdict_stream import say_documents, say_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from ebrvt_connect.trust.verdict import VerificationReport

    _Command = TypeVar("_Command", bound=Callable[..., Any])

_SUFFIXES = {
    "text": ".ket-qua.txt",
    "json": ".ket-qua.json",
    "etsi": ".etsi.xml",
    "html": ".ket-qua.html",
    "pdf": ".ket-qua.pdf",
}


def output_options(command: _Command) -> _Command:
    """The options `--format` and `-o`."""
    form = click.option(
        "--format",
        "form",
        type=click.Choice(list(_SUFFIXES)),
        default="text",
        show_default=True,
        help="text; json; etsi: XML of ETSI TS 119 102-2; html, pdf: a certificate for the file.",
    )
    out = click.option(
        "-o",
        "--out",
        "out",
        type=click.Path(path_type=Path),
        help="Write there; into a folder one file a document. Nothing is overwritten.",
    )
    return form(out(command))


@dataclass(frozen=True, slots=True)
class Output:
    """Where the verdicts go, checked before there are any."""

    form: str
    one: Path | None = None
    """Everything goes into it."""
    each: Mapping[str, Path] = field(default_factory=dict)
    """Where each document's answer goes, by the name its report has; empty: into `one`, or to stdout."""

    @classmethod
    def asked(cls, form: str, out: Path | None, files: Sequence[Path], *, json_out: bool = False) -> Output:
        """Raises `click.UsageError` for what cannot be, `ModuleNotFoundError` for a missing extra."""
        if json_out and form not in ("text", "json"):
            raise click.UsageError(f"--json và --format {form} loại trừ nhau: chỉ nêu một trong hai")
        form = "json" if json_out else form
        _load(form)
        made = cls(form) if out is None else _placed(form, out, files)
        if form == "etsi" and len(files) > 1 and not made.each:
            raise click.UsageError(
                "--format etsi viết mỗi tệp một báo cáo: nêu -o THƯ_MỤC, hoặc chỉ một FILE"
            )
        if form == "pdf" and out is None and sys.stdout.isatty():
            raise click.UsageError("không in tệp PDF ra màn hình: nêu -o TỆP.pdf")
        return made

    def tell(self, reports: Iterable[VerificationReport], lang: str = "vi") -> Iterable[VerificationReport]:
        """Hand the verdicts over, and give them back; on stdout text and JSON are told as they come.

        Raises `OSError` for a place that cannot be written.
        """
        if self.form in ("text", "json") and self.one is None and not self.each:
            as_text = partial(_as_text, lang=lang)
            return say_documents(reports) if self.form == "json" else say_texts(reports, as_text)
        told = list(reports)
        if self.each:
            for report in told:
                _write(self.each[report.file], _made(self.form, [report], lang))
        elif told:
            content = _made(self.form, told, lang)
            if self.one is None:
                click.echo(content, nl=False)
            else:
                _write(self.one, content)
        return told


def _placed(form: str, out: Path, files: Sequence[Path]) -> Output:
    """Raises `click.UsageError` for places that are taken or cannot be."""
    each = (
        {shown_path(file): out / (_called(file) + _SUFFIXES[form]) for file in files} if out.is_dir() else {}
    )
    places = each.values() if each else (out,)
    for place in places:
        if place.exists() or place.is_symlink():
            raise click.UsageError(f"{shown_path(place)} đã có; đổi tên hoặc xóa rồi chạy lại (không ghi đè)")
    if not out.is_dir() and not out.parent.is_dir():
        raise click.UsageError(f"không có thư mục {shown_path(out.parent)} để ghi kết quả")
    if each and len(set(places)) < len(files):
        raise click.UsageError(
            "các FILE trùng tên nên kết quả trong cùng thư mục sẽ đè nhau; kiểm tra riêng từng tệp"
        )
    return Output(form, None if each else out, each)


def _called(file: Path) -> str:
    """A file's name; of what a packet carries, behind the packet's: two may carry files of one name."""
    return f"{file.parent.name}.{file.name}" if file.parent.is_file() else file.name


def _load(form: str) -> None:
    """What makes this form, now rather than after the work."""
    if form == "html":
        from ebrvt_connect.ops import certificate_html  # noqa: F401 - the import is the check
    elif form == "pdf":
        from ebrvt_connect.ops import certificate_pdf  # noqa: F401 - as above


def _made(form: str, reports: Sequence[VerificationReport], lang: str) -> bytes:
    if form == "etsi":
        return b"".join(report.to_etsi_xml() for report in reports)
    if form == "pdf":
        from ebrvt_connect.ops.certificate_pdf import pdf_of

        return pdf_of(reports)
    if form == "html":
        from ebrvt_connect.ops.certificate_html import html_of

        return html_of(reports).encode()
    if form == "json":
        documents = {"documents": [report.to_dict() for report in reports]}
        return (json_text(documents) + "\n").encode("utf-8", "backslashreplace")
    return (readable(_text(reports, lang)) + "\n").encode("utf-8", "backslashreplace")


def _text(reports: Sequence[VerificationReport], lang: str) -> str:
    return "\n\n".join(_as_text(report, lang).rstrip() for report in reports)


def _as_text(report: VerificationReport, lang: str) -> str:
    from ebrvt_connect.ops.verdict_en import render

    return report.to_text_vi() if lang == "vi" else render(report)


def _write(place: Path, content: bytes) -> None:
    """All of it or nothing; a file that has come to be there meanwhile stays."""
    with place.open("xb") as stream:
        try:
            stream.write(content)
        except OSError:
            place.unlink(missing_ok=True)
            raise


__all__ = ["Output", "output_options"]
