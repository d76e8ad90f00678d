"""TLS: what is trusted, what is shown, and a reason of its own for each way it can be refused."""

from __future__ import annotations

import datetime as dt
import itertools
import socket
import ssl
import subprocess
import sys
import time

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from ebrvt_connect.errors import ConnectError, HeldForPerson, RetryLater, Scope
from ebrvt_connect.transport.tls import client_context

SOON = 20.0
"""Seconds, for a busy machine; without the limit under test each would last longer."""
"""Seconds: what is cut ends well before this even on a busy machine; left alone it would last longer."""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
DAY = dt.timedelta(days=1)


def answering(connection):
    while connection.request():
        connection.send(OK)


def failure_of(transport, request):
    with pytest.raises(ConnectError) as caught:
        transport.send(request)
    return caught.value


def today():
    return dt.datetime.now(dt.UTC)


def test_a_private_authority_is_trusted_and_no_other_is_added(serve, connect, ask, tls, ca_file):
    transport = connect(serve(answering, tls()).url, ca=ca_file)
    assert [transport.send(ask()).body for _ in range(2)] == [b"ok", b"ok"]
    assert len(transport._adapter._context.get_ca_certs()) == 1


def test_the_authorities_of_the_environment_change_nothing(serve, connect, ask, tls, ca_file, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca_file))
    monkeypatch.setenv("CURL_CA_BUNDLE", str(ca_file))
    failure = failure_of(connect(serve(answering, tls()).url), ask())
    assert failure.code == "TLS_CERTIFICATE_UNTRUSTED"


def test_session_keys_are_never_written_to_a_file(monkeypatch, tmp_path):
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    assert client_context(system="axis").keylog_filename is None


def test_a_context_speaks_tls_1_2_or_newer_and_checks_names():
    context = client_context(system="axis")
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


REFUSALS = ["expired", "not_yet_valid", "wrong_address", "unknown_authority", "missing_intermediate"]


@pytest.fixture(scope="module")
def refusals(authority):
    """A server context for each defect a certificate can have, and the code it must be told by."""
    stranger = trustme.CA()
    between = authority.create_child_ca()
    missing = between.issue_cert("127.0.0.1")
    alone = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with missing.private_key_pem.tempfile() as key, missing.cert_chain_pems[0].tempfile() as leaf:
        alone.load_cert_chain(leaf, key)

    def serving(issued):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issued.configure_cert(context)
        return context

    made = {
        "expired": (
            serving(authority.issue_cert("127.0.0.1", not_before=today() - 2 * DAY, not_after=today() - DAY)),
            "TLS_CERTIFICATE_EXPIRED",
        ),
        "not_yet_valid": (
            serving(authority.issue_cert("127.0.0.1", not_before=today() + DAY, not_after=today() + 2 * DAY)),
            "TLS_CERTIFICATE_NOT_YET_VALID",
        ),
        "wrong_address": (serving(authority.issue_cert("127.0.0.2")), "TLS_CERTIFICATE_WRONG_HOST"),
        "unknown_authority": (serving(stranger.issue_cert("127.0.0.1")), "TLS_CERTIFICATE_UNTRUSTED"),
        "missing_intermediate": (alone, "TLS_CERTIFICATE_UNTRUSTED"),
    }
    assert list(made) == REFUSALS
    return made


@pytest.mark.parametrize("defect", REFUSALS)
def test_a_certificate_that_does_not_hold_stops_the_system_before_anything_is_sent(
    serve, connect, ask, ca_file, refusals, defect
):
    context, code = refusals[defect]
    remote = serve(answering, context)
    failure = failure_of(connect(remote.url, ca=ca_file), ask(safe=False, body=b"secret"))
    assert (type(failure), failure.code, failure.scope) == (HeldForPerson, code, Scope.SYSTEM)
    assert "axis" in failure.explanation_vi
    assert remote.requests == []


def test_a_wrong_name_is_refused(serve, connect, ask, tls, ca_file):
    remote = serve(answering, tls("other.example"))
    failure = failure_of(connect(f"https://localhost:{remote.port}", ca=ca_file), ask())
    assert failure.code == "TLS_CERTIFICATE_WRONG_HOST"


def test_checking_can_be_switched_off_for_a_laboratory(serve, connect, ask, refusals):
    transport = connect(serve(answering, refusals["expired"][0]).url, verify=False)
    with pytest.warns(Warning, match="Unverified HTTPS"):
        assert transport.send(ask()).status == 200


# --- our own certificate ------------------------------------------------------------------------------


@pytest.fixture
def asking_for_ours(authority, tls):
    """A server context of one TLS version that demands a certificate of our authority."""

    def make(version):
        context = tls()
        context.minimum_version = context.maximum_version = version
        context.verify_mode = ssl.CERT_REQUIRED
        authority.configure_trust(context)
        return context

    return make


@pytest.fixture
def our_files(tmp_path, authority):
    def make(issuer=authority, password=None, **validity):
        issued = issuer.issue_cert("agency.example", **validity)
        key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
        wrapping = (
            serialization.BestAvailableEncryption(password.encode())
            if password
            else serialization.NoEncryption()
        )
        files = {"client_certificate": tmp_path / "cert.pem", "client_key": tmp_path / "key.pem"}
        issued.cert_chain_pems[0].write_to_path(files["client_certificate"])
        files["client_key"].write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, wrapping)
        )
        return files

    return make


VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.mark.parametrize("version", VERSIONS)
def test_an_encrypted_client_key_opens_with_its_password(
    serve, connect, ask, asking_for_ours, ca_file, our_files, version
):
    remote = serve(answering, asking_for_ours(version))
    transport = connect(
        remote.url, ca=ca_file, client_key_password="mật khẩu", **our_files(password="mật khẩu")
    )
    assert transport.send(ask()).status == 200


@pytest.mark.parametrize(
    "refused", list(itertools.product(VERSIONS, ["missing", "unknown_authority", "expired"])), ids=str
)
@pytest.mark.parametrize("size", [3, 5_000_000], ids=["small", "large"])
def test_our_certificate_refused_stops_the_system_and_nothing_was_sent(
    serve, connect, ask, asking_for_ours, ca_file, our_files, refused, size
):
    version, defect = refused
    files = {
        "missing": dict,
        "unknown_authority": lambda: our_files(trustme.CA()),
        "expired": lambda: our_files(not_before=today() - 2 * DAY, not_after=today() - DAY),
    }[defect]()
    remote = serve(answering, asking_for_ours(version))
    failure = failure_of(connect(remote.url, ca=ca_file, **files), ask(safe=False, body=b"x" * size))
    # TLS 1.2 has no word for a missing certificate: the remote only says that it does not like the handshake.
    wordless = defect == "missing" and version is ssl.TLSVersion.TLSv1_2
    code = "TLS_HANDSHAKE_REFUSED" if wordless else "TLS_CLIENT_CERTIFICATE_REFUSED"
    assert (type(failure), failure.code, failure.scope) == (HeldForPerson, code, Scope.SYSTEM)
    assert remote.requests == []


def test_an_encrypted_key_without_its_password_is_refused_without_asking_at_the_terminal(our_files, ca_file):
    files = our_files(password="sesame")
    program = (
        "from pathlib import Path; from ebrvt_connect.transport.tls import client_context\n"
        f"client_context(system='axis', certificate=Path({str(files['client_certificate'])!r}),"
        f" key=Path({str(files['client_key'])!r}))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert "TLS_FILE_UNUSABLE" in ended.stderr
    assert "PEM pass phrase" not in ended.stderr + ended.stdout


@pytest.mark.parametrize(
    "wrong",
    [
        {"ca": "/no/such/ca.pem"},
        {"ca": "EMPTY"},
        {"client_certificate": "/no/such.pem"},
        {"client_certificate": "EMPTY"},
        {"client_certificate": "CERT", "client_key": "OTHER"},
        {"client_certificate": "CERT", "client_key": "KEY", "client_key_password": "wrong"},
    ],
)
def test_files_that_cannot_be_used_are_named_when_the_transport_is_opened(
    connect, our_files, tmp_path, wrong
):
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    other = tmp_path / "other.pem"
    our_files()["client_key"].rename(other)
    files = our_files(password="right")
    stand_ins = {
        "EMPTY": empty,
        "CERT": files["client_certificate"],
        "KEY": files["client_key"],
        "OTHER": other,
    }
    settings = {name: stand_ins.get(value, value) for name, value in wrong.items()}
    with pytest.raises(HeldForPerson) as caught:
        connect("https://remote.invalid", **settings)
    assert (caught.value.code, caught.value.scope) == ("TLS_FILE_UNUSABLE", Scope.SYSTEM)
    assert ".pem" in caught.value.explanation_vi


# --- the handshake ---------------------------------------------------------------------------------------


def test_a_handshake_that_stalls(serve, connect, ask):
    remote = serve(lambda c: c.stall())
    began = time.monotonic()
    failure = failure_of(connect(f"https://127.0.0.1:{remote.port}", connect_seconds=0.3), ask(safe=False))
    assert (type(failure), failure.code) == (RetryLater, "TLS_HANDSHAKE_TIMEOUT")
    assert time.monotonic() - began < SOON


@pytest.mark.parametrize("limits", [{"connect_seconds": 0.3}, {"connect_seconds": 5}])
def test_a_handshake_that_drips_cannot_outlast_its_limit_nor_the_deadline(serve, connect, ask, limits):
    # A record header that announces 16 kB of handshake, then its bytes one by one.
    remote = serve(
        lambda c: (c.raw.recv(4096), c.drip(b"\x16\x03\x03\x40\x00" + b"\x02" + b"\0" * 4000, 0.02))
    )
    began = time.monotonic()
    failure = failure_of(
        connect(f"https://127.0.0.1:{remote.port}", **limits), ask(safe=False, deadline_seconds=0.4)
    )
    assert time.monotonic() - began < SOON
    assert (type(failure), failure.code) == (RetryLater, "TLS_HANDSHAKE_TIMEOUT")


@pytest.mark.parametrize("how", ["closed", "reset"])
def test_a_handshake_that_is_cut(serve, connect, ask, how):
    remote = serve(lambda c: (c.raw.recv(4096), c.reset() if how == "reset" else None))
    failure = failure_of(connect(f"https://127.0.0.1:{remote.port}"), ask(safe=False))
    assert (type(failure), failure.code) == (RetryLater, "TLS_HANDSHAKE_CUT")


def test_a_remote_that_speaks_plain_http_on_that_port(serve, connect, ask):
    remote = serve(lambda c: c.send(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    failure = failure_of(connect(f"https://127.0.0.1:{remote.port}"), ask())
    assert (type(failure), failure.code) == (HeldForPerson, "TLS_PROTOCOL_MISMATCH")


def test_a_remote_that_speaks_only_old_tls(serve, connect, ask, tls, ca_file):
    context = tls()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
    failure = failure_of(connect(serve(answering, context).url, ca=ca_file), ask())
    assert (type(failure), failure.code) == (HeldForPerson, "TLS_PROTOCOL_MISMATCH")


# --- the same deadline and the same cuts as without TLS -----------------------------------------------------


@pytest.mark.parametrize(
    "content", [b"HTTP/1.1 200 " + b"O" * 2000, OK.replace(b"2\r", b"2000\r") + b"x" * 2000]
)
def test_a_drip_over_tls_cannot_outlast_the_deadline(serve, connect, ask, tls, ca_file, content):
    remote = serve(lambda c: (c.request(), c.drip(content, 0.02)), tls())
    began = time.monotonic()
    failure = failure_of(connect(remote.url, ca=ca_file), ask(deadline_seconds=0.4))
    assert failure.code == "REMOTE_REPLY_TIMEOUT"
    assert time.monotonic() - began < SOON


def test_an_upload_over_tls_that_nobody_reads_ends_at_the_silence_limit(serve, connect, ask, tls, ca_file):
    remote = serve(lambda c: c.stopping.wait(), tls())
    failure = failure_of(connect(remote.url, ca=ca_file, read_seconds=0.3), ask(body=b"x" * 20_000_000))
    assert (type(failure), failure.code) == (RetryLater, "REMOTE_REPLY_TIMEOUT")


def test_a_large_upload_and_reply_pass_through_tls_whole(serve, connect, ask, tls, ca_file):
    content = bytes(range(256)) * 4_000

    def echo(connection):
        body = connection.request().partition(b"\r\n\r\n")[2]
        connection.send(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)

    assert connect(serve(echo, tls()).url, ca=ca_file).send(ask(body=content)).body == content


def test_a_tunnel_through_a_proxy_checks_the_certificate_of_the_remote(
    serve, connect, ask, tls, ca_file, authority
):
    remote = serve(answering, tls("remote.example"))

    def tunnel(connection):
        connection.request()
        connection.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with socket.create_connection(("127.0.0.1", remote.port)) as onward:
            _pump(connection.raw, onward, connection.stopping)

    proxy = serve(tunnel)
    settings = {"proxy": proxy.url, "ca": ca_file, "proxy_user": "u", "proxy_password": "sesame"}
    assert connect("https://remote.example", **settings).send(ask()).body == b"ok"
    assert b"sesame" not in remote.requests[0]
    assert b"roxy-" not in remote.requests[0]
    failure = failure_of(connect("https://other.example", **settings), ask())
    assert failure.code == "TLS_CERTIFICATE_WRONG_HOST"


def _pump(left, right, stopping):
    pairs = {left: right, right: left}
    for one in pairs:
        one.settimeout(0.01)
    while not stopping.is_set():
        for one, other in pairs.items():
            try:
                piece = one.recv(65536)
            except TimeoutError:
                continue
            if not piece:
                return
            other.sendall(piece)


def test_the_environment_does_not_choose_the_authorities(
    serve, connect, ask, tls, ca_file, monkeypatch, tmp_path
):
    folder = tmp_path / "authorities"
    folder.mkdir()
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
    monkeypatch.setenv("SSL_CERT_DIR", str(folder))
    failure = failure_of(connect(serve(answering, tls()).url), ask())
    assert failure.code == "TLS_CERTIFICATE_UNTRUSTED"


def test_a_bogus_authority_file_in_the_environment_takes_the_machines_store_away_from_nobody(
    monkeypatch, tmp_path
):
    before = client_context(system="axis").cert_store_stats()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "absent.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert client_context(system="axis").cert_store_stats() == before


def test_the_machines_store_is_read_where_openssl_was_built_to_find_it(monkeypatch, ca_file, tmp_path):
    found = ssl.get_default_verify_paths()
    here = found._replace(openssl_cafile=str(ca_file), openssl_capath=str(tmp_path / "absent"))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: here)
    assert len(client_context(system="axis").get_ca_certs()) == 1


def test_a_broken_store_of_the_machine_trusts_nobody(monkeypatch, tmp_path):
    (tmp_path / "cert.pem").write_text("no certificate")
    found = ssl.get_default_verify_paths()
    here = found._replace(openssl_cafile=str(tmp_path / "cert.pem"), openssl_capath=str(tmp_path / "absent"))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: here)
    context = client_context(system="axis")
    assert (context.get_ca_certs(), context.verify_mode) == ([], ssl.CERT_REQUIRED)
