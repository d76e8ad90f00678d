"""Timestamps (dấu thời gian, RFC 3161): what proves when a signature existed.

A token is judged on its own chain, to an anchor of the timestamp branch, at its own time. Only a token
that holds in every respect proves anything; one that belongs to something else is told as broken, one
whose authority is unknown is set aside with a warning (whoever wanted to cheat could as well have left
it out, so it cannot make things better or worse).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from pyhanko.sign.validation.generic_cms import validate_tst_signed_data

from ebrvt_connect.trust import findings
from ebrvt_connect.trust.immediate import run_to_end
from ebrvt_connect.trust.names import signer_name
from ebrvt_connect.trust.second_opinion import validation_context
from ebrvt_connect.trust.signed_data import CmsMalformed, read_signed_data, timestamp_info
from ebrvt_connect.trust.verdict import Finding, TimestampFacts

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from asn1crypto import cms

    from ebrvt_connect.trust.chain import Chain
    from ebrvt_connect.trust.grounds import Grounds
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
    grounds: Grounds, content: cms.SignedData, imprint_of: Callable[[str], bytes]
) -> TimestampVerdict:
    """Judge a token; `imprint_of` gives the digest of what it must be about, by algorithm name."""
    try:
        signed = read_signed_data(content, timestamp=True)
        info = timestamp_info(content)
        time = info["gen_time"].native
        found = _broken(grounds, content, imprint_of) or _distrusted(
            grounds, signed, content, time, imprint_of
        )
    except CmsMalformed as failure:
        return _broken_verdict(grounds, failure.reason_vi)
    except Exception as failure:  # noqa: BLE001 - hostile encodings break asn1crypto in many ways
        return _broken_verdict(grounds, type(failure).__name__)
    facts = TimestampFacts(time=time, authority=signer_name(signed.leaf).cn, valid=not found)
    return TimestampVerdict(facts, found)


def unreadable_token(grounds: Grounds) -> TimestampVerdict:
    """What is said of a timestamp that could not even be taken out of the signature."""
    return _broken_verdict(grounds, "không giải mã được")


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
    return ()


def _distrusted(
    grounds: Grounds,
    signed: SignedData,
    content: cms.SignedData,
    time: datetime,
    imprint_of: Callable[[str], bytes],
) -> tuple[Finding, ...]:
    """Signature of the token, its order in time, the authority's certificate and chain."""
    notice = grounds.policy.notice
    if grounds.lies_ahead(time):
        return (notice(findings.TIMESTAMP_IN_FUTURE),)
    chain = grounds.chain_of(signed, grounds.trust.for_timestamps, time)
    trouble = _authority_trouble(grounds, signed, chain, time)
    context = validation_context(chain, time, grounds.policy, vouched=not trouble, embedded=signed.others)
    status = run_to_end(validate_tst_signed_data(content, context, imprint_of))
    if not (status["intact"] and status["valid"]):
        return (notice(findings.TIMESTAMP_BROKEN, reason="chữ ký của dấu thời gian sai"),)
    if not trouble and status["trust_problem_indic"] is not None:
        trouble = f"chuỗi chứng thư: {status['trust_problem_indic'].name}"
    return (notice(findings.TIMESTAMP_NOT_TRUSTED, reason=trouble),) if trouble else ()


def _authority_trouble(grounds: Grounds, signed: SignedData, chain: Chain | None, time: datetime) -> str:
    """Why the authority does not count, in Vietnamese; empty when it does."""
    leaf = signed.leaf
    if chain is None:
        return "không dẫn tới gốc cấp dấu thời gian đã ghim"
    if not leaf.not_valid_before_utc <= time <= leaf.not_valid_after_utc:
        return "chứng thư của tổ chức cấp dấu thời gian hết hiệu lực"
    if trouble := chain.trouble_at(time):
        return trouble
    if not _is_for_timestamps(leaf):
        return "chứng thư không dành riêng cho cấp dấu thời gian"
    if signed.digest not in grounds.policy.digests or chain.is_weak(grounds.policy):
        return "thuật toán không còn an toàn"
    for certificate, issuer in chain.links:
        state = grounds.state_of(certificate, issuer, time, proven=True)
        # A timestamp key revoked later may have backdated: only an unbroken record counts.
        if state.status != "good" or state.revoked_at is not None:
            return state.reason or "chứng thư đã bị thu hồi"
    return ""


def _is_for_timestamps(certificate: x509.Certificate) -> bool:
    """RFC 3161, 2.3: the extended key usage is critical and timeStamping alone."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except (x509.ExtensionNotFound, ValueError):
        return False
    return usage.critical and list(usage.value) == [ExtendedKeyUsageOID.TIME_STAMPING]
