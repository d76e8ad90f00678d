"""What tests of `ebrvt sign` have on their desk: keys, pictures, an authority, and what a refusal is."""

import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import PIL.Image
import PIL.ImageDraw
import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    pkcs12,
)

from ebrvt_connect.testing import softhsm

AGENCY = "000.00.15.H06"
PASSWORD, PIN = "mat-khau-tep-khoa-5c1e", "24681357"
ACCOUNT = "tai-khoan-dich-vu-77ab"
PLACE = "-1,110,60,190,90"
needs_softhsm = pytest.mark.skipif(softhsm.softhsm_module() is None, reason=softhsm.HOW_TO_INSTALL)


def bundle(identity, certificate=None, password=PASSWORD):
    return pkcs12.serialize_key_and_certificates(
        b"khoa",
        identity.key,
        certificate or identity.certificate,
        identity.chain,
        BestAvailableEncryption(password.encode()),
    )


def picture(colour):
    image = PIL.Image.new("RGBA", (300, 300))
    PIL.ImageDraw.Draw(image).rectangle([4, 4, 295, 295], outline=colour, width=9)
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def secret_file(path, secret, mode=0o600):
    path.touch(mode=mode)
    path.write_text(f"{secret}\n", "utf-8")
    return path


@contextmanager
def authority(pki, answer=None, *, ahead=timedelta(0)):
    """The sandbox's timestamp authority on loopback, its clock `ahead` of ours."""
    tsa = pki.timestamp_authority()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            reply = answer if answer is not None else tsa.answer_timestamp(body, datetime.now(UTC) + ahead)
            self.send_response(200 if self.path == "/tsa" else 404)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/tsa"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


def nothing_written(place, answer, code, why):
    assert (answer.code, answer.out) == (code, ""), answer.err
    assert why in answer.err
    assert not (place / "ra").exists()
    assert list(place.glob(".*.tmp")) == []
    assert PASSWORD not in answer.err
