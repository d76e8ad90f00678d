"""The sandbox as a child process: it ends when its standard input closes, so no orphan keeps a port."""

from __future__ import annotations

import json
import selectors
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Self

from ebrvt_connect.errors import RetryLater, explain
from ebrvt_connect.transport.http import HttpRequest, HttpSettings, HttpTransport

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from ebrvt_connect.ports.clock import Clock
    from ebrvt_connect.transport.connection import Body

SANDBOX_NOT_READY = explain(
    "SANDBOX_NOT_READY",
    "Môi trường mô phỏng không khởi động được.",
    "Xem thông báo phía trên; chạy lại với --fresh nếu dữ liệu mô phỏng bị hỏng.",
)
_READY_WITHIN_SECONDS = 60
_JOURNAL_LIMIT_BYTES = 256 * 1024 * 1024


class SandboxChild:
    """Starts `ebrvt sandbox`, knows its addresses and speaks to its control port."""

    def __init__(
        self, folder: Path, config: Path, *, systems: Sequence[str], seed: int, clock: Clock
    ) -> None:
        """Nothing runs until the `with` block is entered."""
        self._command = [
            *(sys.executable, "-m", "ebrvt_connect.ops.cli", "sandbox", "--until-stdin-closes"),
            *("--systems", ",".join(systems), "--folder", str(folder)),
            *("--config", str(config), "--seed", str(seed)),
        ]
        self._clock = clock
        self._child: subprocess.Popen[bytes] | None = None
        self._control: HttpTransport | None = None
        self.systems: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> Self:
        """Start the child; it takes a second or two until it is ready.

        In a session of its own: Ctrl-C on the terminal is for us, and whoever still speaks to the sandbox is
        not to find it gone. It ends when we close its standard input, or are no more.
        """
        self._child = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close its standard input and wait for it to end."""
        if self._control:
            self._control.close()
        if self._child and self._child.stdin:
            self._child.stdin.close()
            try:
                self._child.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._child.kill()

    def wait_until_ready(self) -> None:
        """Wait for its one ready line; raises `RetryLater` `SANDBOX_NOT_READY` where there is none."""
        ready = json.loads(self._ready_line())
        self.systems = ready["systems"]
        self._control = HttpTransport(
            HttpSettings(url=ready["control_url"]), system="sandbox", clock=self._clock
        )

    def keep(self, system: str, content: bytes | Body) -> dict[str, Any]:
        """Hand bytes over for a later seed; answers their sha256 and size."""
        answer: dict[str, Any] = self._call(
            "PUT", "/_sandbox/blob", query=(("system", system),), body=content
        )
        return answer

    def seed(self, system: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """Put sample things into a simulated system; the same id again changes nothing."""
        return self._call("POST", "/_sandbox/seed", body={"system": system, "data": data})

    def arm(self, faults: Sequence[Mapping[str, Any]]) -> None:
        """Arm faults."""
        self._call("POST", "/_sandbox/faults", body={"faults": list(faults)})

    def armed(self) -> list[dict[str, Any]]:
        """All faults ever armed and how often each fired."""
        answer = self._call("GET", "/_sandbox/faults")
        found: list[dict[str, Any]] = answer["faults"]
        return found

    def state(self) -> dict[str, Any]:
        """What each simulated system says of itself."""
        return self._call("GET", "/_sandbox/state")

    def journal(self, system: str) -> list[dict[str, Any]]:
        """A system's journal from its beginning."""
        answer = self._call("GET", "/_sandbox/journal", query=(("system", system),))
        entries: list[dict[str, Any]] = answer["entries"]
        return entries

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: tuple[tuple[str, str], ...] = (),
        body: bytes | Body | dict[str, Any] = b"",
    ) -> dict[str, Any]:
        if self._control is None:
            msg = "the sandbox is not running"
            raise RuntimeError(msg)
        content = json.dumps(body).encode() if isinstance(body, dict) else body
        kind = "application/json" if isinstance(body, dict) else "application/octet-stream"
        reply = self._control.send(
            HttpRequest(
                operation=f"{method} {path}",
                method=method,
                path=path,
                query=query,
                headers=(("Content-Type", kind),),
                body=content,
                safe=True,
                deadline_seconds=60,
                max_response_bytes=_JOURNAL_LIMIT_BYTES,
            )
        )
        if reply.status >= 300:  # noqa: PLR2004 - anything but 2xx
            detail = f"{method} {path}: status {reply.status}, expected 2xx"
            raise RetryLater(SANDBOX_NOT_READY, detail, system="sandbox", operation=path)
        answer: dict[str, Any] = json.loads(reply.body)
        return answer

    def _ready_line(self) -> bytes:
        child = self._child
        assert child is not None  # noqa: S101 - asked for within the `with` block only
        assert child.stdout is not None  # noqa: S101 - opened with PIPE above
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            line = child.stdout.readline() if selector.select(_READY_WITHIN_SECONDS) else b""
        if not line.strip():
            child.kill()
            raise RetryLater(SANDBOX_NOT_READY, "the sandbox printed no ready line", system="sandbox")
        return line
