"""`ebrvt verify`: verdicts on the digital signatures of files, offline, by content."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from ebrvt_connect.ops.console import as_json, language, moment_of, shown_path
from ebrvt_connect.ops.exit_codes import ExitCode
from ebrvt_connect.ops.verify_asking import asking_options
from ebrvt_connect.ops.verify_output import Output, form_asked, output_options
from ebrvt_connect.ports.bounded import read_bounded
from ebrvt_connect.trust.policy import PolicyId

if TYPE_CHECKING:
    from ebrvt_connect.ops.verify_asking import Asking
    from ebrvt_connect.trust.anchors import TrustStore

_File = click.Path(exists=True, dir_okay=False, path_type=Path)
_Folder = click.Path(exists=True, file_okay=False, path_type=Path)
_DEFAULT_TRUST = Path("trust")


@click.command(epilog="Example: ebrvt verify cong-van.pdf --trust trust/ --json")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, readable=False))
@click.option(
    "--policy",
    "policy_id",
    type=click.Choice(get_args(PolicyId)),
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
@click.option(
    "--packet",
    type=_File,
    help="Judge a document as a whole: an edXML file, or a record (metadata.json) with its FILES.",
)
@click.option(
    "--agencies", type=_File, help="With --packet: which agency code followed which (agencies.toml)."
)
@click.option("--at", "at", help="Judge as of this time (ISO 8601 with offset; default: now).")
@click.option(
    "--workers",
    type=click.IntRange(0, 64),
    help="Processes that examine files, each under limits (default: one per processor; 0: none, no limits).",
)
@asking_options
@output_options
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
    packet: Path | None,
    agencies: Path | None,
    at: str | None,
    workers: int | None,
    asking: Asking,
    form: str,
    out: str | None,
    skip_existing: bool,
    json_out: bool,
    lang: str,
) -> None:
    """Verify the digital signatures of FILES (kiểm tra chữ ký số), offline unless `--online`.

    A detached signature (.p7s) among FILES is paired with the file it signs, by digest: a.pdf.p7s a.pdf.

    Exit code: 0 all passed, 1 any failed, 2 otherwise (also where FILES were skipped); 64 when none failed
    and a file cannot be read, which is told on stderr and keeps none of the others from being judged.
    """
    from ebrvt_connect.ops.verdict_stream import judged, watched
    from ebrvt_connect.ops.verify_packet import PacketAsked, named_apart, opened
    from ebrvt_connect.ops.verify_pairs import Pairs
    from ebrvt_connect.ops.verify_tally import Tally
    from ebrvt_connect.trust.policy import POLICIES

    policy, when = POLICIES[policy_id], None if at is None else moment_of(at)
    trust = _trust(trust_folder, anchors, certificates, crls)
    folder = trust_folder or (_DEFAULT_TRUST if _DEFAULT_TRUST.is_dir() and not anchors else None)
    if packet is not None:
        form = form_asked(form, json_out=json_out)
        asked = PacketAsked(packet=packet, files=files, agencies=agencies, form=form, out=out, lang=lang)
        asked.check(detached=bool(beside), skip=skip_existing)
        whole = asked.judge(asking, policy=policy, trust=trust, folder=folder, at=when, workers=workers)
        context.exit(int(asked.tell(whole)))
    _check_files(files, beside, agencies)
    named_apart(beside, "các tệp nêu ở --detached")
    detached = {path.name: _content(path, policy.largest_bytes) for path in beside}
    found = opened(files, detached, policy, workers=workers, hint=form == "text" and not json_out)
    pairs = Pairs() if beside else Pairs.among(found, policy)
    items = pairs.placed(found)
    named = [(path, item.name or "") for path, item in items]
    output = Output.asked(form, out, named, json_out=json_out, skip=skip_existing)
    skipped = output.skipped - pairs.needed(output.skipped)
    left = [item for _, item in items if item.name not in skipped]
    reports = asking.reports(left, policy=policy, trust=trust, folder=folder, at=when, workers=workers)
    asked_for = len(items) - len(output.skipped)
    tally = Tally(
        asked=asked_for,
        skipped=len(output.skipped),
        place=output.place_vi,
        each=bool(output.each),
        quiet=output.on_stdout and (len(items) < 2 or output.form != "text"),  # noqa: PLR2004 - no batch
    )
    held = output.on_stdout and sys.stdout.isatty()
    told = pairs.told(judged(watched(reports, len(left), held=held)), policy, skipped=output.skipped)
    met = tally.take(output.tell(told, lang))
    if output.skipped and met <= {"TOTAL_PASSED"}:
        met |= {"INDETERMINATE"}  # what an earlier call said is not looked up
    context.exit(int(_exit_code(set(met), unread=tally.told < asked_for)))


def _check_files(files: tuple[Path, ...], beside: tuple[Path, ...], agencies: Path | None) -> None:
    """Raises `click.UsageError` for a call that means nothing."""
    if not files:
        raise click.UsageError("chưa nêu FILE nào để kiểm tra")
    if beside and len(files) > 1:
        raise click.UsageError("--detached chỉ dùng cho một chữ ký: chỉ nêu một FILE")
    if agencies is not None:
        raise click.UsageError("--agencies chỉ dùng cùng --packet")


def _exit_code(indications: set[str], *, unread: bool) -> ExitCode:
    if "TOTAL_FAILED" in indications:
        return ExitCode.NO
    if unread:
        return ExitCode.USAGE
    return ExitCode.DONE if indications == {"TOTAL_PASSED"} else ExitCode.UNDECIDED


def _content(path: Path, largest_bytes: int) -> bytes:
    """The file's bytes; one byte past the limit is enough for the verdict to say that it is too large."""
    try:
        return read_bounded(path, largest_bytes)
    except OSError as failure:
        from ebrvt_connect.ops.config import unread_vi

        msg = f"không đọc được {shown_path(path)} ({unread_vi(failure)})"
        raise click.UsageError(msg) from failure


def _trust(
    folder: Path | None, anchors: tuple[Path, ...], certificates: tuple[Path, ...], crls: tuple[Path, ...]
) -> TrustStore:
    """Exactly the given anchors, else the folder, else nothing (and nothing passes).

    With anchors a folder named beside them says who signs in which role; it vouches for nobody.
    """
    from ebrvt_connect.ops.verify_given import certificates_given, lists_given, tell_no_trust
    from ebrvt_connect.transport.trust_folder import load_trust_folder
    from ebrvt_connect.trust.anchors import store_of_anchors

    if folder is None and not anchors and _DEFAULT_TRUST.is_dir():
        folder = _DEFAULT_TRUST
    known = load_trust_folder(folder) if folder else None
    hints, lists = list(certificates_given("--cert", certificates)), list(lists_given("--crl", crls))
    if known and not anchors:
        return known.with_more(hints=hints, crls=lists)
    if not known and not anchors:
        tell_no_trust()
    register = known.signers if known else None
    return store_of_anchors(
        certificates_given("--anchor", anchors), hints=hints, crls=lists, signers=register
    )
