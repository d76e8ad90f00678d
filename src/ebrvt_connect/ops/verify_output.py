"""How `ebrvt verify` hands over its verdicts: text, JSON, ETSI XML, or a certificate as HTML or PDF.

Without `-o` the answer goes to stdout. With `-o FILE` it is written there, several documents into one file
(each certificate begins a page); with `-o FOLDER` each document gets a file of its own, named after it and
written as soon as it is judged. A name that ends in a slash is a folder, and is made.
Nothing that exists is overwritten, and what cannot be handed over is told before anything is verified.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from ebrvt_connect.ops.console import json_text, readable, shown_path
from ebrvt_connect.ops.verdict_stream import say_documents, say_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from ebrvt_connect.trust.packet_report import PacketReport
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
    """The options `--format`, `-o` and `--skip-existing`."""
    form = click.option(
        "--format",
        "form",
        type=click.Choice(list(_SUFFIXES)),
        default="text",
        show_default=True,
        help="text; json; etsi: XML of ETSI TS 119 102-2; html, pdf: a certificate to be filed.",
    )
    out = click.option(
        "-o",
        "--out",
        "out",
        type=click.Path(),
        help="Write there; into a folder (NAME/ makes one) one file a document. Nothing is overwritten.",
    )
    skip = click.option(
        "--skip-existing", is_flag=True, help="With -o FOLDER: leave FILES alone whose answer is there."
    )
    return form(out(skip(command)))


@dataclass(frozen=True, slots=True)
class Output:
    """Where the verdicts go, checked before there are any."""

    form: str
    one: Path | None = None
    """Everything goes into it."""
    each: Mapping[str, Path] = field(default_factory=dict)
    """Where each document's answer goes, by the name its report has; empty: into `one`, or to stdout."""
    skipped: frozenset[str] = frozenset()
    """Documents whose answer is there already, by the same name."""

    @classmethod
    def asked(
        cls, form: str, out: str | None, files: Sequence[tuple[Path, str]], *, json_out: bool, skip: bool
    ) -> Output:
        """For files with the name that the report of each has.

        Raises `click.UsageError` for what cannot be, `ModuleNotFoundError` for a missing extra.
        """
        form = form_asked(form, json_out=json_out)
        load_form(form)
        made = cls(form) if out is None else _placed(form, out, files, skip=skip)
        if skip and not made.each and not made.skipped:
            raise click.UsageError("--skip-existing chỉ dùng cùng -o THƯ_MỤC")
        if form == "etsi" and len(files) > 1 and not made.each:
            raise click.UsageError(
                "--format etsi viết mỗi tệp một báo cáo: nêu -o THƯ_MỤC, hoặc chỉ một FILE"
            )
        if form == "pdf" and out is None and sys.stdout.isatty():
            raise click.UsageError("không in tệp PDF ra màn hình: nêu -o TỆP.pdf")
        return made

    @property
    def on_stdout(self) -> bool:
        """Whether nothing is written but to stdout."""
        return self.one is None and not self.each and not self.skipped

    @property
    def place_vi(self) -> str:
        """Where the answers are, for people; empty for stdout."""
        if self.one is not None:
            return shown_path(self.one)
        return next((f"{shown_path(place.parent)}{os.sep}" for place in self.each.values()), "")

    def tell(self, reports: Iterable[VerificationReport], lang: str = "vi") -> Iterable[VerificationReport]:
        """Hand the verdicts over and give them back: as they come, where they need not be put together.

        Raises `OSError` for a place that cannot be written.
        """
        if self.each or self.skipped:
            return self._tell_each(reports, lang)
        if self.form in ("text", "json") and self.one is None:
            as_text = partial(_as_text, lang=lang)
            return say_documents(reports) if self.form == "json" else say_texts(reports, as_text)
        told = list(reports)
        if told:
            content = _made(self.form, told, lang)
            if self.one is None:
                click.echo(content, nl=False)
            else:
                write_answer(self.one, content)
        return told

    def _tell_each(self, reports: Iterable[VerificationReport], lang: str) -> Iterator[VerificationReport]:
        for report in reports:
            write_answer(self.each[report.file], _made(self.form, [report], lang))
            yield report


def form_asked(form: str, *, json_out: bool) -> str:
    """The form by `--format` and `--json`; raises `click.UsageError` where they contradict each other."""
    if json_out and form not in ("text", "json"):
        raise click.UsageError(f"--json và --format {form} loại trừ nhau: chỉ nêu một trong hai")
    return "json" if json_out else form


def answer_place(out: str, file: Path, form: str) -> Path:
    """Where the only answer of a call goes; a folder is made where a slash asks for one.

    Raises `click.UsageError` for a place that is taken or cannot be.
    """
    placed = _placed(form, out, [(file, "")], skip=False)
    return placed.one or placed.each[""]


def _placed(form: str, out: str, files: Sequence[tuple[Path, str]], *, skip: bool) -> Output:
    """Raises `click.UsageError` for places that are taken or cannot be."""
    folder = Path(out)
    if not (out.endswith(os.sep) or folder.is_dir()):
        _check_free(folder)
        return Output(form, folder)
    if not folder.is_dir() and (folder.exists() or folder.is_symlink()):
        raise click.UsageError(f"{shown_path(folder)} không phải thư mục; bỏ dấu / hoặc đổi tên")
    each = {name: folder / (_called(file) + _SUFFIXES[form]) for file, name in files}
    if len(set(each.values())) < len(files):
        raise click.UsageError(
            "các FILE trùng tên nên kết quả trong cùng thư mục sẽ đè nhau; kiểm tra riêng từng tệp"
        )
    skipped = frozenset(name for name, place in each.items() if skip and place.is_file())
    for name, place in each.items():
        if name not in skipped:
            _check_free(place, within=folder)
    folder.mkdir(exist_ok=True)
    return Output(form, None, {n: p for n, p in each.items() if n not in skipped}, skipped)


def _check_free(place: Path, within: Path | None = None) -> None:
    """Raises `click.UsageError`; `within` a folder that is there or will be."""
    if place.exists() or place.is_symlink():
        raise click.UsageError(f"{shown_path(place)} đã có; đổi tên hoặc xóa rồi chạy lại (không ghi đè)")
    above = (within or place).parent
    if not above.is_dir():
        raise click.UsageError(f"không có thư mục {shown_path(above)} để ghi kết quả")


def _called(file: Path) -> str:
    """A file's name; of what a packet carries, behind the packet's: two may carry files of one name."""
    return f"{file.parent.name}.{file.name}" if file.parent.is_file() else file.name


def certificate_of(form: str, reports: Sequence[VerificationReport | PacketReport]) -> bytes:
    """The certificates of files or packets as one document: `html` or `pdf`."""
    if form == "pdf":
        from ebrvt_connect.ops.certificate_pdf import pdf_of

        return pdf_of(reports)
    from ebrvt_connect.ops.certificate_html import html_of

    return html_of(reports).encode()


def load_form(form: str) -> None:
    """What makes this form, now rather than after the work; raises `ModuleNotFoundError`."""
    if form == "html":
        from ebrvt_connect.ops import certificate_html  # noqa: F401 - the import is the check
    elif form == "pdf":
        from ebrvt_connect.ops import certificate_pdf  # noqa: F401 - as above


def _made(form: str, reports: Sequence[VerificationReport], lang: str) -> bytes:
    if form == "etsi":
        return b"".join(report.to_etsi_xml() for report in reports)
    if form in ("html", "pdf"):
        return certificate_of(form, reports)
    if form == "json":
        documents = {"documents": [report.to_dict() for report in reports]}
        return (json_text(documents) + "\n").encode("utf-8", "backslashreplace")
    return (readable(_text(reports, lang)) + "\n").encode("utf-8", "backslashreplace")


def _text(reports: Sequence[VerificationReport], lang: str) -> str:
    return "\n\n".join(_as_text(report, lang).rstrip() for report in reports)


def _as_text(report: VerificationReport, lang: str) -> str:
    from ebrvt_connect.ops.verdict_en import render

    return report.to_text_vi() if lang == "vi" else render(report)


def write_answer(place: Path, content: bytes) -> None:
    """All of it or nothing; a file that has come to be there meanwhile stays. Raises `OSError`."""
    stream = place.open("xb")
    try:
        with stream:
            stream.write(content)
    except BaseException as failure:
        place.unlink(missing_ok=True)
        if isinstance(failure, OSError) and failure.filename is None:
            failure.filename = str(place)
        raise


__all__ = [
    "Output",
    "answer_place",
    "certificate_of",
    "form_asked",
    "load_form",
    "output_options",
    "write_answer",
]
