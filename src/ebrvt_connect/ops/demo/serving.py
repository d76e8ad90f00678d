"""Keeps the report up on loopback, for whoever wants to look at it in a browser."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette
from starlette.responses import FileResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.requests import Request

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def serve_folder(folder: Path, tell: Callable[[str], None]) -> None:
    """Serve `report.html` and `summary.json` on 127.0.0.1 until interrupted."""

    async def page(request: Request) -> Response:
        name = "summary.json" if request.url.path == "/summary.json" else "report.html"
        return FileResponse(
            folder / name, headers={"content-security-policy": _POLICY, "cache-control": "no-store"}
        )

    app = Starlette(routes=[Route("/", page), Route("/summary.json", page)])
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()  # before the address is told: whoever is quick is not turned away
    tell(f"Xem báo cáo tại http://127.0.0.1:{listener.getsockname()[1]}/ (Ctrl-C để dừng)")
    with suppress(KeyboardInterrupt):  # how a person says that it was enough
        uvicorn.Server(uvicorn.Config(app, log_level="error")).run([listener])
