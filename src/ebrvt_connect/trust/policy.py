"""Verification policies (chính sách kiểm tra): what a signature must be to pass. There is no default.

A policy is a frozen value. Its hash covers its own fields and how every finding of the catalogue weighs
under it, so two reports with the same hash were judged by the same rules.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from pydantic import AwareDatetime

from ebrvt_connect.model.period import VIETNAM
from ebrvt_connect.model.text import Value
from ebrvt_connect.trust import findings, xml_findings
from ebrvt_connect.trust.catalogue import Weight, noticed
from ebrvt_connect.trust.findings import CATALOGUE
from ebrvt_connect.trust.verdict import (
    Finding,
    Indication,
    PolicyReference,
    Severity,
    SubIndication,
    worst,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


PolicyId = Literal["VN_2025", "VN_LEGACY_2018", "ETSI_STRICT"]
"""The policies there are, as configuration and the command line name them."""


class Override(Value):
    """How one finding weighs under a policy, where that differs from the catalogue."""

    code: str
    severity: Severity
    indication: Indication = Indication.TOTAL_PASSED
    sub_indication: SubIndication | None = None


class VerificationPolicy(Value):
    """The rules one verification follows; values are limits and lists, the reasoning is in `trust`."""

    id: str
    version: str
    legal_basis: str
    subfilters: tuple[str, ...] = ("ETSI.CAdES.detached", "adbe.pkcs7.detached")
    """PDF signature formats that may pass; document timestamps (ETSI.RFC3161) are always looked at."""
    outdated_subfilters: tuple[str, ...] = ()
    """PDF signature formats that rest on SHA-1 and may pass where SHA-1 may."""
    digests: tuple[str, ...] = (
        "sha256",
        "sha384",
        "sha512",
        "sha512_224",
        "sha512_256",
        "sha3_224",
        "sha3_256",
        "sha3_384",
        "sha3_512",
        "shake128",
        "shake256",
    )
    """Digests that may pass, anywhere in signature, certificate or timestamp (TT 15/2025 Phụ lục I).

    What rests on SHAKE may, and nothing at hand can check it: it is said so (`ALGORITHM_NOT_CHECKED`).
    """
    outdated_digests: tuple[str, ...] = ()
    """Digests that may pass in signature and certificate besides, if a timestamp proves an early time."""
    outdated_until: AwareDatetime | None = None
    """Before this time; the timestamp itself must do without them."""
    rsa_bits: int = 2048
    """Shortest RSA key that may pass."""
    ec_bits: int = 256
    """Shortest elliptic-curve key that may pass."""
    clock_tolerance_seconds: int = 60
    """How much clocks may differ: a claimed time from its proof, any time from that of the check."""
    largest_bytes: int = 100 * 1024 * 1024
    most_signatures: int = 50
    most_references: int = 20
    """References of one XML signature."""
    most_pages: int = 20_000
    """Nodes of the page tree, times the signatures: each is compared with the whole tree."""
    appearance_percent: int = 15
    """How much of the smallest page the appearance of a later signature may cover."""
    leader_days_before: int = 15
    """How many days before the document's date its leader may have signed (days are Vietnam's)."""
    seal_days_before: int = 0
    """How many days before the document's date the agency's seal may have been set."""
    signed_days_after: int = 30
    """How many days after the document's date either may have signed."""
    overrides: tuple[Override, ...] = ()

    def as_of(self, proven: datetime | None) -> VerificationPolicy:
        """The rules for what a timestamp proves to be of that time; these rules where nothing is proven."""
        if proven is None or self.outdated_until is None or proven >= self.outdated_until:
            return self
        return self.model_copy(
            update={
                "digests": (*self.digests, *self.outdated_digests),
                "subfilters": (*self.subfilters, *self.outdated_subfilters),
            }
        )

    def whole_files_only(self) -> VerificationPolicy:
        """These rules, and besides: an XML signature must cover the whole file.

        For whoever passes on files as they are: the element around a signed one, its name included, is then
        never taken for signed. Papers of which several sign one part do not pass, unless a registered seal
        is on the whole, their signatures included (`XML_ENVELOPE_SEALED`).
        """
        around = Override(
            code=xml_findings.XML_ENVELOPE_UNSIGNED,
            severity=Severity.ERROR,
            indication=Indication.INDETERMINATE,
            sub_indication=SubIndication.SIG_CONSTRAINTS_FAILURE,
        )
        return self.model_copy(update={"overrides": (*self.overrides, around)})

    @property
    def sha1_until(self) -> datetime | None:
        """Revocation lists signed with SHA-1 count if they were made before this time; None: none does.

        They count where SHA-1 does: in rules `as_of` an early time that is proven.
        """
        return self.outdated_until if "sha1" in self.digests else None

    @property
    def reference(self) -> PolicyReference:
        """Id, version and hash, as they stand in a report."""
        return _reference(self)

    def notice(self, code: str, **facts: object) -> Finding:
        """A finding as it weighs under this policy; raises `KeyError` for a code not in the catalogue."""
        return noticed(code, _weights(self)[code], **facts)

    def conclude(self, found: Iterable[Finding]) -> tuple[Indication, tuple[SubIndication, ...]]:
        """The verdict of some findings: the worst of them, and its reasons in the order they were found."""
        weights = [_weights(self)[f.code] for f in found]
        indication = worst(w.indication for w in weights)
        reasons = (w.sub_indication for w in weights if w.indication is indication)
        return indication, tuple(dict.fromkeys(r for r in reasons if r is not None))


@lru_cache(maxsize=32)
def _weights(policy: VerificationPolicy) -> Mapping[str, Weight]:
    """How every finding weighs; kept beside the policy, since a copy of it must not take it along."""
    own = {o.code: Weight(o.severity, o.indication, o.sub_indication) for o in policy.overrides}
    return MappingProxyType({code: own.get(code, kind.weight) for code, kind in CATALOGUE.items()})


@lru_cache(maxsize=32)
def _reference(policy: VerificationPolicy) -> PolicyReference:
    rules = policy.model_dump(mode="json", exclude={"overrides"})
    rules["weights"] = {
        code: [w.severity, w.indication, w.sub_indication] for code, w in sorted(_weights(policy).items())
    }
    canonical = json.dumps(rules, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    return PolicyReference(id=policy.id, version=policy.version, sha256=digest)


VN_2025 = VerificationPolicy(
    id="VN_2025",
    version="1",
    legal_basis="TT 15/2025/TT-BKHCN Điều 6, Phụ lục I và II; Luật 20/2023/QH15 Điều 22, 23",
)
"""State agencies from 2025 on: a claimed time passes with a warning while the certificate lives."""

VN_LEGACY_2018 = VerificationPolicy(
    id="VN_LEGACY_2018",
    version="1",
    legal_basis="NĐ 130/2018/NĐ-CP Điều 9; TT 22/2020/TT-BTTTT (hết hiệu lực)",
    outdated_subfilters=("adbe.pkcs7.sha1",),
    outdated_digests=("sha1",),
    outdated_until=datetime(2020, 1, 1, tzinfo=VIETNAM),
)
"""Documents from before 2025: SHA-1 passes where a timestamp proves a time before 2020.

In January 2020 collisions with a chosen prefix were published: from then on SHA-1 proves nothing.
"""

ETSI_STRICT = VerificationPolicy(
    id="ETSI_STRICT",
    version="1",
    legal_basis="ETSI EN 319 102-1",
    overrides=(
        Override(
            code=findings.NO_TIMESTAMP,
            severity=Severity.ERROR,
            indication=Indication.INDETERMINATE,
            sub_indication=SubIndication.NO_POE,
        ),
    ),
)
"""Nobody's word counts: without a timestamp the signing time is not known, and nothing passes."""

POLICIES: Mapping[str, VerificationPolicy] = MappingProxyType(
    {policy.id: policy for policy in (VN_2025, VN_LEGACY_2018, ETSI_STRICT)}
)
"""The policies by id, for configuration and the command line."""

OUTDATED_SUBFILTERS = frozenset({"adbe.pkcs7.sha1", "adbe.x509.rsa_sha1"})
"""Formats that rest on SHA-1 by definition: named as such rather than as unknown."""
