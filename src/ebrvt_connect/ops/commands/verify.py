"""`ebrvt verify`: verdicts on the digital signatures of files, offline, by content."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ebrvt_connect.ops.console import as_json, language, say, say_json, shown_path
from ebrvt_connect.ops.exit_codes import ExitCode

if TYPE_CHECKING:
    from ebrvt_connect.trust.anchors import TrustStore
    from ebrvt_connect.trust.verdict import VerificationReport

_File = click.Path(exists=True, dir_okay=False, path_type=Path)
_Folder = click.Path(exists=True, file_okay=False, path_type=Path)
_DEFAULT_TRUST = Path("trust")


@click.command(epilog="Example: ebrvt verify cong-van.pdf --trust trust/ --json")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--policy",
    "policy_id",
    type=click.Choice(["VN_2025", "VN_LEGACY_2018", "ETSI_STRICT"]),
    default="VN_2025",
    show_default=True,
)
@click.option(
    "--trust", "trust_folder", type=_Folder, help="The pinned trust folder (default: ./trust if there)."
)
@click.option(
    "--anchor", "anchors", multiple=True, type=_File, help="Trust exactly these certificates for this call."
)
@click.option(
    "--cert", "certificates", multiple=True, type=_File, help="Certificates that help to build the chain."
)
@click.option("--crl", "crls", multiple=True, type=_File, help="Further certificate revocation lists.")
@click.option(
    "--detached",
    "beside",
    multiple=True,
    type=_File,
    help="Content that stands beside its signature: ebrvt verify a.pdf.p7s --detached a.pdf.",
)
@click.option("--at", "at", help="Judge as of this time (ISO 8601 with offset; default: now).")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@as_json
@language
@click.pass_context
def command(  # noqa: PLR0913 - one parameter for each option of the contract
    context: click.Context,
    *,
    files: tuple[Path, ...],
    policy_id: str,
    trust_folder: Path | None,
    anchors: tuple[Path, ...],
    certificates: tuple[Path, ...],
    crls: tuple[Path, ...],
    beside: tuple[Path, ...],
    at: str | None,
    form: str,
    json_out: bool,
    lang: str,
) -> None:
    """Verify the digital signatures of FILES (kiểm tra chữ ký số), offline.

    Exit code: 0 all passed, 1 any failed, 2 otherwise; 64 and no verdict when a file cannot be read.
    """
    from ebrvt_connect.api import verify
    from ebrvt_connect.trust.policy import POLICIES

    policy, when = POLICIES[policy_id], _moment(at)
    trust = _trust(trust_folder, anchors, certificates, crls)
    if beside and len(files) > 1:
        msg = "--detached chỉ dùng cho một chữ ký: chỉ nêu một FILE"
        raise click.UsageError(msg)
    detached = {path.name: _content(path, policy.largest_bytes) for path in beside}
    reports = [
        verify(
            _content(file, policy.largest_bytes),
            policy=policy,
            trust=trust,
            at=when,
            detached=detached,
            name=shown_path(file),
        )
        for file in files
    ]
    if json_out or form == "json":
        say_json({"documents": [report.to_dict() for report in reports]})
    else:
        say("\n\n".join(_as_text(report, lang).rstrip() for report in reports))
    context.exit(int(_exit_code(reports)))


def _as_text(report: VerificationReport, lang: str) -> str:
    from ebrvt_connect.ops.verdict_en import render

    return report.to_text_vi() if lang == "vi" else render(report)


def _exit_code(reports: list[VerificationReport]) -> ExitCode:
    indications = {report.indication.value for report in reports}
    if "TOTAL_FAILED" in indications:
        return ExitCode.NO
    return ExitCode.DONE if indications == {"TOTAL_PASSED"} else ExitCode.UNDECIDED


def _content(path: Path, largest_bytes: int) -> bytes:
    """The file's bytes; one byte past the limit is enough for the verdict to say that it is too large."""
    try:
        with path.open("rb") as stream:
            return stream.read(largest_bytes + 1)
    except OSError as failure:
        from ebrvt_connect.ops.config import unread_vi

        msg = f"không đọc được {shown_path(path)} ({unread_vi(failure)})"
        raise click.UsageError(msg) from failure


def _moment(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as failure:
        msg = f"--at “{text}” không phải thời điểm theo ISO 8601, ví dụ 2026-01-31T08:00:00+07:00"
        raise click.UsageError(msg) from failure
    if moment.tzinfo is None:
        msg = f"--at “{text}” thiếu múi giờ; viết ví dụ 2026-01-31T08:00:00+07:00"
        raise click.UsageError(msg)
    return moment


def _trust(
    folder: Path | None, anchors: tuple[Path, ...], certificates: tuple[Path, ...], crls: tuple[Path, ...]
) -> TrustStore:
    """Exactly the given anchors, else the folder, else nothing (and nothing passes).

    With anchors a folder named beside them says who signs in which role; it vouches for nobody.
    """
    from ebrvt_connect.transport.trust_folder import load_trust_folder
    from ebrvt_connect.trust.anchors import store_of_anchors

    if folder is None and not anchors and _DEFAULT_TRUST.is_dir():
        folder = _DEFAULT_TRUST
    known = load_trust_folder(folder) if folder else None
    hints, lists = [c.read_bytes() for c in certificates], [c.read_bytes() for c in crls]
    if known and not anchors:
        return known.with_more(hints=hints, crls=lists)
    register = known.signers if known else None
    return store_of_anchors((a.read_bytes() for a in anchors), hints=hints, crls=lists, signers=register)
