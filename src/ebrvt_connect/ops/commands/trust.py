"""`ebrvt trust`: whose signatures count. Authorities are added by fingerprint, listed, checked, refreshed."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ebrvt_connect.ops.console import as_json, moment_of, note, say, say_json
from ebrvt_connect.ops.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography import x509

    from ebrvt_connect.ops.named_check import CheckResult
    from ebrvt_connect.ops.trust_desk import TrustDesk
    from ebrvt_connect.ops.trust_desk_refresh import Refreshed
    from ebrvt_connect.trust.pins import Pin

_BRANCHES = ("vgca", "government", "national", "foreign", "tsa", "intermediate")
_VGCA = {"vgca": "government"}
"""The Government's branch by the name of its authority (Ban Cơ yếu Chính phủ)."""
_FULL = 64
_SHORT = 8

_trust = click.option(
    "--trust",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("trust"),
    show_default="./trust",
    help="The pinned trust folder.",
)


def _a_day(_: click.Context, __: click.Parameter, value: str | None) -> date | None:
    try:
        return None if value is None else date.fromisoformat(value)
    except ValueError as failure:
        msg = f"“{value}” không phải ngày dạng 2026-01-31"
        raise click.BadParameter(msg) from failure


@click.group(epilog="Example: ebrvt trust add rootcag2.crt --branch vgca")
def command() -> None:
    """Keep the trust folder (kho tin cậy): authorities pinned by SHA-256, revocation lists, signers."""


@command.command(epilog='Example: ebrvt trust add rootcag2.crt --branch vgca --source "http://ca.gov.vn/..."')
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--branch", required=True, type=click.Choice(_BRANCHES), help="What it may vouch for.")
@click.option(
    "--fingerprint",
    "fingerprints",
    multiple=True,
    help="Its SHA-256, from another source than the file; required where nobody can be asked.",
)
@click.option(
    "--uses",
    multiple=True,
    type=click.Choice(["sign", "timestamp"]),
    help="What its chains may be used for (default: what the branch is for).",
)
@click.option("--valid-from", callback=_a_day, help="First day of signatures it vouches for.")
@click.option("--valid-to", callback=_a_day, help="Last day.")
@click.option("--source", default="", help="Where the certificate and its fingerprint were had.")
@click.option("--checked", callback=_a_day, help="The day the fingerprint was compared (default: today).")
@click.option("--accept-same-name", is_flag=True, help="An anchor of this name has another key, and may.")
@_trust
@as_json
@click.pass_context
def add(  # noqa: PLR0913 - one parameter for each option of the contract
    context: click.Context,
    *,
    file: Path,
    branch: str,
    fingerprints: tuple[str, ...],
    uses: tuple[str, ...],
    valid_from: date | None,
    valid_to: date | None,
    source: str,
    checked: date | None,
    accept_same_name: bool,
    folder: Path,
    json_out: bool,
) -> None:
    """Pin the authorities of FILE (thêm chứng thư CA) once their fingerprint is confirmed.

    Exit code: 0 pinned or there already, 1 refused and nothing written, 64 no fingerprint and nobody to ask.
    """
    from ebrvt_connect.ops.trust_desk import TrustDesk
    from ebrvt_connect.ops.trust_desk_rules import chosen, read_candidates, refuse_unfit

    like = _like(branch, uses, (valid_from, valid_to), source, checked)
    candidates = read_candidates(file)
    desk = TrustDesk(folder)
    wanted = chosen(candidates, fingerprints) if fingerprints else _asked(candidates, like)
    for certificate in wanted:
        refuse_unfit(certificate, like.branch, datetime.now(UTC), valid_to=like.valid_to)
        _warn_of_same_name(desk, certificate, accepted=accept_same_name, asked=not fingerprints)
    if not wanted:
        note("Không có gì được thêm.")
        context.exit(int(ExitCode.NO))
    done = desk.add(wanted, like, bound=bool(uses or valid_from or valid_to))
    left = [c for c in candidates if c not in wanted]
    if json_out:
        rows = [{"file": a.path, "sha256": _sha256(a.certificate), "already": a.already} for a in done]
        say_json({"branch": like.branch, "added": rows, "left_out": [_sha256(c) for c in left]})
        return
    from ebrvt_connect.ops.trust_desk_rules import card, name_vi

    for one in done:
        say("\n".join(card(one.certificate)))
        said = "đã có trong kho từ trước" if one.already else "đã thêm và ghim"
        say(f"✓ {said}: {one.path}")
    for certificate in left:
        say(f"  (không thêm) {name_vi(certificate.subject)}")
    say(f"Soát lại cả kho: ebrvt trust check --trust {folder}")


@command.command(epilog="Example: ebrvt trust remove f04ba4b4 --trust trust/")
@click.argument("fingerprint")
@click.option("--branch", type=click.Choice(_BRANCHES), help="Where it stands in several branches.")
@click.option("--yes", is_flag=True, help="Do not ask; the whole fingerprint is then needed.")
@_trust
@as_json
def remove(*, fingerprint: str, branch: str | None, yes: bool, folder: Path, json_out: bool) -> None:
    """Take an authority out (gỡ chứng thư CA): certificate and pin, by its SHA-256 or its first 8 digits.

    Exit code: 0 taken out, 1 it is not there, or the answer was no.
    """
    from ebrvt_connect.ops.trust_desk import TrustDesk
    from ebrvt_connect.ops.trust_desk_rules import card, partial_fingerprint

    wanted = partial_fingerprint(fingerprint)
    if len(wanted) < _SHORT:
        msg = f"cần ít nhất {_SHORT} ký tự đầu của SHA-256"
        raise click.UsageError(msg)
    if not (yes and len(wanted) == _FULL) and (yes or not sys.stdin.isatty()):
        msg = "không hỏi được người vận hành: cần đủ SHA-256 và --yes"
        raise click.UsageError(msg)
    desk = TrustDesk(folder)
    place = desk.find(wanted, _VGCA.get(branch or "", branch))
    if not yes:
        shown = card(place.certificate) if place.certificate else [f"SHA-256:   {place.sha256}"]
        note("\n".join([*shown, f"Nhánh:     {place.branch}"]))
        note("Gỡ ra thì chữ ký dẫn tới chứng thư này không còn đạt, kể cả văn bản cũ.")
        _confirm(f"Gõ {_SHORT} ký tự đầu của SHA-256 để gỡ", place.sha256[:_SHORT])
    changed = desk.remove(place.sha256, place.branch)
    if json_out:
        say_json({"branch": place.branch, "sha256": place.sha256, "changed": changed})
    else:
        say(f"✓ đã gỡ khỏi nhánh {place.branch}: {', '.join(changed)}")


@command.command("list", epilog="Example: ebrvt trust list --json")
@_trust
@as_json
def list_all(*, folder: Path, json_out: bool) -> None:
    """List anchors, hints, revocation lists and signers (liệt kê kho tin cậy)."""
    from ebrvt_connect.ops.trust_desk_list import lines, listing

    told = listing(folder, datetime.now(UTC))
    if json_out:
        say_json(told)
    else:
        say("\n".join(lines(told)))


@command.command(epilog="Example: ebrvt trust check --at 2027-01-01T00:00:00+07:00")
@click.option("--at", "at", help="As of this time (ISO 8601 with offset; default: now).")
@_trust
@as_json
@click.pass_context
def check(context: click.Context, *, at: str | None, folder: Path, json_out: bool) -> None:
    """Check the folder (soát kho tin cậy): pins, permissions, strength, expiry, revocation lists.

    Exit code: 0 all passed, 1 a check failed, 2 a person should look at a warning, 4 no such folder.
    """
    from ebrvt_connect.ops.trust_desk_checks import check_folder
    from ebrvt_connect.transport.trust_folder import trust_files

    moment = _moment(at)
    if not folder.exists():
        trust_files(folder)  # as `list` says it
    results = list(check_folder(folder, moment))
    if json_out:
        say_json({"folder": str(folder), "checks": [asdict(f) for f in results]})
    else:
        _say_results(results)
    context.exit(int(_exit_code(results)))


@command.command(epilog="Example: ebrvt trust refresh --online")
@click.option("--online", is_flag=True, help="Really ask; without it the addresses are only told.")
@_trust
@as_json
@click.pass_context
def refresh(context: click.Context, *, online: bool, folder: Path, json_out: bool) -> None:
    """Fetch new revocation lists (cập nhật CRL) into the folder, keep the old ones, and check again.

    Exit code: 1 something came that must not be used, or a check failed; 3 an address gave nothing; 2 a
    warning; 0 otherwise.
    """
    from ebrvt_connect.ops.trust_desk_checks import fenced, revocation_lists
    from ebrvt_connect.ops.trust_desk_refresh import TrustRefresh
    from ebrvt_connect.transport.clock import SystemClock

    clock = SystemClock()
    work = TrustRefresh(folder, clock)
    done = list(work.run()) if online else []
    results = list(fenced("revocation-lists", revocation_lists(folder, clock.now())))
    if json_out:
        said = {"addresses": work.addresses, "fetched": [asdict(r) for r in done]}
        say_json({"folder": str(folder), **said, "checks": [asdict(f) for f in results]})
    else:
        _say_refreshed(work.addresses, done, online=online)
        _say_results(results)
    context.exit(int(_refresh_code(done, results)))


def _like(
    branch: str,
    uses: tuple[str, ...],
    days: tuple[date | None, date | None],
    source: str,
    checked: date | None,
) -> Pin:
    """The pin all certificates of this call get; raises `UsageError` for bounds that cannot be meant."""
    from ebrvt_connect.model.period import VIETNAM
    from ebrvt_connect.trust.pins import USES_OF, Pin, Use

    name = _VGCA.get(branch, branch)
    allowed = frozenset(Use(use) for use in uses) or USES_OF[name]
    if (name == "tsa" and allowed != USES_OF[name]) or (name == "intermediate" and uses):
        msg = f"--uses {' '.join(uses)} không hợp với --branch {branch}"
        raise click.UsageError(msg)
    if days[0] and days[1] and days[1] < days[0]:
        msg = "--valid-to sớm hơn --valid-from"
        raise click.UsageError(msg)
    today = datetime.now(VIETNAM).date()
    return Pin("", name, allowed, days[0], days[1], source=source.strip(), checked=checked or today)


def _asked(candidates: Sequence[x509.Certificate], like: Pin) -> list[x509.Certificate]:
    """Those a person confirms, one after another, by the fingerprint they have from elsewhere."""
    from ebrvt_connect.errors import InvalidValue
    from ebrvt_connect.ops.trust_desk_rules import card, chosen, refuse_unfit

    if not sys.stdin.isatty():
        msg = "không hỏi được người vận hành: cần --fingerprint với SHA-256 lấy từ nguồn độc lập"
        raise click.UsageError(msg)
    confirmed = []
    for certificate in candidates:
        note("\n".join(card(certificate)))
        try:
            refuse_unfit(certificate, like.branch, datetime.now(UTC), valid_to=like.valid_to)
        except InvalidValue as refusal:
            if len(candidates) == 1:
                raise
            note(f"  Bỏ qua: {refusal.sentence_vi}")
            continue
        text = click.prompt(
            "SHA-256 lấy từ nguồn độc lập (công văn, trang https, điện thoại; để trống: bỏ qua)",
            default="",
            show_default=False,
            err=True,
        )
        if text.strip():
            confirmed += chosen([certificate], [text])
    return confirmed


def _warn_of_same_name(
    desk: TrustDesk, certificate: x509.Certificate, *, accepted: bool, asked: bool
) -> None:
    """Loudly, before anything is written; raises `InvalidValue` `ANCHOR_SAME_NAME` unless confirmed."""
    from ebrvt_connect.ops.trust_desk_rules import in_groups, name_vi

    if not (accepted or asked):
        desk.refuse_same_name(certificate)
    same = desk.of_same_name(certificate)
    for known in same:
        name = name_vi(known.certificate.subject)
        note(f"!!! CẢNH BÁO: trong kho đã có gốc cùng tên nhưng KHÁC KHÓA: {name}")
        note(f"!!! SHA-256 đang có: {in_groups(known.sha256)}")
    if not same or accepted:
        return
    _confirm("Ai cũng làm được chứng thư mang tên này. Gõ “khác khóa” để vẫn thêm", "khác khóa")


def _confirm(question: str, wanted: str) -> None:
    """Raises `Abort` unless the very word is given."""
    from ebrvt_connect.model.text import nfc

    answer = nfc(str(click.prompt(question, default="", show_default=False, err=True))).strip().casefold()
    if answer != wanted.casefold():
        note("Không có gì thay đổi.")
        raise click.exceptions.Exit(int(ExitCode.NO))


def _moment(text: str | None) -> datetime:
    return datetime.now(UTC) if text is None else moment_of(text)


def _sha256(certificate: x509.Certificate) -> str:
    from ebrvt_connect.trust.anchors import sha256_of

    return sha256_of(certificate)


def _say_results(results: Sequence[CheckResult]) -> None:
    from ebrvt_connect.ops.named_check import MARKS
    from ebrvt_connect.ops.trust_desk_checks import TITLES_VI

    for result in results:
        say(f"{MARKS[result.grade]} {TITLES_VI[result.name]}: {result.cause_vi}")
        if result.cure_vi:
            say(f"    → {result.cure_vi}")


def _say_refreshed(addresses: Sequence[str], done: Sequence[Refreshed], *, online: bool) -> None:
    from ebrvt_connect.ops.trust_desk_rules import moment_vi

    if not addresses:
        say("Chưa biết địa chỉ CRL nào: khai báo [refresh] crls trong online.toml của kho tin cậy.")
    elif not online:
        say("Các địa chỉ sẽ hỏi khi chạy với --online:")
        for url in addresses:
            say(f"  {url}")
    for row in done:
        said = _OUTCOMES_VI[row.outcome.value]
        about = f" {row.issuer}, lập {moment_vi(row.this_update)}" if row.issuer else ""
        say(f"{said}: {row.url}{about}{f' ({row.reason_vi})' if row.reason_vi else ''}")
        if row.file:
            say(f"    {row.file}")


_OUTCOMES_VI: dict[str, str] = {
    "stored": "✓ đã tải",
    "known": "✓ đã có sẵn",
    "refused": "✗ KHÔNG DÙNG, kho giữ nguyên",
    "unreached": "! không tải được",
}


def _exit_code(results: Sequence[CheckResult]) -> ExitCode:
    grades = {result.grade.value for result in results}
    if "fail" in grades:
        return ExitCode.NO
    return ExitCode.UNDECIDED if "warn" in grades else ExitCode.DONE


def _refresh_code(done: Sequence[Refreshed], results: Sequence[CheckResult]) -> ExitCode:
    outcomes = {row.outcome.value for row in done}
    checked = _exit_code(results)
    if "refused" in outcomes or checked is ExitCode.NO:
        return ExitCode.NO
    return ExitCode.UNAVAILABLE if "unreached" in outcomes else checked
