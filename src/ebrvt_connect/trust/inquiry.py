"""What one verification asked about revocation, and what it rested on: written down while it is judged.

The judge is pure and cannot fetch. It is told what is at hand, writes down what it asked, and whoever
called it may find more and have it judge again; and who keeps evidence knows what to keep.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography import x509

    from ebrvt_connect.trust.revocation import RevocationArchive, RevocationState


@dataclass(frozen=True, slots=True)
class Question:
    """Whether a certificate was revoked at a time, and what was answered."""

    certificate: x509.Certificate
    issuer: x509.Certificate
    used_at: datetime
    proven: bool
    state: RevocationState

    @property
    def wants_more(self) -> bool:
        """Whether asking elsewhere could make it surer: unknown, or told by something made before the use.

        Where nobody but the signer vouches for the use, anything at hand may have been chosen by who stole
        the key: then only what is fetched now settles it.
        """
        if self.state.status != "good":
            return self.state.status == "unknown"
        made = self.state.this_update
        return not self.proven or (made is not None and made < self.used_at)

    @property
    def about(self) -> tuple[str, int]:
        """Which certificate it is about: issuer and serial number."""
        return self.issuer.subject.rfc4514_string(), self.certificate.serial_number


@dataclass(slots=True)
class Inquiry:
    """The notes of one verification; of one thread, since they are written while it judges."""

    questions: list[Question] = field(default_factory=list)
    tokens: list[bytes] = field(default_factory=list)
    """Timestamp tokens that were looked at (DER)."""
    embedded: list[RevocationArchive] = field(default_factory=list)
    """Lists and answers the file brought along."""

    def wanted(self) -> tuple[Question, ...]:
        """What more should be known of, each certificate at its latest use."""
        found: dict[tuple[str, int], Question] = {}
        for question in self.questions:
            if question.wants_more:
                known = found.get(question.about)
                if known is None or known.used_at < question.used_at:
                    found[question.about] = question
        return tuple(found.values())
