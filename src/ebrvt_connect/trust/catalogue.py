"""How findings are catalogued: what one weighs, what it says, and which article it serves.

The rows stand in `trust.findings` and, for XML and Office packages, in `trust.xml_findings` and
`trust.ooxml_findings`; who imports the first has all.
"""

from __future__ import annotations

from dataclasses import dataclass

from ebrvt_connect.trust.verdict import Finding, Indication, Severity, SubIndication

TT15_I = "TT 15/2025/TT-BKHCN Phụ lục I"
TT15_6 = "TT 15/2025/TT-BKHCN Điều 6"


@dataclass(frozen=True, slots=True)
class Weight:
    """What a finding does to the verdict."""

    severity: Severity
    indication: Indication = Indication.TOTAL_PASSED
    sub_indication: SubIndication | None = None


@dataclass(frozen=True, slots=True)
class FindingKind:
    """One row of the catalogue; `{name}` places are filled when it is noticed."""

    code: str
    weight: Weight
    message_vi: str
    message_en: str
    legal_ref: str = ""


class Refused(Exception):
    """A file or signature that is not judged any further; `code` is a finding, the rest fills its places."""

    def __init__(self, code: str, **facts: object) -> None:
        """`facts` fill the places of the finding's sentences."""
        super().__init__(code)
        self.code = code
        self.facts = facts


ROWS: dict[str, FindingKind] = {}
"""Every finding by code; written at import only."""


def kind(code: str, weight: Weight, message_vi: str, message_en: str, legal_ref: str = "") -> str:
    """Register a finding and give back its code; raises `ValueError` when the code is taken."""
    if code in ROWS:
        raise ValueError(f"finding {code} is in the catalogue already")
    ROWS[code] = FindingKind(code, weight, message_vi, message_en, legal_ref)
    return code


def failed(sub: SubIndication) -> Weight:
    """The signature has failed, for this reason."""
    return Weight(Severity.ERROR, Indication.TOTAL_FAILED, sub)


def unclear(sub: SubIndication) -> Weight:
    """Whether the signature holds cannot be decided, for this reason."""
    return Weight(Severity.ERROR, Indication.INDETERMINATE, sub)


FORMAT = failed(SubIndication.FORMAT_FAILURE)
WARNING = Weight(Severity.WARNING)
INFO = Weight(Severity.INFO)


class _Places(dict[str, object]):
    """Leaves a place unfilled rather than failing while a finding is being told."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


def noticed(code: str, weight: Weight | None = None, **facts: object) -> Finding:
    """A finding of the catalogue with its places filled; raises `KeyError` for a code that is not there."""
    row = ROWS[code]
    places = _Places(facts)
    return Finding(
        code=code,
        severity=(weight or row.weight).severity,
        message_vi=row.message_vi.format_map(places),
        message_en=row.message_en.format_map(places),
        legal_ref=row.legal_ref,
    )
