"""What the demonstration sends, receives and breaks: fixed in advance, so that the audit can count on it.

Every agency, person and document here is fictional. Which documents must leave and which must be held
follows from the plan alone, never from what the ledger says.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Flaw(StrEnum):
    """What is wrong with a document, by design."""

    NONE = "none"
    TAMPERED = "tampered"
    UNSIGNED = "unsigned"
    WRONG_ANCHOR = "wrong-anchor"
    """Signed under a root of the same name that nobody pinned."""
    OTHER_AGENCY = "other-agency"
    """Well signed, by another agency's seal."""
    SECRET = "secret"  # noqa: S105 - a level of secrecy, not a password
    REVOKED = "revoked"
    """Signed with a certificate revoked before."""


class Appendix(StrEnum):
    """A second file beside the signed letter."""

    NONE = "none"
    XLSX = "xlsx"
    ZIP = "zip"


@dataclass(frozen=True, slots=True)
class PlannedAgency:
    """An agency of the demonstration, in its QCVN 102 spelling."""

    code: str
    name: str
    symbol: str
    """Its part of a document symbol: `STTTT` in `125/BC-STTTT`."""
    place: str


PROVINCE_AGENCIES = (
    PlannedAgency("000.00.00.H06", "Ủy ban nhân dân tỉnh (mẫu)", "UBND", "Bà Rịa"),
    PlannedAgency("000.00.15.H06", "Sở Thông tin và Truyền thông (mẫu)", "STTTT", "Bà Rịa"),
    PlannedAgency("000.00.08.H06", "Sở Nội vụ (mẫu)", "SNV", "Bà Rịa"),
)
AXIS_AGENCIES = (
    PlannedAgency("000.00.00.G22", "Văn phòng Chính phủ (mẫu)", "VPCP", "Hà Nội"),
    PlannedAgency("000.00.00.G14", "Bộ Thông tin và Truyền thông (mẫu)", "BTTTT", "Hà Nội"),
    PlannedAgency("000.00.00.G09", "Bộ Nội vụ (mẫu)", "BNV", "Hà Nội"),
    PlannedAgency("000.00.00.H19", "Ủy ban nhân dân tỉnh Đồng Nai (mẫu)", "UBND", "Biên Hòa"),
)
_KINDS = (
    ("BC", "Báo cáo", "Báo cáo kết quả triển khai dịch vụ công trực tuyến quý III"),
    ("CV", "Công văn", "V/v tăng cường sử dụng chữ ký số trong trao đổi văn bản điện tử"),
    ("KH", "Kế hoạch", "Kế hoạch kết nối, liên thông phần mềm quản lý văn bản các cấp"),
    ("TTr", "Tờ trình", "Tờ trình về việc cấp chứng thư số cho cán bộ, công chức"),
    ("TB", "Thông báo", "Thông báo lịch bảo trì trục liên thông văn bản"),
    ("QĐ", "Quyết định", "Quyết định ban hành quy chế sử dụng hệ thống thông tin một cửa"),
)
_FLAWS = (
    Flaw.TAMPERED,
    Flaw.UNSIGNED,
    Flaw.WRONG_ANCHOR,
    Flaw.OTHER_AGENCY,
    Flaw.SECRET,
    Flaw.REVOKED,
)
GOOD_OUTGOING = 42
INCOMING = 30
LARGE_BYTES = 20 * 1024 * 1024
_LARGE_ONE = 17
_BAD_INCOMING = {11: Flaw.TAMPERED, 23: Flaw.UNSIGNED}


@dataclass(frozen=True, slots=True)
class PlannedDocument:
    """One document of the plan."""

    id: str
    """The document system's own id, or a name for an incoming packet."""
    sender: PlannedAgency
    recipients: tuple[PlannedAgency, ...]
    number: str
    symbol: str
    type_code: str
    type_name: str
    abstract: str
    flaw: Flaw
    appendix: Appendix = Appendix.NONE
    extra_bytes: int = 0
    """Incompressible ballast inside the letter, for the large one."""

    @property
    def title(self) -> str:
        """Number and symbol as on paper."""
        return f"{self.number}/{self.symbol}"


@dataclass(frozen=True, slots=True)
class Plan:
    """All documents of a demonstration."""

    outgoing: tuple[PlannedDocument, ...]
    incoming: tuple[PlannedDocument, ...]

    @property
    def leaving(self) -> tuple[PlannedDocument, ...]:
        """What must reach the axis exactly once."""
        return tuple(d for d in self.outgoing if d.flaw is Flaw.NONE)

    @property
    def to_be_held(self) -> tuple[PlannedDocument, ...]:
        """What must never leave."""
        return tuple(d for d in self.outgoing if d.flaw is not Flaw.NONE)


def make_plan(good: int = GOOD_OUTGOING, incoming: int = INCOMING, *, large_bytes: int = LARGE_BYTES) -> Plan:
    """The plan; smaller ones serve tests. Flawed documents stand scattered among the good ones."""
    flaws = [Flaw.NONE] * good
    for nth, flaw in enumerate(_FLAWS):
        flaws.insert(min(len(flaws), 3 + nth * max(good // 6, 1)), flaw)
    sound = [place for place, flaw in enumerate(flaws) if flaw is Flaw.NONE]
    large = next((place for place in sound if place >= _LARGE_ONE), sound[-1] if sound else None)
    return Plan(
        tuple(_outgoing(n, flaw, large_bytes if n == large else 0) for n, flaw in enumerate(flaws)),
        tuple(_incoming(n, _BAD_INCOMING.get(n, Flaw.NONE)) for n in range(incoming)),
    )


def _outgoing(nth: int, flaw: Flaw, extra_bytes: int) -> PlannedDocument:
    # The sandbox's revoked certificates are those of the first agency.
    sender = PROVINCE_AGENCIES[0 if flaw is Flaw.REVOKED else nth % len(PROVINCE_AGENCIES)]
    first = AXIS_AGENCIES[nth % len(AXIS_AGENCIES)]
    second = AXIS_AGENCIES[(nth + 1) % len(AXIS_AGENCIES)]
    code, kind, abstract = _KINDS[nth % len(_KINDS)]
    return PlannedDocument(
        id=f"vb-di-{nth + 1:03d}",
        sender=sender,
        recipients=(first, second) if nth % 3 == 0 else (first,),
        number=str(7800 + nth),
        symbol=f"{code}-{sender.symbol}",
        type_code=code,
        type_name=kind,
        abstract=abstract,
        flaw=flaw,
        appendix=(Appendix.XLSX if nth % 5 == 1 else Appendix.ZIP if nth % 7 == 2 else Appendix.NONE),  # noqa: PLR2004 - every fifth, every seventh
        extra_bytes=extra_bytes,
    )


def _incoming(nth: int, flaw: Flaw) -> PlannedDocument:
    sender = AXIS_AGENCIES[nth % len(AXIS_AGENCIES)]
    code, kind, abstract = _KINDS[(nth + 2) % len(_KINDS)]
    return PlannedDocument(
        id=f"vb-den-{nth + 1:03d}",
        sender=sender,
        recipients=(PROVINCE_AGENCIES[nth % len(PROVINCE_AGENCIES)],),
        number=str(1200 + nth),
        symbol=f"{code}-{sender.symbol}",
        type_code=code,
        type_name=kind,
        abstract=abstract,
        flaw=flaw,
        appendix=Appendix.XLSX if nth % 6 == 4 else Appendix.NONE,  # noqa: PLR2004 - every sixth
    )
