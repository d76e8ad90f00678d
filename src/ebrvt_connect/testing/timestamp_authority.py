"""A timestamp authority for the sandbox (RFC 3161): real tokens, a test key, a time it is given."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from typing import TYPE_CHECKING

from asn1crypto import cms, tsp, x509
from pyhanko.sign.timestamps import TimeStamper

from ebrvt_connect.transport.signing_cms import CmsSigner, run_steps
from ebrvt_connect.transport.timestamp import TimestampReply

if TYPE_CHECKING:
    from collections.abc import Callable

    from ebrvt_connect.transport.signers import KeySigner

POLICY = "1.3.6.1.4.1.99999.1.1"
"""Its one policy."""
_DIGESTS = frozenset({"sha256", "sha384", "sha512"})
_SERIAL_BITS = 64


class TimestampAuthority:
    """Stamps digests; the time is the caller's, so tests choose it and the sandbox tells its own."""

    def __init__(self, signer: KeySigner) -> None:
        """`signer` holds the key and the certificate for time stamping."""
        self._signer = signer

    def timestamper(self, now: Callable[[], datetime] | datetime) -> TimeStamper:
        """What `sign_pdf` wants, stamping at a fixed time or by a clock's `now`."""
        return _WithinProcess(self, (lambda: now) if isinstance(now, datetime) else now)

    def answer_timestamp(self, request: bytes, at: datetime) -> bytes:
        """Answer an HTTP request's body (`application/timestamp-query`) with a reply's body (DER).

        A request that does not read, with a digest the authority does not stamp or of a length that digest
        has not, or for a policy it does not have, gets a rejection as RFC 3161 has it.
        """
        try:
            asked = tsp.TimeStampReq.load(request, strict=True)
            digest = asked["message_imprint"]["hash_algorithm"]["algorithm"].native
            stamped = asked["message_imprint"]["hashed_message"].native
            policy = asked["req_policy"].native
        except (ValueError, TypeError):
            return _rejection("bad_data_format")
        if digest not in _DIGESTS:
            return _rejection("bad_alg")
        if len(stamped) != hashlib.new(digest).digest_size:
            return _rejection("bad_data_format")
        if policy not in (None, POLICY):
            return _rejection("unaccepted_policy")
        return bytes(run_steps(self.reply(asked, at)).dump())

    async def reply(self, request: tsp.TimeStampReq, at: datetime) -> tsp.TimeStampResp:
        """Grant a request that was read already."""
        certificate = self._signer.certificate
        info = {
            "version": "v1",
            "policy": POLICY,
            "message_imprint": request["message_imprint"],
            "serial_number": secrets.randbits(_SERIAL_BITS),
            "gen_time": at.replace(microsecond=0),
            "tsa": x509.GeneralName(name="directory_name", value=certificate.subject),
        }
        if request["nonce"].native is not None:
            info["nonce"] = request["nonce"]
        content = cms.EncapsulatedContentInfo(
            {"content_type": "tst_info", "content": cms.ParsableOctetString(tsp.TSTInfo(info).dump())}
        )
        asked = request["message_imprint"]["hash_algorithm"]["algorithm"].native
        # Whatever it is asked to stamp, it signs with a digest that is safe.
        digest = asked if asked in _DIGESTS else "sha256"
        token = await CmsSigner(self._signer).async_sign_general_data(content, digest, detached=False)
        return tsp.TimeStampResp({"status": {"status": "granted"}, "time_stamp_token": token})


class _WithinProcess(TimeStamper):
    def __init__(self, authority: TimestampAuthority, now: Callable[[], datetime]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._authority = authority
        self._now = now

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        return await self._authority.reply(req, self._now())


def _rejection(failure: str) -> bytes:
    status = tsp.PKIStatusInfo({"status": "rejection", "fail_info": {failure}})
    return bytes(TimestampReply({"status": status}).dump())
