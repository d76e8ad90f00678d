"""What the adapter asks of a portal, in whichever dialect: each dialect is one implementation of `Portal`.

The direct dialect is `client.DvcqgClient`. Another way to the same portal (a provincial platform that
wraps these calls, for one) implements the same few methods with its own envelope and authentication; what
is done with a dossier, and what is asked after a lost reply, stays in `adapter`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ebrvt_adapters.dvcqg import wire


@dataclass(frozen=True, slots=True)
class Accepted:
    """The portal's answer to a write it took: its raw words, without our session, kept as evidence."""

    raw: bytes = field(repr=False)


class Portal(Protocol):
    """The National Public Service Portal as one member sees it; every method raises `ConnectError`."""

    def dossier(self, code: str) -> wire.HoSoDaDongBo | None:
        """What the portal has of a dossier; None where it has none."""
        ...

    def put_dossiers(self, data: bytes, *, updating: bool) -> Accepted:
        """Insert or update dossiers; `data` are the JSON bytes of their array.

        Raises `DossierExists` for an insert that should be an update, `DossierNotThere` for the reverse,
        `ReconcileFirst` where it is not known whether they were taken.
        """
        ...

    def add_progress(self, data: bytes) -> Accepted:
        """Append progress entries; raises `DossierNotThere`, `ReconcileFirst`."""
        ...

    def procedure(self, code: str) -> wire.ThuTuc | None:
        """A procedure of the national catalogue; None where there is none of that code."""
        ...

    def fields_of_administration(self) -> tuple[wire.LinhVuc, ...]:
        """The fields of administration: a harmless read."""
        ...

    def close(self) -> None:
        """Give back connections."""
        ...
