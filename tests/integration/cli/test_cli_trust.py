"""`ebrvt trust`: real calls in processes of their own; a person at a terminal where one is asked."""

import json
import os
import pty
import select
import shlex
import shutil
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from ebrvt_connect.testing.pki_issue import Request, issue, revocation_list
from ebrvt_connect.trust.anchors import sha256_of


@pytest.fixture
def root(pki, tmp_path):
    """The root as a file somebody brings, and its fingerprint."""
    certificate = pki.identity("root").certificate
    (tmp_path / "root.crt").write_bytes(certificate.public_bytes(Encoding.PEM))
    return certificate


@pytest.fixture
def trust(pki, tmp_path):
    return shutil.copytree(pki.trust_folder, tmp_path / "trust")


class Terminal:
    """`ebrvt` with a terminal for its stdin and stderr; answers are typed as questions come."""

    def __init__(self, *arguments):
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "ebrvt_connect.ops.cli", *map(str, arguments)]
        self.process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        self.ours = ours
        self.said = ""

    def until(self, text, seconds=90.0):
        ends_at = time.monotonic() + seconds
        while text not in self.said:
            assert time.monotonic() < ends_at, self.said
            if select.select([self.ours], [], [], 0.2)[0]:
                try:
                    piece = os.read(self.ours, 65536)
                except OSError:
                    piece = b""
                if not piece:
                    break
                self.said += piece.decode("utf-8", "replace")
        return self

    def type(self, text):
        os.write(self.ours, f"{text}\n".encode())
        return self

    def ended(self):
        self.until("\0")
        code = self.process.wait(timeout=60)
        os.close(self.ours)
        return code


def test_add_list_check_remove_as_a_shell_calls_them(ebrvt_process, ebrvt, root):
    sha256 = sha256_of(root)
    added = ebrvt_process(
        *("trust", "add", "root.crt", "--branch", "vgca", "--fingerprint", sha256.upper()),
        *("--uses", "sign", "--uses", "timestamp", "--source", "công văn 12", "--valid-to", "2040-12-31"),
    )
    assert (added.code, added.err) == (0, "")
    assert "đã thêm và ghim" in added.out

    listed = ebrvt_process("trust", "list", "--json")
    (anchor,) = listed.data["anchors"]
    assert (listed.code, anchor["sha256"], anchor["branch"]) == (0, sha256, "government")
    assert (anchor["uses"], anchor["source"]) == (["sign", "timestamp"], "công văn 12")
    assert (anchor["valid_to"], anchor["pinned"]) == ("2040-12-31", True)

    checked = ebrvt_process("trust", "check", "--json")
    assert checked.code == 1
    grades = {c["name"]: c["grade"] for c in checked.data["checks"]}
    assert (grades["trust-pins"], grades["trust"], grades["revocation-lists"]) == ("pass", "fail", "fail")

    removed = ebrvt_process("trust", "remove", sha256, "--yes")
    assert (removed.code, removed.err) == (0, "")
    assert ebrvt("trust", "list", "--json").data["anchors"] == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--branch", "vgca"], 64, "--fingerprint"),
        (["--branch", "vgca", "--fingerprint", "0" * 64], 1, "ANCHOR_FINGERPRINT_DIFFERS"),
        (["--branch", "vgca", "--fingerprint", "ab:cd"], 1, "ANCHOR_FINGERPRINT_UNREADABLE"),
        (["--branch", "intermediate", "--fingerprint", "@"], 1, "ANCHOR_IS_ROOT"),
        (["--branch", "tsa", "--uses", "sign", "--fingerprint", "@"], 64, "--uses"),
        (["--branch", "vgca", "--valid-to", "31/12/2026", "--fingerprint", "@"], 64, "2026-01-31"),
        (["--branch", "everything", "--fingerprint", "@"], 64, "--branch"),
    ],
)
def test_what_is_refused_writes_nothing(arguments, code, said, ebrvt, root, tmp_path):
    sha256 = sha256_of(root)
    answer = ebrvt("trust", "add", "root.crt", *(sha256 if a == "@" else a for a in arguments))
    assert (answer.code, answer.out) == (code, "")
    assert said in answer.err
    assert sha256 not in answer.err, "ready to be pasted back"
    assert not (tmp_path / "trust").exists()


def test_a_person_pastes_the_fingerprint(root, tmp_path):
    sha256 = sha256_of(root)
    shell = Terminal("trust", "add", "root.crt", "--branch", "national")
    shell.until("SHA-256 lấy từ nguồn độc lập")
    assert sha256[:4].upper() in shell.said
    assert shell.type(sha256.upper()).ended() == 0
    assert (tmp_path / "trust" / "pins.toml").is_file()


@pytest.mark.parametrize("typed", ["0" * 64, ""])
def test_a_person_with_another_fingerprint_or_none_adds_nothing(typed, root, tmp_path):
    shell = Terminal("trust", "add", "root.crt", "--branch", "national")
    shell.until("SHA-256 lấy từ nguồn độc lập")
    assert shell.type(typed).ended() == 1
    assert not (tmp_path / "trust").exists()


def test_a_same_name_with_another_key_is_shouted_about_and_needs_a_word(trust, tmp_path, ebrvt, root):
    other = issue(Request("Cơ quan chứng thực gốc (mẫu)", authority=True)).certificate
    (tmp_path / "other.crt").write_bytes(other.public_bytes(Encoding.PEM))
    before = (trust / "pins.toml").read_bytes()
    add = ["trust", "add", "other.crt", "--branch", "vgca"]
    refused = ebrvt(*add, "--fingerprint", sha256_of(other))
    assert refused.code == 1
    assert refused.err.startswith("ANCHOR_SAME_NAME: ")
    assert "!!! CẢNH BÁO" not in refused.err, "said once"

    shell = Terminal(*add)
    shell.until("nguồn độc lập").type(sha256_of(other)).until("khác khóa” để vẫn thêm")
    assert shell.type("có").ended() == 1
    assert (trust / "pins.toml").read_bytes() == before

    shell = Terminal(*add)
    shell.until("nguồn độc lập").type(sha256_of(other)).until("khác khóa” để vẫn thêm")
    assert shell.type("khác khóa").ended() == 0
    assert sha256_of(other) in (trust / "pins.toml").read_text("utf-8")


def test_of_a_bundle_only_what_is_named_is_added(ebrvt, pki, root, tmp_path):
    both = [pki.identity(n).certificate for n in ("root", "issuer")]
    (tmp_path / "ca.p7b").write_bytes(pkcs7.serialize_certificates(both, Encoding.DER))
    answer = ebrvt("trust", "add", "ca.p7b", "--branch", "vgca", "--fingerprint", sha256_of(root), "--json")
    assert (answer.code, answer.data["left_out"]) == (0, [sha256_of(both[1])])
    (row,) = answer.data["added"]
    assert (row["sha256"], row["already"]) == (sha256_of(root), False)
    again = ebrvt("trust", "add", "ca.p7b", "--branch", "vgca", "--fingerprint", sha256_of(root), "--json")
    assert (again.code, again.data["added"][0]["already"]) == (0, True)


def test_taking_out_asks_and_names_what_it_costs(trust, root):
    sha256 = sha256_of(root)
    shell = Terminal("trust", "remove", sha256[:12], "--branch", "tsa").until("để gỡ")
    assert "không còn đạt" in shell.said
    assert shell.type("").ended() == 1
    assert (trust / "tsa" / "root.crt").is_file()
    shell = Terminal("trust", "remove", sha256[:12], "--branch", "tsa").until("để gỡ")
    assert shell.type(sha256[:8]).ended() == 0
    assert not (trust / "tsa" / "root.crt").exists()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["@"], 64),
        (["@@", "--yes"], 64),
        (["abc", "--yes"], 64),
        (["f" * 64, "--yes"], 1),
        (["@", "--yes"], 1),
    ],
)
def test_taking_out_needs_a_person_or_the_whole_fingerprint(arguments, code, ebrvt, trust, root):
    """The last: it stands in two branches, and nobody said which."""
    sha256 = sha256_of(root)
    known = {"@": sha256, "@@": sha256[:12]}
    assert ebrvt("trust", "remove", *(known.get(a, a) for a in arguments)).code == code
    assert (trust / "government" / "root.crt").is_file()


@pytest.mark.parametrize(
    ("at", "code"),
    [("2026-11-23T08:00:00+07:00", 0), ("2049-12-01T00:00:00+07:00", 2), ("2050-02-01T00:00:00+07:00", 1)],
)
def test_check_answers_as_of_a_time(at, code, ebrvt, trust):
    answer = ebrvt("trust", "check", "--at", at)
    assert answer.code == code
    assert answer.out.startswith("✓ Kho tin cậy: ")
    assert ("→" in answer.out) is (code != 0)


def test_a_folder_that_is_not_there_is_the_same_to_every_command(ebrvt):
    for command in ("list", "check"):
        answer = ebrvt("trust", command, "--trust", "kho")
        assert (answer.code, answer.out) == (4, "")
        assert "TRUST_FOLDER_MISSING: Không có thư mục kho tin cậy kho." in answer.err


def test_a_broken_pins_file_is_told_once_and_in_vietnamese(ebrvt, trust):
    (trust / "pins.toml").write_text('[[pin]]\nsha256 = "\nbranch = "tsa"\n')
    out = ebrvt("trust", "check").out
    assert out.count("sai cú pháp TOML ở dòng 2, cột") == 1
    assert "Illegal" not in out
    assert "Invalid" not in out


def test_the_cure_for_an_unpinned_file_runs_as_it_is_printed(ebrvt, trust, root):
    (trust / "government" / "moi.crt").write_bytes(
        issue(Request("Gốc thế hệ mới", authority=True)).certificate.public_bytes(Encoding.PEM)
    )
    check = ebrvt("trust", "check", "--json").data["checks"]
    (cure,) = [c["cure_vi"] for c in check if "chưa được ghim nên" in c["cause_vi"]]
    call = shlex.split(cure.partition("rồi chạy: ebrvt ")[2])
    new = x509.load_pem_x509_certificate((trust / "government" / "moi.crt").read_bytes())

    assert ebrvt(*call, "--fingerprint", sha256_of(new)).code == 0
    assert "chưa được ghim" not in ebrvt("trust", "check").out


def test_check_and_doctor_say_the_same(ebrvt, province, pki):
    province()
    checked = ebrvt("trust", "check", "--trust", pki.trust_folder, "--json").data["checks"]
    names = [c["name"] for c in checked]
    examined = ebrvt("doctor", "--offline", "--json").data["checks"]
    assert [c for c in examined if c["name"] in names] == checked


# --- refresh -----------------------------------------------------------------------------------------


@pytest.fixture
def list_server():
    """Hands out what stands under a path; `/away` redirects to another."""
    contents: dict[str, bytes] = {}
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            content = contents.get(self.path)
            self.send_response(302 if self.path == "/away" else 200 if content else 404)
            if self.path == "/away":
                self.send_header("Location", "/good")
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.contents, server.asked = contents, asked
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def online(trust, list_server, pki):
    """Writes `online.toml` for paths of the server, which has a good, an old and a foreign list."""
    today = {"issued_at": datetime(2026, 11, 1, tzinfo=UTC), "next_at": datetime(2049, 1, 1, tzinfo=UTC)}
    old = {"issued_at": datetime(2015, 6, 1, tzinfo=UTC)}
    list_server.contents |= {
        "/good": revocation_list(pki.identity("issuer"), (), **today),
        "/old": revocation_list(pki.identity("issuer"), (), **old),
        "/foreign": revocation_list(pki.identity("impostor-issuer"), (), **today),
        "/large": b"\0" * 3_000_000,
    }
    host = f"127.0.0.1:{list_server.server_port}"

    def write(*paths, private=True):
        urls = json.dumps([f"http://{host}{path}" for path in paths])
        near = f'private_hosts = ["{host}"]\n' if private else ""
        limits = "largest_crl_bytes = 2000000\ntries = 1\n"
        (trust / "online.toml").write_text(f"[refresh]\ncrls = {urls}\n[revocation]\n{near}{limits}")

    return write


def names(trust):
    return {p.name for p in (trust / "crl").iterdir()}


def test_refresh_asks_nobody_unless_it_may(ebrvt, online, list_server, trust):
    online("/good")
    answer = ebrvt("trust", "refresh", "--json")
    assert (answer.code, answer.data["fetched"], list_server.asked) == (0, [], [])
    assert answer.data["addresses"][0].endswith("/good")


def test_refresh_keeps_the_new_list_beside_the_old(ebrvt_process, ebrvt, online, trust):
    online("/good")
    before = names(trust)
    first = ebrvt_process("trust", "refresh", "--online", "--json")
    assert (first.code, first.err) == (0, "")
    (row,) = first.data["fetched"]
    assert row["outcome"] == "stored"
    assert names(trust) == before | {row["file"].removeprefix("crl/")}
    second = ebrvt("trust", "refresh", "--online")
    assert second.code == 0
    assert "đã có sẵn" in second.out


@pytest.mark.parametrize(
    ("path", "outcome", "code"),
    [
        ("/old", "refused", 1),
        ("/foreign", "refused", 1),
        ("/large", "unreached", 3),
        ("/away", "unreached", 3),
        ("/nothing", "unreached", 3),
    ],
)
def test_a_bad_answer_changes_nothing(path, outcome, code, ebrvt, online, list_server, trust):
    online(path)
    before = names(trust)
    answer = ebrvt("trust", "refresh", "--online", "--json")
    assert (answer.code, answer.data["fetched"][0]["outcome"]) == (code, outcome)
    assert names(trust) == before
    assert list_server.asked == [path]


def test_a_private_address_is_not_asked_unless_the_operator_said_so(ebrvt, online, list_server):
    online("/good", private=False)
    answer = ebrvt("trust", "refresh", "--online", "--json")
    assert (answer.code, list_server.asked) == (3, [])
    assert "mạng nội bộ" in answer.data["fetched"][0]["reason_vi"]
    assert "private_hosts" in answer.data["fetched"][0]["reason_vi"]
