"""Pins (ghim): which authority an operator trusts, for what, and from when to when; rows of `pins.toml`.

    [[pin]]
    file = "government/root.crt"    # for people
    sha256 = "…"                    # of the certificate
    branch = "government"           # government | national | foreign | tsa | intermediate
    uses = ["sign"]                 # sign, timestamp; left out: what the branch is for
    valid_from = 2018-01-01         # the operator's own bounds, days of Vietnam; may be left out
    valid_to = 2030-12-31
    source = "…"                    # for people: where it was had, and compared with what
    checked = 2026-11-23
    subject = "…"                   # for people: what the certificate calls itself
    note = "…"                      # for people; so is whatever is called x_…

Any other name is refused: a bound spelt wrongly must not vanish.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from ebrvt_connect.codec.faults_vi import toml_fault_vi
from ebrvt_connect.errors import InvalidValue, explain
from ebrvt_connect.model.period import VIETNAM
from ebrvt_connect.model.wrong_words import unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TRUST_FOLDER_INVALID = explain(
    "TRUST_FOLDER_INVALID",
    "Kho tin cậy có tệp không hợp lệ: {file} ({reason}).",
    "Sửa hoặc gỡ tệp này trong thư mục trust; chỉ thêm chứng thư đã đối chiếu SHA-256 với nguồn chính thức.",
)

TRUST_FOLDER_MISSING = explain(
    "TRUST_FOLDER_MISSING",
    "Không có thư mục kho tin cậy {folder}.",
    "Nêu đúng thư mục (--trust, hoặc mục [trust] của tệp cấu hình); chưa có kho thì lập bằng "
    "ebrvt trust add.",
)

PINS_FILE = "pins.toml"
_SHA256_HEX_DIGITS = 64
_KNOWN = (
    "file",
    "sha256",
    "branch",
    "uses",
    "valid_from",
    "valid_to",
    "source",
    "checked",
    "subject",
    "note",
)
_FOR_PEOPLE = "x_"


class Branch(StrEnum):
    """What an anchor may vouch for (nhánh tin cậy); also the names of the folders."""

    GOVERNMENT = "government"
    """Chữ ký số chuyên dùng công vụ."""
    NATIONAL = "national"
    """Chữ ký số công cộng, under the national root."""
    FOREIGN = "foreign"
    """Recognised foreign certificates."""
    TSA = "tsa"
    """Timestamps only."""
    OTHER = "other"
    """Named for one call on the command line."""


ANCHOR_FOLDERS = frozenset(b.value for b in Branch if b is not Branch.OTHER)
INTERMEDIATE = "intermediate"
"""Folder of issuing authorities: hints for building a chain, trusted only through an anchor."""


class Use(StrEnum):
    """What an anchor's chains may be used for (phạm vi sử dụng)."""

    SIGN = "sign"
    """Signatures of people and agencies."""
    TIMESTAMP = "timestamp"
    """Timestamps."""


USES_OF: Mapping[str, frozenset[Use]] = {
    Branch.GOVERNMENT: frozenset({Use.SIGN}),
    Branch.NATIONAL: frozenset({Use.SIGN}),
    Branch.FOREIGN: frozenset({Use.SIGN}),
    Branch.TSA: frozenset({Use.TIMESTAMP}),
    Branch.OTHER: frozenset(Use),
    INTERMEDIATE: frozenset(),
}
"""What a branch is for where its pin says nothing."""


@dataclass(frozen=True, slots=True)
class Pin:
    """One row: a certificate by its SHA-256 (hex), the branch it stands in, and the operator's bounds."""

    sha256: str
    branch: str
    uses: frozenset[Use]
    valid_from: date | None = None
    """First day, in Vietnam, of signatures it may vouch for."""
    valid_to: date | None = None
    """Last day."""
    file: str = ""
    source: str = ""
    checked: date | None = None
    """The day the fingerprint was compared."""

    def holds_at(self, moment: datetime) -> bool:
        """Whether `moment` lies within the operator's bounds; both days count whole."""
        if self.valid_from is not None and moment < datetime.combine(self.valid_from, time.min, VIETNAM):
            return False
        return self.valid_to is None or moment <= datetime.combine(self.valid_to, time.max, VIETNAM)


def read_pins(content: bytes) -> tuple[Pin, ...]:
    """The rows of `pins.toml`, in their order.

    Raises `InvalidValue` `TRUST_FOLDER_INVALID` for a file or a row that does not read, or two rows that
    bind one certificate in one branch differently.
    """
    try:
        tables = tomllib.loads(content.decode())
        _only_known(tables, ("pin", "note"), "")
        pins = tuple(_pin(row) for row in tables.get("pin", []))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as failure:
        if isinstance(failure, InvalidValue):
            raise
        raise invalid_file(PINS_FILE, toml_fault_vi(failure), str(failure)) from failure
    bounds: dict[tuple[str, str], Pin] = {}
    for pin in pins:
        first = bounds.setdefault((pin.branch, pin.sha256), pin)
        if (first.uses, first.valid_from, first.valid_to) != (pin.uses, pin.valid_from, pin.valid_to):
            raise invalid_file(PINS_FILE, f"{pin.branch}: {pin.sha256} có hai dòng ghim trái nhau")
    return pins


def invalid_file(path: str, reason: str, detail: str = "") -> InvalidValue:
    """The refusal of a file of the trust folder; `reason` is shown to the operator, `detail` is English."""
    return InvalidValue(TRUST_FOLDER_INVALID, f"{path}: {detail or reason}", file=path, reason=reason)


def _pin(row: Mapping[str, Any]) -> Pin:
    branch, sha256 = str(row["branch"]), str(row["sha256"]).replace(":", "").lower()
    if (branch not in ANCHOR_FOLDERS and branch != INTERMEDIATE) or not _is_sha256(sha256):
        said = f"branch = {branch[:40]}, sha256 = {sha256[:80]}: cần nhánh có trong kho và 64 chữ số hệ 16"
        raise invalid_file(PINS_FILE, said)
    _only_known(row, _KNOWN, f"{sha256}: ")
    since, until = _day(row, "valid_from"), _day(row, "valid_to")
    if since is not None and until is not None and until < since:
        raise invalid_file(PINS_FILE, f"{sha256}: valid_to sớm hơn valid_from")
    checked = row.get("checked")
    return Pin(
        sha256=sha256,
        branch=branch,
        uses=_uses(row, branch),
        valid_from=since,
        valid_to=until,
        file=str(row.get("file", "")),
        source=str(row.get("source", "")),
        checked=checked if isinstance(checked, date) and not isinstance(checked, datetime) else None,
    )


def _only_known(names: Iterable[str], known: tuple[str, ...], place: str) -> None:
    """Raises `InvalidValue` for a name that is neither known nor marked as one for people."""
    for name in names:
        if name not in known and not name.startswith(_FOR_PEOPLE):
            reason = f"{place}{unknown_name(name, known)}; ghi chú thêm thì đặt tên x_…"
            raise invalid_file(PINS_FILE, reason)


def _uses(row: Mapping[str, Any], branch: str) -> frozenset[Use]:
    """What the row allows; an anchor for timestamps never vouches for a signer."""
    words = row.get("uses")
    if words is None:
        return USES_OF[branch]
    if not isinstance(words, list) or not words or not set(map(str, words)) <= set(Use):
        raise invalid_file(PINS_FILE, f"uses = {str(words)[:80]}; chỉ nhận: {', '.join(Use)}")
    uses = frozenset(Use(word) for word in words)
    if branch == INTERMEDIATE or (branch == Branch.TSA and uses != {Use.TIMESTAMP}):
        raise invalid_file(PINS_FILE, f"nhánh {branch} không nhận uses = {str(words)[:80]}")
    return uses


def _day(row: Mapping[str, Any], name: str) -> date | None:
    value = row.get(name)
    if value is None:
        return None
    if isinstance(value, datetime) or not isinstance(value, date):
        raise invalid_file(PINS_FILE, f"{name} = {str(value)[:40]}; viết ngày dạng 2026-12-31, không có nháy")
    return value


def _is_sha256(text: str) -> bool:
    return len(text) == _SHA256_HEX_DIGITS and all(c in "0123456789abcdef" for c in text)
