"""Timestamps (dấu thời gian, RFC 3161): what proves when a signature existed.

A token is judged on its own chain, to an anchor of the timestamp branch, at its own time, and again at the
time it is known to have been there: that of a newer timestamp over it, else that of the check. For a key
whose certificate has expired, or a digest that has been broken since, could make one with any time in it.
Only a token that holds in every respect proves anything; one that belongs to something else is told as
broken, one whose authority is unknown is set aside with a warning (whoever wanted to cheat could as well
have left it out, so it cannot make things better or worse).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from asn1crypto import core
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from ebrvt_connect.trust import findings, level_findings
from ebrvt_connect.trust.chain import key_allowed
from ebrvt_connect.trust.cms_algorithms import algorithm_findings, digests_named
from ebrvt_connect.trust.names import issuer_name, signer_name
from ebrvt_connect.trust.second_opinion import opinion_on_token
from ebrvt_connect.trust.signed_data import CmsMalformed, read_signed_data, timestamp_info
from ebrvt_connect.trust.times import out_of_order, told
from ebrvt_connect.trust.verdict import Finding, TimestampFacts

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from asn1crypto import cms, tsp

    from ebrvt_connect.trust.chain import Chain
    from ebrvt_connect.trust.grounds import Grounds
    from ebrvt_connect.trust.policy import VerificationPolicy
    from ebrvt_connect.trust.signed_data import SignedData


@dataclass(frozen=True, slots=True)
class TimestampVerdict:
    """A token judged: the time it proves (None: nothing) and what was found."""

    facts: TimestampFacts | None
    found: tuple[Finding, ...] = ()

    @property
    def proves(self) -> datetime | None:
        """The time that is proven."""
        return self.facts.time if self.facts is not None and self.facts.valid else None


def judge_token(
    grounds: Grounds,
    content: cms.SignedData,
    imprint_of: Callable[[str], bytes],
    *,
    kind: Literal["content", "signature", "document", "archive"] = "signature",
    witness: datetime | None = None,
) -> TimestampVerdict:
    """Judge a token; `imprint_of` gives the digest of what it must be about, by algorithm name.

    `witness` is the time of a valid timestamp over this one, where there is one.
    """
    try:
        signed = read_signed_data(content, timestamp=True)
        info = timestamp_info(content)
        time = info["gen_time"].native
        if grounds.notes is not None:
            grounds.notes.tokens.append(content.dump())
        found = _broken(grounds, content, imprint_of) or _distrusted(
            grounds, signed, time, imprint_of, witness
        )
    except CmsMalformed as failure:
        return _broken_verdict(grounds, failure.reason_vi)
    except MemoryError:
        raise
    except Exception as failure:  # noqa: BLE001 - hostile encodings break asn1crypto in many ways
        return _broken_verdict(grounds, type(failure).__name__)
    facts = TimestampFacts(
        time=time,
        authority=signer_name(signed.leaf).cn,
        valid={f.code for f in found} <= {level_findings.TIMESTAMP_RENEWED},
        kind=kind,
        sha256=hashlib.sha256(content.dump()).hexdigest(),
    )
    return TimestampVerdict(facts, found)


def unreadable_token(grounds: Grounds, reason: str = "") -> TimestampVerdict:
    """What is said of a timestamp that could not even be taken out; `reason` is in Vietnamese."""
    return _broken_verdict(grounds, reason or "không giải mã được")


def _broken_verdict(grounds: Grounds, reason: str) -> TimestampVerdict:
    return TimestampVerdict(None, (grounds.policy.notice(findings.TIMESTAMP_BROKEN, reason=reason),))


def _broken(
    grounds: Grounds, content: cms.SignedData, imprint_of: Callable[[str], bytes]
) -> tuple[Finding, ...]:
    """About something else, or its digest is not one that counts."""
    info = timestamp_info(content)
    imprint = info["message_imprint"]
    algorithm = imprint["hash_algorithm"]["algorithm"].native
    # What it was made over is as old as it says; its own signature is held to today's rules below.
    if algorithm not in grounds.policy.as_of(info["gen_time"].native).digests:
        return (grounds.policy.notice(findings.TIMESTAMP_NOT_TRUSTED, reason=f"thuật toán băm {algorithm}"),)
    if imprint_of(algorithm) != imprint["hashed_message"].native:
        return (grounds.policy.notice(findings.TIMESTAMP_BROKEN, reason="dấu thời gian của nội dung khác"),)
    if reservation := _reservation(info, grounds):
        return (grounds.policy.notice(findings.TIMESTAMP_NOT_TRUSTED, reason=reservation),)
    return ()


def _reservation(info: tsp.TSTInfo, grounds: Grounds) -> str:
    """What an authority says besides that makes its time another one, or who knows what (RFC 3161, 2.4.2)."""
    if info["version"].native != "v1":
        return "phiên bản lạ"
    extensions, accuracy = info["extensions"], info["accuracy"]
    if not isinstance(extensions, core.Void) and any(e["critical"].native for e in extensions):
        return "có điều kiện riêng mà phần mềm không biết"
    # Milliseconds and less are there too, below any clock's difference.
    if not isinstance(accuracy, core.Void) and (accuracy["seconds"].native or 0) > grounds.tolerance.seconds:
        return "sai số quá lớn"
    return ""


def _distrusted(
    grounds: Grounds,
    signed: SignedData,
    time: datetime,
    imprint_of: Callable[[str], bytes],
    witness: datetime | None,
) -> tuple[Finding, ...]:
    """Signature of the token, its order in time, the authority's certificate and chain."""
    notice = grounds.policy.notice
    if grounds.lies_ahead(time):
        return (notice(findings.TIMESTAMP_IN_FUTURE),)
    if witness is not None and time > witness + grounds.tolerance:
        return (out_of_order(time, witness, grounds),)
    chain = grounds.chain_of(signed, grounds.trust.for_timestamps, time)
    policy = grounds.policy.as_of(witness)
    trouble = _authority_trouble(grounds, signed, chain, time) or _lapse(
        grounds, policy, signed, chain, time, witness
    )
    opinion = opinion_on_token(signed, chain, time, policy, imprint_of, vouched=not trouble)
    if not opinion.intact:
        return (notice(findings.TIMESTAMP_BROKEN, reason="chữ ký của dấu thời gian sai"),)
    if not trouble and opinion.doubt:
        trouble = f"chuỗi chứng thư: {opinion.doubt}"
    if trouble:
        return (notice(findings.TIMESTAMP_NOT_TRUSTED, reason=trouble),)
    # What today's rules would not take stands by the newer one alone.
    if witness is None or not _lapse(grounds, grounds.policy, signed, chain, time, None):
        return ()
    return (notice(level_findings.TIMESTAMP_RENEWED, **told("earlier", time), **told("later", witness)),)


def _authority_trouble(grounds: Grounds, signed: SignedData, chain: Chain | None, time: datetime) -> str:
    """Why the authority could not make a timestamp at `time`, in Vietnamese; empty when it could."""
    leaf = signed.leaf
    if chain is None:
        return "không dẫn tới gốc cấp dấu thời gian đã ghim"
    if not leaf.not_valid_before_utc <= time <= leaf.not_valid_after_utc:
        return "chứng thư của tổ chức cấp dấu thời gian hết hiệu lực"
    if trouble := chain.trouble_at(time):
        return trouble
    if not is_for_timestamps(leaf):
        return "chứng thư không dành riêng cho cấp dấu thời gian"
    if list(algorithm_findings(signed, grounds.policy)):
        return "thuật toán khai báo mâu thuẫn nhau"
    return ""


def _lapse(
    grounds: Grounds,
    policy: VerificationPolicy,
    signed: SignedData,
    chain: Chain | None,
    time: datetime,
    witness: datetime | None,
) -> str:
    """Why nobody can tell any more whether the authority made it then, in Vietnamese; empty when one can.

    `witness` is when it is known to have been there already; the time of the check when nothing says so.
    """
    if chain is None:
        return ""
    there = grounds.at if witness is None else witness
    named = digests_named(signed.signer_info)
    if not set(named) <= set(policy.digests) or chain.is_weak(policy) or not key_allowed(signed.leaf, policy):
        return "thuật toán không còn an toàn"
    if there > signed.leaf.not_valid_after_utc or chain.trouble_at(max(time, there)):
        return "chứng thư của tổ chức cấp dấu thời gian nay đã hết hạn, không có dấu thời gian mới hơn bảo vệ"
    # All of them are asked after, so that whoever may ask further knows of all at once. Nobody but the
    # authority's own key vouches for `time`, and a stolen one could backdate for ever under the last list
    # before its revocation. So it must have been good when the token is known to have been there
    # (EN 319 102-1, 5.6.2.2); without a witness, a list must be current today.
    proven = witness is not None
    used_at = max(time, there) if proven else time
    states = [grounds.state_of(c, issuer, used_at, proven=proven) for c, issuer in chain.links]
    for state, (certificate, _) in zip(states, chain.links, strict=True):
        # A timestamp key revoked later may have backdated: it counts if it was there before.
        withdrawn = state.revoked_at is not None and not proven
        if state.status != "good" or withdrawn:
            unknown = f"{state.reason}, cơ quan cấp là “{issuer_name(certificate)}”"
            return unknown if state.reason else "chứng thư đã bị thu hồi"
    return ""


def is_for_timestamps(certificate: x509.Certificate) -> bool:
    """Whether the extended key usage is critical and timeStamping alone (RFC 3161, 2.3)."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except (x509.ExtensionNotFound, ValueError):
        return False
    return usage.critical and list(usage.value) == [ExtendedKeyUsageOID.TIME_STAMPING]
