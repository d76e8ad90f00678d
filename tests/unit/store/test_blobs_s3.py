"""Blobs on a real S3 server: kept only when it has them as they were sent; its troubles are told apart."""

import base64
import hashlib
import io
import socket
import ssl
import threading
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
import trustme

from ebrvt_connect.errors import HeldForPerson, Scope
from ebrvt_connect.store.blobs_s3 import S3Blobs

LIMIT = 10_000_000


@pytest.fixture
def blobs(s3_place):
    return S3Blobs(s3_place)


class Lying(BaseHTTPRequestHandler):
    """A server that answers every call as its `answers` say: status, headers and content by method."""

    protocol_version = "HTTP/1.1"
    answers: ClassVar[dict] = {}
    asked: ClassVar[list] = []

    def answer(self):
        self.asked.append((self.command, dict(self.headers)))
        if length := int(self.headers.get("Content-Length") or 0):
            self.rfile.read(length)
        status, headers, content = self.answers.get(self.command, (404, {}, b""))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
            self.close_connection = len(content) < int(headers.get("Content-Length", 0))

    do_GET = do_PUT = do_HEAD = do_DELETE = answer  # noqa: N815 - as the library calls them

    def log_message(self, *_args):
        """Nothing."""


@contextmanager
def serving(answers, context=None, asked=None):
    noted = [] if asked is None else asked
    handler = type("Handler", (Lying,), {"answers": answers, "asked": noted})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"{'https' if context else 'http'}://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def error(status, code):
    content = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
    return status, {"Content-Type": "application/xml"}, content


def refusal_of(place, endpoint, what="put"):
    blobs = S3Blobs(replace(place, endpoint=endpoint))
    with pytest.raises(HeldForPerson) as refusal:
        blobs.put([b"content"], limit_bytes=LIMIT) if what == "put" else blobs.read("0" * 64)
    return refusal.value


def test_what_is_put_lies_under_the_prefix_by_its_digest(blobs, s3_place):
    sha256 = blobs.put([b"content"], limit_bytes=LIMIT).sha256
    entries = blobs._client.list_objects(s3_place.bucket, recursive=True)
    assert [entry.object_name for entry in entries] == [f"tinh/blobs/{sha256}"]


def test_what_the_server_has_changed_is_told_when_it_is_read(blobs, s3_place):
    sha256 = blobs.put([b"content"], limit_bytes=LIMIT).sha256
    blobs._client.put_object(s3_place.bucket, f"tinh/blobs/{sha256}", io.BytesIO(b"CONTENT"), 7)
    with pytest.raises(HeldForPerson) as damaged:
        blobs.read(sha256)
    assert (damaged.value.code, damaged.value.scope) == ("BLOB_DAMAGED", Scope.MESSAGE)


def test_all_pages_of_a_listing_are_read(blobs, monkeypatch):
    digests = {blobs.put([b"%d" % n], limit_bytes=LIMIT).sha256 for n in range(5)}
    real = blobs._client._list_objects
    monkeypatch.setattr(blobs._client, "_list_objects", lambda *a, **given: real(*a, **given, max_keys=2))
    assert {blob.sha256 for blob in blobs.kept()} == digests


CONTENT = b"content"
DIGEST = hashlib.sha256(CONTENT)
SIZE = {"Content-Length": str(len(CONTENT))}


@pytest.mark.parametrize(
    "answers",
    [
        {"PUT": (200, {}, b""), "HEAD": (200, {"Content-Length": "3"}, b"")},
        {"PUT": (200, {}, b""), "HEAD": (200, {**SIZE, "x-amz-checksum-sha256": "AAAA"}, b"")},
        {"PUT": (200, {}, b""), "HEAD": (200, SIZE, b""), "GET": (200, {}, b"CONTENT")},
        {"PUT": (200, {}, b""), "HEAD": (200, {**SIZE, "ETag": '"0"'}, b""), "GET": (200, {}, b"CONTENT")},
        {"PUT": (200, {}, b"")},
        {"PUT": error(400, "BadDigest")},
        {"PUT": error(400, "XAmzContentSHA256Mismatch")},
    ],
    ids=[
        "shorter",
        "another digest",
        "reads back otherwise",
        "an ETag of its own",
        "gone",
        "damaged",
        "damaged, by signature",
    ],
)
def test_what_the_server_has_not_as_it_was_sent_is_not_kept(s3_place, answers):
    with serving(answers) as endpoint:
        refused = refusal_of(s3_place, endpoint)
    assert (refused.code, refused.scope) == ("BLOB_STORE_ALTERED", Scope.STORE)


def test_a_server_that_tells_no_digests_is_read_back(s3_place):
    answers = {"PUT": (200, {}, b""), "HEAD": (200, SIZE, b""), "GET": (200, {}, CONTENT)}
    with serving(answers) as endpoint:
        blobs = S3Blobs(replace(s3_place, endpoint=endpoint))
        assert blobs.put([CONTENT], limit_bytes=LIMIT).sha256 == DIGEST.hexdigest()


def test_a_server_that_tells_the_md5_as_its_etag_need_not_be_read_back(s3_place):
    asked, etag = [], hashlib.md5(CONTENT).hexdigest()
    with serving(
        {"PUT": (200, {}, b""), "HEAD": (200, {**SIZE, "ETag": f'"{etag}"'}, b"")}, None, asked
    ) as at:
        S3Blobs(replace(s3_place, endpoint=at)).put([CONTENT], limit_bytes=LIMIT)
    assert [method for method, _ in asked] == ["PUT", "HEAD"]


@pytest.mark.parametrize("size", [0, 7, 6_000_000])
def test_a_blob_goes_in_one_piece_with_digests_that_every_server_can_check(s3_place, size):
    """Two pieces would have no MD5 of the whole, and would leave one there when broken off."""
    asked, content = [], b"x" * size
    answers = {
        "PUT": (200, {}, b""),
        "HEAD": (200, {"Content-Length": str(size)}, b""),
        "GET": (200, {}, content),
    }
    with serving(answers, None, asked) as at:
        S3Blobs(replace(s3_place, endpoint=at)).put([content], limit_bytes=LIMIT)
    (sent,) = [headers for method, headers in asked if method == "PUT"]
    digest = hashlib.sha256(content)
    assert sent["x-amz-content-sha256"] == digest.hexdigest()
    assert sent["x-amz-checksum-sha256"] == base64.b64encode(digest.digest()).decode()
    assert "x-amz-content-sha256" in sent["Authorization"]


def test_nothing_is_deleted_when_a_copy_is_refused_in_the_body_of_a_success(s3_place):
    asked = []
    refused = (200, *error(500, "InternalError")[1:])
    answers = {"HEAD": (200, SIZE, b""), "PUT": refused, "DELETE": (204, {}, b"")}
    with serving(answers, None, asked) as at, pytest.raises(HeldForPerson) as refusal:
        S3Blobs(replace(s3_place, endpoint=at)).set_aside(DIGEST.hexdigest())
    assert refusal.value.code == "BLOB_STORE_AWAY"
    assert "DELETE" not in {method for method, _ in asked}


def test_no_content_follows_a_redirection_to_another_server(s3_place):
    asked = []
    with serving({"PUT": (200, {}, b"")}, None, asked) as other:
        status, headers, content = error(307, "TemporaryRedirect")
        with serving({"PUT": (status, {**headers, "Location": f"{other}/kho/x"}, content)}) as at:
            assert refusal_of(s3_place, at).code == "BLOB_STORE_REFUSED"
    assert asked == []


def test_a_call_is_tried_as_often_as_configured_whatever_pause_the_server_asks_for(s3_place):
    asked = []
    status, headers, content = error(503, "SlowDown")
    with serving({"PUT": (status, {**headers, "Retry-After": "3600"}, content)}, None, asked) as at:
        assert refusal_of(replace(s3_place, tries=2), at).code == "BLOB_STORE_AWAY"
    assert [method for method, _ in asked] == ["PUT", "PUT"]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (error(503, "SlowDown"), "BLOB_STORE_AWAY"),
        (error(500, "InternalError"), "BLOB_STORE_AWAY"),
        (error(429, "TooManyRequests"), "BLOB_STORE_AWAY"),
        ((200, {"Content-Length": "100"}, b"short"), "BLOB_STORE_AWAY"),
        (error(403, "AccessDenied"), "BLOB_STORE_REFUSED"),
        (error(403, "SignatureDoesNotMatch"), "BLOB_STORE_REFUSED"),
        (error(404, "NoSuchBucket"), "BLOB_STORE_REFUSED"),
        (error(507, "XMinioStorageFull"), "STORE_FULL"),
        ((502, {"Content-Type": "text/html"}, b"<html>Bad gateway</html>"), "BLOB_STORE_AWAY"),
        ((404, {"Content-Type": "text/html"}, b"<html>Not here</html>"), "BLOB_STORE_REFUSED"),
        ((400, {"Content-Type": "application/xml"}, b"<Error"), "BLOB_STORE_AWAY"),
    ],
    ids=[
        "slow down",
        "500",
        "429",
        "cut off",
        "no right",
        "wrong key",
        "no bucket",
        "full",
        "a gateway's page",
        "no S3 server",
        "no XML",
    ],
)
def test_the_servers_trouble_stops_everything_under_its_own_name(s3_place, answer, code):
    """A read must not hold a message for it, nor a write say that it was kept."""
    what = "read" if answer[0] == 200 else "put"
    with serving({"PUT": answer, "GET": answer}) as endpoint:
        refused = refusal_of(s3_place, endpoint, what)
    assert (refused.code, refused.scope) == (code, Scope.STORE)


def test_a_server_that_fails_while_it_is_read_back_has_changed_nothing(s3_place):
    answers = {"PUT": (200, {}, b""), "HEAD": (200, SIZE, b""), "GET": error(503, "SlowDown")}
    with serving(answers) as endpoint:
        assert refusal_of(s3_place, endpoint).code == "BLOB_STORE_AWAY"


def test_a_full_disk_here_is_told_as_one(blobs, monkeypatch):
    """What is read is kept beside while it is checked."""
    sha256 = blobs.put([CONTENT], limit_bytes=LIMIT).sha256

    class Full(io.BytesIO):
        def write(self, _piece):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.SpooledTemporaryFile", lambda _limit: Full())
    for attempt in (lambda: blobs.read(sha256), lambda: blobs.put([b"x"], limit_bytes=LIMIT)):
        with pytest.raises(HeldForPerson) as refusal:
            attempt()
        assert (refusal.value.code, refusal.value.scope) == ("STORE_FULL", Scope.STORE)


def test_nobody_there_is_the_stores_trouble(s3_place):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        refused = refusal_of(s3_place, f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert (refused.code, refused.scope) == ("BLOB_STORE_AWAY", Scope.STORE)


def test_a_server_that_never_answers_is_not_waited_for_for_ever(s3_place):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        place = replace(s3_place, read_timeout=0.3)
        refused = refusal_of(place, f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert refused.code == "BLOB_STORE_AWAY"


def test_a_server_whose_certificate_is_not_trusted_is_told_nothing(s3_place, tmp_path):
    authority, other = trustme.CA(), trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    answers = {"PUT": (200, {}, b""), "HEAD": (200, SIZE, b""), "GET": (200, {}, CONTENT)}
    trusted, stranger = tmp_path / "ca.pem", tmp_path / "other.pem"
    authority.cert_pem.write_to_path(trusted)
    other.cert_pem.write_to_path(stranger)
    asked = []
    with serving(answers, context, asked) as endpoint:
        assert refusal_of(replace(s3_place, ca=stranger), endpoint).code == "BLOB_STORE_TLS"
        blobs = S3Blobs(replace(s3_place, endpoint=endpoint, ca=trusted))
        assert blobs.put([CONTENT], limit_bytes=LIMIT).size_bytes == len(CONTENT)
    assert all("Content-MD5" in headers for method, headers in asked if method == "PUT")


def test_the_accounts_of_this_machine_are_not_looked_at(s3_place, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("SSL_CERT_FILE", "/dev/null")
    assert S3Blobs(s3_place).put([CONTENT], limit_bytes=LIMIT).sha256 == DIGEST.hexdigest()
