"""One daemon per SQLite file: whoever works on it holds a lock that dies with its process."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO

import sqlalchemy as sa

from ebrvt_connect.errors import HeldForPerson, Scope, explain

ALREADY_RUNNING = explain(
    "ALREADY_RUNNING",
    "Một tiến trình ebrvt khác đang chạy trên cùng sổ cái này.",
    "Dừng tiến trình kia trước (hoặc dùng chính nó), rồi chạy lại.",
)


class Seat:
    """The daemon's seat at a store; with PostgreSQL any number may sit."""

    def __init__(self, url: str) -> None:
        """For the store at this URL; nothing is taken yet."""
        parsed = sa.make_url(url)
        is_file = parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:")
        self._path = Path(f"{parsed.database}.daemon") if is_file else None
        self._file: IO[str] | None = None

    def take(self) -> None:
        """Sit down, or raise `HeldForPerson` `ALREADY_RUNNING`."""
        if self._path is None or self._file is not None:
            return
        file = self._path.open("a")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise HeldForPerson(
                ALREADY_RUNNING, f"{self._path} is locked by another process", scope=Scope.STORE
            ) from None
        self._file = file

    def leave(self) -> None:
        """Stand up."""
        if self._file is not None:
            self._file.close()
            self._file = None
