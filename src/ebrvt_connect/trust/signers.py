"""The register of signers (sổ đăng ký người ký): which certificate signs for whom, in which role, when.

`signers.toml`, kept by the operator:

    [[signer]]
    sha256 = "…"                    # of the certificate
    agency = "000.00.15.H06"        # in either official spelling
    role = "agency"                 # person | agency | copy | packet
    from = 2025-01-01
    to = 2027-12-31                 # may be left out
    note = "con dấu số của Sở"      # for people; so is whatever is called x_…

What is not listed is not trusted for that agency, whatever its name says.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from pydantic import AwareDatetime, Field, ValidationError

from ebrvt_connect.codec.faults_vi import toml_fault_vi
from ebrvt_connect.errors import InvalidValue, explain
from ebrvt_connect.model.ids import AgencyCode, AgencyHistory
from ebrvt_connect.model.period import VIETNAM
from ebrvt_connect.model.text import NfcText, Value
from ebrvt_connect.model.wrong_words import unknown_name
from ebrvt_connect.trust import findings, packet_findings, xml_findings
from ebrvt_connect.trust.signing_order import order_findings
from ebrvt_connect.trust.verdict import (
    Finding,
    Indication,
    Severity,
    SignatureReport,
    SignatureRole,
)

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping

    from ebrvt_connect.trust.policy import VerificationPolicy
    from ebrvt_connect.trust.verdict import VerificationReport

SIGNER_REGISTER_INVALID = explain(
    "SIGNER_REGISTER_INVALID",
    "Sổ đăng ký người ký signers.toml có dòng không hợp lệ ({reason}).",
    "Sửa dòng đó: sha256 (64 chữ số hệ 16), agency, role (person, agency, copy, packet), from, to.",
)

_TABLES = ("signer", "note")
_REGISTRABLE = frozenset(
    {SignatureRole.PERSON, SignatureRole.AGENCY, SignatureRole.COPY, SignatureRole.PACKET}
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which signatures of an agency a thing must carry, and which it may carry; whatever its format."""

    seal: frozenset[SignatureRole]
    """One passed signature in any of these roles is needed."""
    leader: bool
    """Whether a person's signature is needed beside it, and not the same one."""
    accepted: frozenset[SignatureRole]
    """Roles in which further signatures may stand there."""
    missing: str
    """The finding for a missing seal."""
    not_passed: str
    """The finding for one that stands there and has not passed."""
    copied: bool = False
    """Whether a registered copy seal (chữ ký số sao) of any agency may stand over the original."""


_ON_DOCUMENTS = frozenset({SignatureRole.PERSON, SignatureRole.AGENCY, SignatureRole.COPY})
_ON_PACKETS = frozenset({SignatureRole.PACKET, SignatureRole.AGENCY})
_SEAL = frozenset({SignatureRole.AGENCY})
_PERSON = frozenset({SignatureRole.PERSON})
_LEADER_LACKING = (findings.LEADER_SIGNATURE_MISSING, packet_findings.LEADER_SIGNATURE_NOT_PASSED)

ISSUED_DOCUMENT = Wanted(
    _SEAL,
    leader=True,
    accepted=_ON_DOCUMENTS,
    missing=findings.AGENCY_SEAL_MISSING,
    not_passed=packet_findings.AGENCY_SEAL_NOT_PASSED,
    copied=True,
)
"""A document as issued (văn bản ban hành): the competent person's signature and the agency's seal.

Whoever copies it (sao y, sao lục, trích sao) signs over both, as registered in role copy.
"""
SEALED = Wanted(
    _SEAL,
    leader=False,
    accepted=_ON_DOCUMENTS,
    missing=findings.AGENCY_SEAL_MISSING,
    not_passed=packet_findings.AGENCY_SEAL_NOT_PASSED,
)
"""A paper for which the agency's seal (con dấu số) alone will do; a person may sign it as well."""
PACKET = Wanted(
    _ON_PACKETS,
    leader=False,
    accepted=_ON_PACKETS,
    missing=findings.PACKET_SIGNATURE_MISSING,
    not_passed=packet_findings.PACKET_SIGNATURE_NOT_PASSED,
)
"""A packet (gói tin): signed with the agency's key for packets, or with its seal."""


class RegisteredSigner(Value):
    """One line of the register: a certificate, whom it signs for, in which role, from when to when."""

    sha256: str = Field(pattern=re.compile(r"^[0-9a-f]{64}$"))
    agency: AgencyCode
    role: SignatureRole
    since: date
    until: date | None = None
    note: NfcText = ""

    def holds_on(self, day: date) -> bool:
        """Whether the line holds on a day; both ends count."""
        return self.since <= day and (self.until is None or day <= self.until)


class IssuingDecision(Value):
    """Whether a document is signed for its issuing agency (cơ quan ban hành), and what speaks against it."""

    agency: AgencyCode
    decided_at: AwareDatetime
    findings: tuple[Finding, ...] = ()
    leaders: tuple[int, ...] = ()
    """Which signatures are passed ones of its competent people, by their index."""
    seals: tuple[int, ...] = ()
    """Which are passed ones of its seal (or, on a packet, of its key for packets)."""

    @property
    def held(self) -> bool:
        """Whether the document must wait for a person: something speaks against it."""
        return any(f.severity is Severity.ERROR for f in self.findings)

    @property
    def code(self) -> str:
        """The stable code of the first reason to hold; empty when there is none."""
        return next((f.code for f in self.findings if f.severity is Severity.ERROR), "")

    @property
    def reason_vi(self) -> str:
        """Why it is held, for the operator; empty when it is not."""
        return " ".join(f.message_vi for f in self.findings if f.severity is Severity.ERROR)

    def __bool__(self) -> bool:
        """Raises `TypeError`: ask for `held`."""
        raise TypeError("an issuing decision is neither true nor false; ask whether it is `held`")


@dataclass(frozen=True, slots=True)
class SignerRegister:
    """The lines of `signers.toml`."""

    signers: tuple[RegisteredSigner, ...] = ()

    @classmethod
    def from_toml(cls, content: bytes) -> SignerRegister:
        """Read the file; raises `InvalidValue` `SIGNER_REGISTER_INVALID` naming the first bad line."""
        try:
            tables = tomllib.loads(content.decode())
        except ValueError as failure:
            raise _invalid(toml_fault_vi(failure), str(failure)) from failure
        _only_known(tables, _TABLES, "")
        rows = tables.get("signer", [])
        if not isinstance(rows, list):
            raise _invalid("[signer] phải là [[signer]]")
        return cls(tuple(_row(nth, row) for nth, row in enumerate(rows, 1)))

    def lines_of(self, certificate_sha256: str, at: datetime) -> tuple[RegisteredSigner, ...]:
        """What a certificate is registered for at a time; a day is a day in Vietnam."""
        day = at.astimezone(VIETNAM).date()
        return tuple(s for s in self.signers if s.sha256 == certificate_sha256 and s.holds_on(day))

    def role_of(self, certificate_sha256: str, at: datetime) -> SignatureRole:
        """In which role a certificate signs at a time; unknown when it is not listed or has several."""
        roles = {line.role for line in self.lines_of(certificate_sha256, at)}
        return roles.pop() if len(roles) == 1 else SignatureRole.UNKNOWN

    def signed_for(
        self,
        report: VerificationReport,
        agency: AgencyCode,
        *,
        at: datetime,
        policy: VerificationPolicy,
        history: AgencyHistory | None = None,
        wanted: Wanted = ISSUED_DOCUMENT,
    ) -> IssuingDecision:
        """Whether `report` is of a thing signed for this agency as `wanted`; files of any kind.

        1. It has passed as a whole. 2. It carries a passed signature registered, at its best signing
        time, for this agency in role agency (a packet: or packet); another agency's seal alone does not
        do. 3. Where a leader is wanted, it carries a passed signature registered for this agency in role
        person, with another certificate. 4. Every signature it carries is registered for this agency: a
        stranger's appearance would lie over what the others signed; copy seals are those of whoever
        copies, where `wanted` has it so. 5. The person signed before the seal, and both before a copy was
        made of it: as they stand in the file, and by their times (`trust.signing_order`).

        A line must hold at the best signing time, and at `at` too unless a timestamp proves that time.
        `agency` may be spelled either way and carry an old or a new code (`history`, compared as of `at`).
        """
        view = _Registered(self, agency, at, history or AgencyHistory())
        found: list[Finding] = []
        if report.indication is not Indication.TOTAL_PASSED:
            found.append(
                policy.notice(
                    findings.DOCUMENT_NOT_PASSED, headline=report.headline_vi, indication=report.indication
                )
            )
        seals = view.passed(report, wanted.seal)
        leaders = view.passed(report, _PERSON)
        copiers = view.copiers(report, anybody=wanted.copied, but=(*seals, *leaders))
        if foreign := view.foreign(report, wanted.seal, but=copiers):
            others = ", ".join(foreign)
            found.append(policy.notice(findings.AGENCY_SEAL_FOREIGN, agency=agency, other=others))
        elif not seals:
            found.append(_lacking(view, report, policy, wanted.seal, (wanted.missing, wanted.not_passed)))
        if wanted.leader and not leaders:
            found.append(_lacking(view, report, policy, _PERSON, _LEADER_LACKING))
        found += _missing(view, report, policy, wanted, seals, leaders, copiers)
        found += _strange(view, report, policy, wanted, copiers)
        found += order_findings(report, leaders, seals, tuple(copiers), policy, led=wanted.leader)
        return IssuingDecision(
            agency=agency,
            decided_at=at,
            findings=tuple(found),
            leaders=tuple(leaders),
            seals=tuple(seals),
        )


def _lacking(
    view: _Registered,
    report: VerificationReport,
    policy: VerificationPolicy,
    roles: frozenset[SignatureRole],
    codes: tuple[str, str],
) -> Finding:
    """No signature in one of the roles has passed: there is none, or it stands there and is named."""
    missing, not_passed = codes
    if there := view.not_passed(report, roles):
        numbers, listed = _numbered(there)
        return policy.notice(not_passed, agency=view.agency, numbers=numbers, numbers_en=listed)
    return policy.notice(missing, agency=view.agency)


def _numbered(places: list[int]) -> tuple[str, str]:
    """Places of signatures as a Vietnamese and as an English sentence lists them."""
    listed = ", ".join(map(str, places))
    return " và ".join(listed.rsplit(", ", 1)), listed


def _missing(
    view: _Registered,
    report: VerificationReport,
    policy: VerificationPolicy,
    wanted: Wanted,
    seals: list[int],
    leaders: list[int],
    copiers: Mapping[int, str],
) -> Iterator[Finding]:
    """One of the two signatures, or what a copy was made of."""
    both = {
        s.certificate.sha256 for s in report.signatures if s.certificate and s.index in (*seals, *leaders)
    }
    if wanted.leader and seals and leaders and len(both) == 1:
        yield policy.notice(findings.ONE_SIGNATURE_FOR_BOTH, agency=view.agency)
    if copiers:
        whole = bool(seals) and (bool(leaders) or not wanted.leader)
        code = packet_findings.COPY_MADE if whole else packet_findings.COPY_WITHOUT_ORIGINAL
        named = ", ".join(dict.fromkeys(copiers.values()))
        yield policy.notice(code, copier=named, agency=view.agency)


def _strange(
    view: _Registered,
    report: VerificationReport,
    policy: VerificationPolicy,
    wanted: Wanted,
    copiers: Mapping[int, str],
) -> Iterator[Finding]:
    """Signatures that nobody of the agency made, nor whoever copied it."""
    strangers = [n for n in view.strangers(report, wanted.accepted) if n not in copiers]
    if strangers:
        numbers, listed = _numbered(strangers)
        yield policy.notice(
            findings.SIGNER_NOT_REGISTERED, agency=view.agency, numbers=numbers, numbers_en=listed
        )


@dataclass(frozen=True, slots=True)
class _Registered:
    """A report seen through the register, for one agency and time."""

    register: SignerRegister
    agency: AgencyCode
    at: datetime
    history: AgencyHistory

    def is_issuer(self, line: RegisteredSigner) -> bool:
        day = self.at.astimezone(VIETNAM).date()
        return self.history.same_agency(line.agency, self.agency, day)

    def lines(self, signature: SignatureReport) -> tuple[RegisteredSigner, ...]:
        """What its certificate was registered for when it signed, and still is, if only it says when."""
        if signature.certificate is None or signature.best_time is None:
            return ()
        sha256, best = signature.certificate.sha256, signature.best_time
        then = self.register.lines_of(sha256, best.value)
        if best.proof == "timestamp":
            return then
        now = {(line.agency, line.role) for line in self.register.lines_of(sha256, self.at)}
        return tuple(line for line in then if (line.agency, line.role) in now)

    def strangers(self, report: VerificationReport, accepted: frozenset[SignatureRole]) -> list[int]:
        """Numbers of signatures that nobody of the agency made, document timestamps aside."""
        return [
            signature.index
            for signature in report.signatures
            if signature.role is not SignatureRole.TIMESTAMP
            and not any(line.role in accepted and self.is_issuer(line) for line in self.lines(signature))
        ]

    def foreign(
        self, report: VerificationReport, seal: frozenset[SignatureRole], *, but: Container[int]
    ) -> tuple[str, ...]:
        """The agencies whose seal stands there though they are not the one asked about."""
        others = (
            str(line.agency)
            for signature in report.signatures
            if signature.index not in but
            for line in self.lines(signature)
            if line.role in seal and not self.is_issuer(line) and not self._seals_for_issuer(signature, seal)
        )
        return tuple(dict.fromkeys(others))

    def _seals_for_issuer(self, signature: SignatureReport, seal: frozenset[SignatureRole]) -> bool:
        return any(line.role in seal and self.is_issuer(line) for line in self.lines(signature))

    def copiers(self, report: VerificationReport, *, anybody: bool, but: Container[int]) -> dict[int, str]:
        """Places of passed copy seals, in signing order, with the agency that copied."""
        return {
            signature.index: str(line.agency)
            for signature in report.signatures
            if signature.indication is Indication.TOTAL_PASSED and signature.index not in but
            if _is_on_content(signature)
            for line in self.lines(signature)
            if line.role is SignatureRole.COPY and (anybody or self.is_issuer(line))
        }

    def passed(self, report: VerificationReport, roles: frozenset[SignatureRole]) -> list[int]:
        """Places, in signing order, of passed signatures registered for the agency in one of the roles."""
        return [s.index for s in self._of(report, roles) if s.indication is Indication.TOTAL_PASSED]

    def not_passed(self, report: VerificationReport, roles: frozenset[SignatureRole]) -> list[int]:
        """Places of the others whose certificate is registered so; who made them is not known."""
        return [s.index for s in self._of(report, roles) if s.indication is not Indication.TOTAL_PASSED]

    def _of(self, report: VerificationReport, roles: frozenset[SignatureRole]) -> Iterator[SignatureReport]:
        for signature in filter(_is_on_content, report.signatures):
            if any(line.role in roles and self.is_issuer(line) for line in self.lines(signature)):
                yield signature


def _is_on_content(signature: SignatureReport) -> bool:
    """Whether it is more than a countersignature, which confirms another signature and no document."""
    return all(f.code != xml_findings.XML_COUNTERSIGNATURE for f in signature.findings)


def _only_known(names: Iterable[str], known: tuple[str, ...], place: str) -> None:
    """A day spelt wrongly must not vanish. Raises `InvalidValue`."""
    for name in names:
        if name not in known and not name.startswith("x_"):
            raise _invalid(f"{place}{unknown_name(name, known)}; ghi chú thêm thì đặt tên x_…")


def _row(nth: int, row: Any) -> RegisteredSigner:  # noqa: ANN401 - whatever stands in the file
    place = f"[[signer]] thứ {nth}: "
    if isinstance(row, dict):
        _only_known(row, (*_WRONG_VI, "note"), place)
        for name in _WRITTEN.values():  # a number would be read as seconds since 1970
            if name in row and (isinstance(row[name], datetime) or not isinstance(row[name], date)):
                raise _invalid(f"{place}{name} {_A_DAY}")
    try:
        fields = {{"from": "since", "to": "until"}.get(k, k): v for k, v in row.items() if k[:2] != "x_"}
        fields["sha256"] = str(fields.get("sha256", "")).replace(":", "").lower()
        line = RegisteredSigner.model_validate(fields)
    except (ValidationError, AttributeError, ValueError) as failure:
        raise _invalid(
            f"[[signer]] thứ {nth}: {_wrong_vi(failure)}", f"[[signer]] {nth}: {failure}"
        ) from failure
    if line.role not in _REGISTRABLE:
        raise _invalid(f"{place}role {_WRONG_VI['role']}")
    if line.until is not None and line.until < line.since:
        raise _invalid(f"{place}to sớm hơn from")
    return line


_WRITTEN = {"since": "from", "until": "to"}
_A_DAY = "phải là ngày dạng 2026-12-31, không đặt trong nháy"
_WRONG_VI = {
    "sha256": "phải là SHA-256 của chứng thư, 64 chữ số hệ 16",
    "agency": "không phải mã định danh cơ quan, ví dụ 000.00.15.H06",
    "role": "chỉ nhận person, agency, copy, packet",
    "from": _A_DAY,
    "to": _A_DAY,
}


def _wrong_vi(failure: Exception) -> str:
    """What is wrong with a row, as half a sentence."""
    if not isinstance(failure, ValidationError):
        return "sai cấu trúc"
    first = failure.errors()[0]
    named = str(first["loc"][0]) if first["loc"] else ""
    written = _WRITTEN.get(named, named)
    wrong = {"missing": "còn thiếu", "extra_forbidden": "không phải là một mục của sổ"}.get(first["type"])
    return f"{written[:40]} {wrong or _WRONG_VI.get(written, 'có giá trị không dùng được')}".strip()


def _invalid(reason: str, detail: str = "") -> InvalidValue:
    return InvalidValue(SIGNER_REGISTER_INVALID, f"signers.toml: {detail or reason}", reason=reason)
