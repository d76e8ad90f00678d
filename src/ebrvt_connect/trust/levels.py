"""How much a signature proves by itself (mức chữ ký AdES: B-B, B-T, B-LT, B-LTA), of every format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ebrvt_connect.trust.chain import Chain
    from ebrvt_connect.trust.grounds import Grounds
    from ebrvt_connect.trust.times import SigningTime

Level = Literal["", "B-B", "B-T", "B-LT", "B-LTA"]


def level_of(
    grounds: Grounds, chain: Chain | None, time: SigningTime, *, bound: bool, archived: bool = False
) -> Level:
    """The level that holds: what was found wanting does not count.

    `bound` when the signature names its certificate (without that it is no AdES). Evidence that came along
    must answer for each certificate of the chain; `archived` when a valid timestamp lies over it.
    """
    if not bound:
        return ""
    if not time.proven:
        return "B-B"
    if grounds.embedded is None or chain is None or not chain.links:
        return "B-T"
    moment = time.best.value
    states = (
        grounds.embedded.state_of(c, issuer, used_at=moment, known_at=grounds.at) for c, issuer in chain.links
    )
    if any(state.status == "unknown" for state in states):
        return "B-T"
    return "B-LTA" if archived else "B-LT"
