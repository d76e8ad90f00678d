"""The TLS context of one remote: what it trusts, what it shows, what it will not speak."""

from __future__ import annotations

import contextlib
import ssl
from pathlib import Path

from ebrvt_connect.errors import HeldForPerson, Scope, explain
from ebrvt_connect.transport.connection import TimedTlsSocket

TLS_FILE_UNUSABLE = explain(
    "TLS_FILE_UNUSABLE",
    "Không đọc được tệp chứng thư hoặc khóa TLS ({file}) dùng để kết nối tới hệ thống {system}.",
    "Kiểm tra đường dẫn, quyền đọc, định dạng PEM và mật khẩu của khóa trong cấu hình. Dịch vụ đang chạy tự "
    "đọc lại tệp đã thay; nếu đã dừng hoặc sửa tệp cấu hình thì khởi động lại.",
)


def client_context(
    *,
    system: str,
    ca: Path | None = None,
    verify: bool = True,
    certificate: Path | None = None,
    key: Path | None = None,
    key_password: str | None = None,
) -> ssl.SSLContext:
    """A context that speaks TLS 1.2 or newer and trusts `ca` alone, or the machine's store without one.

    Made from the protocol up, not by `ssl.create_default_context`: that one writes session keys to a
    file when the environment says so; `SSL_CERT_FILE` and `SSL_CERT_DIR` are not heeded either. Raises
    `HeldForPerson` `TLS_FILE_UNUSABLE` (scope system) when the authority file, the certificate or its key
    cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.sslsocket_class = TimedTlsSocket
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif ca is None:
        _load_machine_store(context)
    else:
        _load_authorities(context, ca, system)
    if certificate is not None:
        _load_certificate(context, certificate, key, key_password, system)
    return context


def _load_machine_store(context: ssl.SSLContext) -> None:
    """The authorities of the machine, at the places OpenSSL was built with.

    Not by `load_default_certs`: whoever sets `SSL_CERT_FILE` would choose whom every remote is judged by.
    A store that is absent or broken trusts nobody; that is told when a remote is refused.
    """
    places = ssl.get_default_verify_paths()
    file, folder = Path(places.openssl_cafile), Path(places.openssl_capath)
    with contextlib.suppress(OSError):
        if file.is_file():
            context.load_verify_locations(cafile=file)
    if folder.is_dir():
        context.load_verify_locations(capath=folder)


def _load_authorities(context: ssl.SSLContext, ca: Path, system: str) -> None:
    try:
        context.load_verify_locations(cafile=ca)
    except (OSError, ValueError) as failure:
        raise _unusable(ca, "authorities", failure, system) from failure


def _load_certificate(
    context: ssl.SSLContext, certificate: Path, key: Path | None, password: str | None, system: str
) -> None:
    try:
        # Without a password OpenSSL would ask for one at the terminal and wait for ever.
        context.load_cert_chain(certificate, key, password or "")
    except (OSError, ValueError) as failure:
        raise _unusable(key or certificate, "client certificate or key", failure, system) from failure


def _unusable(file: Path, what: str, failure: Exception, system: str) -> HeldForPerson:
    reason = getattr(failure, "reason", None) or getattr(failure, "strerror", None) or type(failure).__name__
    return HeldForPerson(
        TLS_FILE_UNUSABLE,
        f"cannot use the {what} in {file}: {reason}",
        scope=Scope.SYSTEM,
        system=system,
        operation="connect",
        file=file.name,
    )
