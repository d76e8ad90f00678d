"""What `ebrvt verify` may ask and keep: OCSP answers at hand, the network, evidence.

By itself a verdict is offline. With `--online` or `--evidence` each file is examined in a limited worker
process first, as always; only what such a worker got through is then judged again in this process, where
there are a network and a folder to write to.
"""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from ebrvt_connect.transport.revocation_online import OnlineRevocation
    from ebrvt_connect.transport.verify_items import ToVerify
    from ebrvt_connect.transport.verify_one import KeepsEvidence
    from ebrvt_connect.trust.anchors import TrustStore
    from ebrvt_connect.trust.policy import VerificationPolicy
    from ebrvt_connect.trust.revocation import RevocationArchive
    from ebrvt_connect.trust.verdict import VerificationReport

    _Command = TypeVar("_Command", bound=Callable[..., Any])

STOPPED = frozenset(
    {
        "VERIFICATION_TIME_EXCEEDED",
        "VERIFICATION_MEMORY_EXCEEDED",
        "VERIFICATION_CRASHED",
        "VERIFICATION_INTERRUPTED",
        "FILE_UNREADABLE",
        "FILE_TOO_LARGE",
    }
)
"""Files that a worker did not get through; this process does not try."""


def asking_options(command: _Command) -> _Command:
    """The options `--ocsp`, `--online`, `--revocation-cache` and `--evidence`, handed over as `asking`."""

    @wraps(command)
    def asked(
        *args: Any,  # noqa: ANN401 - the command's own
        ocsp: tuple[Path, ...],
        online: bool,
        revocation_cache: Path | None,
        evidence: Path | None,
        **rest: Any,  # noqa: ANN401 - the command's own
    ) -> Any:  # noqa: ANN401 - the command's own
        return command(*args, asking=Asking(ocsp, online, revocation_cache, evidence), **rest)

    file = click.Path(exists=True, dir_okay=False, path_type=Path)
    folder = click.Path(file_okay=False, path_type=Path)
    options = [
        click.option("--ocsp", multiple=True, type=file, help="OCSP answers at hand (DER)."),
        click.option(
            "--online",
            is_flag=True,
            help="Ask OCSP responders and list servers, of hosts in online.toml or pinned certificates only.",
        ),
        click.option(
            "--revocation-cache",
            type=folder,
            help="Where fetched lists and answers are kept (default: the user's cache folder).",
        ),
        click.option(
            "--evidence",
            type=folder,
            help="Keep what each verdict rests on in this folder; see `ebrvt evidence`.",
        ),
    ]
    for option in reversed(options):
        asked = option(asked)
    return cast("_Command", asked)


@dataclass(frozen=True, slots=True)
class Asking:
    """What was asked for on the command line."""

    answers: tuple[Path, ...] = ()
    online: bool = False
    cache: Path | None = None
    evidence: Path | None = None

    def reports(
        self,
        items: Iterable[ToVerify],
        *,
        policy: VerificationPolicy,
        trust: TrustStore,
        folder: Path | None,
        at: datetime | None,
        workers: int | None,
    ) -> Iterator[VerificationReport]:
        """One report for each file, in their order; `folder` is the trust folder, which has `online.toml`.

        Raises `HeldForPerson` `ONLINE_SETTINGS_INVALID`; `InvalidValue` `TRUST_FOLDER_INVALID` for an answer
        that does not read, and `DISK_FULL` or `FILE_UNUSABLE` for a place that takes no evidence.
        """
        from ebrvt_connect.api import verify_many

        archive = self._archive()
        if not self.online and self.evidence is None:
            return verify_many(items, policy=policy, trust=trust, revocation=archive, at=at, workers=workers)
        online = self._online(trust, folder, archive) if self.online else None
        kept = self._evidence()
        waiting: deque[ToVerify] = deque()
        screened = verify_many(
            _held(items, waiting, policy.largest_bytes),
            policy=policy,
            trust=trust,
            revocation=archive,
            at=at,
            workers=workers,
        )

        def judged() -> Iterator[VerificationReport]:
            try:
                for report in screened:
                    item = waiting.popleft()
                    if any(f.code in STOPPED for f in report.findings):
                        yield report
                    else:
                        yield _again(
                            item, policy=policy, trust=trust, revocation=online or archive, at=at, kept=kept
                        )
            finally:
                if online is not None:
                    online.close()

        return judged()

    def joined(
        self, trust: TrustStore, folder: Path | None
    ) -> tuple[RevocationArchive | OnlineRevocation | None, KeepsEvidence | None]:
        """What is asked about revocation and where evidence goes, for who judges by himself.

        Raises as `reports`; what is online the caller closes.
        """
        archive = self._archive()
        return self._online(trust, folder, archive) if self.online else archive, self._evidence()

    def _archive(self) -> RevocationArchive | None:
        if not self.answers:
            return None
        from ebrvt_connect.ops.verify_given import answers_given
        from ebrvt_connect.trust.revocation import RevocationArchive

        return RevocationArchive.of((), answers_given("--ocsp", self.answers))

    def _online(
        self, trust: TrustStore, folder: Path | None, archive: RevocationArchive | None
    ) -> OnlineRevocation:
        from ebrvt_connect.transport.revocation_online import online_for
        from ebrvt_connect.transport.revocation_settings import OnlineSettings, load_online_settings

        settings = OnlineSettings() if folder is None else load_online_settings(folder)
        return online_for(trust, settings, cache=self.cache or _user_cache(), archive=archive)

    def _evidence(self) -> KeepsEvidence | None:
        if self.evidence is None:
            return None
        from ebrvt_connect.ops.evidence_here import EvidenceHere

        return EvidenceHere.at(self.evidence)


def _held(items: Iterable[ToVerify], waiting: deque[ToVerify], largest: int) -> Iterator[ToVerify]:
    """The files read once: what is judged again must be what was examined, and a pipe tells it only once."""
    from ebrvt_connect.transport.verify_jobs import opened_in_time
    from ebrvt_connect.transport.verify_wire import content_of

    before: ToVerify | None = None
    for item in items:
        held = item
        if before is not None and before.source == item.source and item.part is not None and waiting:
            held = replace(item, source=waiting[-1].source)  # the same packet, held once
        elif isinstance(item.source, Path):
            try:
                with opened_in_time(item.source) as stream:
                    name = item.source.name if item.name is None else item.name
                    held = replace(item, source=content_of(stream.fileno(), largest + 1), name=name)
            except OSError:
                held = item  # told by whoever reads it next
        waiting.append(held)
        before = item
        yield held


def _again(
    item: ToVerify,
    *,
    policy: VerificationPolicy,
    trust: TrustStore,
    revocation: RevocationArchive | OnlineRevocation | None,
    at: datetime | None,
    kept: KeepsEvidence | None,
) -> VerificationReport:
    from ebrvt_connect.api import verify
    from ebrvt_connect.transport.verify_parts import content_and_siblings

    source, beside = item.source, item.detached
    if item.part is not None and isinstance(source, bytes):  # a worker has opened the packet before us
        source, beside = content_and_siblings(source, beside, item.part, policy)
    return verify(
        source,
        policy=policy,
        trust=trust,
        revocation=revocation,
        at=at,
        detached=beside,
        name=item.name,
        evidence=kept,
    )


def _user_cache() -> Path:
    """Where programs of this user keep what can be had again (XDG)."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(home) if home else Path.home() / ".cache") / "ebrvt" / "revocation"
