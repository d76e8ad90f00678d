"""Opens systems anew when their secrets, keys or certificates are renewed (thay khóa, gia hạn chứng thư).

What is looked at: every file a secret is read from, and every file that the `transport` and `credentials`
tables name (authorities, client certificate and key, signing key). A file counts as renewed when its bytes
are others; whether to look at the bytes is told by its identity (number, times, size), which must have been
the same at two looks: files are written, and pairs renamed, one after the other.

The new one is opened as a whole, with its keys, and its files must still be the same afterwards: so no
certificate of one day ever meets the key of another. Where it cannot be opened the one at work goes on, and
after a while people are told.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ebrvt_connect.errors import ConnectError, InvalidValue, Scope, explain
from ebrvt_connect.ports.alerts import Cause

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from pydantic import BaseModel

    from ebrvt_connect.ports.adapter import Adapter
    from ebrvt_connect.ports.clock import Clock

RENEWAL_UNUSABLE = explain(
    "RENEWAL_UNUSABLE",
    "Bí mật, khóa hoặc chứng thư vừa thay của hệ thống {system} không dùng được ({why}); chương trình dùng "
    "tiếp bản cũ đến khi bản cũ hết hạn.",
    "Thay lại cho đúng: chứng thư và khóa cùng cặp, đúng mật khẩu, quyền 600. Chương trình tự đọc lại tệp, "
    "không cần khởi động lại.",
)

_READ_AGAIN_SECONDS = 60.0
"""What could not be used is tried again so often, even if its files look the same."""
_TOLD_AFTER_SECONDS = 20.0
"""Whoever renews a pair by hand takes some seconds between its files."""
_IN_USE_SECONDS = 3900.0
"""The longest call that settings allow takes an hour: then nobody can be at work with an old one."""

Identity = tuple[tuple[int, ...] | None, ...]
"""Of each file its device, number, size and times; None for one that is not there."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Files:
    """The files that one system's secrets and keys come from."""

    secrets: tuple[Path, ...] = ()
    keys: tuple[Path, ...] = ()
    asks: bool = False
    """Whether a command tells one of its secrets: that can only be asked."""

    def identity(self) -> Identity:
        """Of all of them now."""
        return tuple(_identity(path) for path in (*self.secrets, *self.keys))


@dataclass(frozen=True, slots=True)
class Opener:
    """How a system is opened."""

    read: Callable[[str], BaseModel]
    """Its settings with the secrets as they are now; raises `ConfigInvalid`."""
    open: Callable[[str, BaseModel], Adapter]
    """Raises `ConfigInvalid`."""
    files: Callable[[str], Files]


@dataclass(slots=True)
class _System:
    """One system as it was opened last, and what is known of newer files."""

    adapter: Adapter
    settings: BaseModel
    files: Files
    identity: Identity
    digest: tuple[bytes, ...]
    seen: Identity
    """At the last look."""
    read_at: float = field(default=0.0)
    """When its files were read last."""
    unusable: Identity | None = None
    """Of files that could not be used."""
    why: str = ""
    since: float = 0.0


class Renewing:
    """The systems of one daemon; closes what it has opened."""

    def __init__(self, opener: Opener, clock: Clock) -> None:
        """Nothing is open yet."""
        self._opener = opener
        self._clock = clock
        self._lock = threading.Lock()
        self._systems: dict[str, _System] = {}
        self._retired: list[tuple[float, Adapter]] = []

    def opened(self, name: str) -> Adapter:
        """Open a system with its secrets as they are now, in place of one at work; raises `ConfigInvalid`.

        A key that does not open is no reason not to open the system: it is told when it is needed.
        """
        files = self._opener.files(name)
        # First: whatever changes from here on is found to have changed.
        identity, digest = files.identity(), _digest(files)
        settings = self._opener.read(name)
        adapter = self._opener.open(name, settings)
        try:
            adapter.open_keys()
        except ConnectError as failure:
            _log.warning("%s has a key that does not open: %s", name, failure)
        self._keep(name, _System(adapter, settings, files, identity, digest, identity))
        return adapter

    def reopened(self, name: str) -> Adapter:
        """The same for a system that is taken up again: what is wrong with its settings pauses it anew."""
        try:
            return self.opened(name)
        except InvalidValue as wrong:
            raise wrong.held(system=name, operation="open", scope=Scope.SYSTEM) from wrong

    def settings_of(self, name: str) -> BaseModel:
        """What a system was opened with last."""
        return self._systems[name].settings

    def renewed(self, waiting: Collection[str]) -> Mapping[str, Adapter]:
        """The systems whose files have been renewed since, opened anew; see `engine.renewal`."""
        found: dict[str, Adapter] = {}
        for name in tuple(self._systems):
            adapter = self._look(name, self._systems[name], asked=name in waiting)
            if adapter is not None:
                found[name] = adapter
        self._close_retired()
        return found

    def unusable(self, now: datetime) -> Iterator[Cause]:  # noqa: ARG002 - a watch's signature
        """What was renewed and cannot be used, once it has stayed so for a while."""
        for name, system in tuple(self._systems.items()):
            if system.unusable and self._clock.monotonic() - system.since >= _TOLD_AFTER_SECONDS:
                yield Cause(
                    system=name,
                    code=RENEWAL_UNUSABLE.code,
                    reason_vi=RENEWAL_UNUSABLE.sentence_vi.format(system=name, why=system.why),
                    advice_vi=RENEWAL_UNUSABLE.advice_vi,
                )

    def close(self) -> None:
        """Close all of them, old ones too."""
        with self._lock:
            adapters = [system.adapter for system in self._systems.values()]
            adapters += [adapter for _, adapter in self._retired]
            self._systems.clear()
            self._retired.clear()
        for adapter in adapters:
            adapter.close()

    def _look(self, name: str, system: _System, *, asked: bool) -> Adapter | None:
        identity, now = system.files.identity(), self._clock.monotonic()
        still, system.seen = identity == system.seen, identity
        if identity == system.identity:
            system.unusable = None
            if not (asked and system.files.asks) or now - system.read_at < _READ_AGAIN_SECONDS:
                return None
        if not still or (identity == system.unusable and now - system.read_at < _READ_AGAIN_SECONDS):
            return None
        system.read_at = now
        try:
            return self._opened_anew(name, system, identity)
        except (ConnectError, InvalidValue) as failure:
            self._note(name, system, identity, failure)
            return None

    def _opened_anew(self, name: str, system: _System, identity: Identity) -> Adapter | None:
        """With what its files hold now; None if that is what they held before, or they change just now."""
        settings, digest = self._opener.read(name), _digest(system.files)
        if settings == system.settings and digest == system.digest:
            system.identity, system.unusable = identity, None
            return None
        adapter = self._opener.open(name, settings)
        try:
            adapter.open_keys()
        except ConnectError:
            adapter.close()
            raise
        if system.files.identity() != identity:
            adapter.close()
            return None
        self._keep(name, _System(adapter, settings, system.files, identity, digest, identity))
        return adapter

    def _keep(self, name: str, kept: _System) -> None:
        kept.read_at = self._clock.monotonic()
        with self._lock:
            former = self._systems.get(name)
            self._systems[name] = kept
            if former is not None:
                self._retired.append((self._clock.monotonic() + _IN_USE_SECONDS, former.adapter))

    def _note(self, name: str, system: _System, identity: Identity, failure: Exception) -> None:
        if system.unusable is None:
            system.since = self._clock.monotonic()
            _log.warning("what was renewed for %s cannot be used, the old goes on: %s", name, failure)
        system.unusable, system.why = identity, _why_vi(failure)

    def _close_retired(self) -> None:
        with self._lock:
            now = self._clock.monotonic()
            over = [adapter for until, adapter in self._retired if until <= now]
            self._retired = [one for one in self._retired if one[0] > now]
        for adapter in over:
            adapter.close()


def _digest(files: Files) -> tuple[bytes, ...]:
    """Of the keys' bytes, empty for one that cannot be read. Secrets are compared as they were read."""
    sums: list[bytes] = []
    for path in files.keys:
        try:
            sums.append(hashlib.sha256(path.read_bytes()).digest())
        except OSError:
            sums.append(b"")
    return tuple(sums)


def _identity(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _why_vi(failure: Exception) -> str:
    said = getattr(failure, "explanation_vi", "") or getattr(failure, "sentence_vi", "")
    return str(said or "không đọc được tệp").rstrip(".")
