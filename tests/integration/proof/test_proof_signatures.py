"""Signatures of the files in a bundle, taken out: openssl and a shell check them, byte by byte."""

import shutil
import subprocess
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from ebrvt_connect.codec.proof import sha256_hex
from ebrvt_connect.model.document import Attachment
from ebrvt_connect.ops.proof_check import check
from ebrvt_connect.transport.signing_cms import sign_cms
from tests.integration.engine.bench import document, item
from tests.integration.proof.conftest import both_say, keeper_of
from tests.integration.proof.test_proof_bundle import resum
from tests.unit.trust.samples import AGENCY, Desk, plain_pdf

NOTE = b"phu luc: so lieu\r\n\x00\xff thu hai\n" * 50


@pytest.fixture
def store_url(tmp_path):
    return f"sqlite:///{tmp_path}/ledger.db"


@pytest.fixture(scope="module")
def files(pki) -> dict[str, bytes]:
    """A letter signed and sealed, an appendix with its signature beside it, one inside, one without."""
    desk = Desk(pki, pki.trust_store())
    signer, at = pki.signer(AGENCY), datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
    return {
        "cong-van.pdf": desk.issued(),
        "phu-luc.csv": NOTE,
        "phu-luc.csv.p7s": sign_cms(NOTE, [signer], signed_at=at, detached=True),
        "kem-theo.p7m": sign_cms(b"noi dung ben trong", [signer], signed_at=at),
        "khong-ky.pdf": plain_pdf(),
    }


def carried(bench, files, stamp):
    attachments = []
    for seq, (name, content) in enumerate(files.items(), 1):
        blob = bench.blobs.put([content], limit_bytes=10**7)
        attachments.append(Attachment(seq=seq, name=name, size_bytes=blob.size_bytes, sha256=blob.sha256))
    bench.store(item(1, record=document(1).model_copy(update={"attachments": tuple(attachments)})))
    bench.drain()
    keeper = keeper_of(bench, stamp)
    keeper.turn()
    bench.clock.sleep(3600)
    keeper.turn()
    keeper._stamping.join(30)


@pytest.fixture
def bundle(bench, stamp, files, exported):
    carried(bench, files, stamp)
    return exported(bench, "d1")


def told(bundle):
    return {(one.file, one.holds) for one in check(bundle).signatures}


def test_every_signature_that_openssl_can_check_is_taken_out_and_holds(bundle, files):
    said = both_say(bundle)
    assert said.agreed == 0, said.out
    letter, note, inside = (sha256_hex(files[n]) for n in ("cong-van.pdf", "phu-luc.csv", "kem-theo.p7m"))
    assert told(bundle) == {(letter, True), (note, True), (inside, True)}
    assert len(list(bundle.glob("signatures/*.p7s"))) == 4
    assert said.out.count("khớp nội dung") == 4
    for content in files.values():
        assert (bundle / "content" / sha256_hex(content)).read_bytes() == content


def test_the_readme_tells_how_to_check_one_by_hand(bundle, files, pki, tmp_path):
    """The command as it stands there, with the places of the first signature filled in."""
    readme = (bundle / "README.txt").read_text("utf-8")
    begin = readme.index("    { head -c A")
    command = readme[begin : readme.index("-out /dev/null", begin)] + "-out /dev/null"
    about = (bundle / "signatures" / "1.txt").read_text().splitlines()
    digest, covers = about[1].removeprefix("file: "), about[2].removeprefix("covers: around ").split()
    start, stop, end = covers
    for word, value in {
        "head -c A": f"head -c {start}",
        "(B +": f"({stop} +",
        "(C - B)": f"({end} - {stop})",
        "MÃ-BĂM": digest,
        "SỐ": "1",
        "GOC-CHU-KY.pem": str(signer_roots(pki, tmp_path)),
    }.items():
        command = command.replace(word, value)
    subprocess.run(["/bin/sh", "-ec", command], cwd=bundle, check=True, capture_output=True, timeout=60)


def signer_roots(pki, folder):
    path = folder / "goc-chu-ky.pem"
    anchors = {anchor.certificate for anchor in pki.trust_store().anchors}
    path.write_bytes(b"".join(sorted(c.public_bytes(Encoding.PEM) for c in anchors)))
    return path


def test_the_shell_says_whether_signers_belong_to_roots_of_ones_own(bundle, roots, pki, tmp_path):
    ours = signer_roots(pki, tmp_path)
    command = ["/bin/sh", str(bundle / "check.sh"), str(roots)]
    yes = subprocess.run([*command, str(ours)], capture_output=True, text=True, check=False, timeout=60)
    assert (yes.returncode, yes.stdout.count("thuộc gốc trong")) == (0, 4), yes.stdout
    strange = tmp_path / "strange.pem"
    strange.write_bytes(pki.identity("ocsp").certificate.public_bytes(Encoding.PEM))
    no = subprocess.run([*command, str(strange)], capture_output=True, text=True, check=False, timeout=60)
    assert (no.returncode, no.stdout.count("KHÔNG thuộc gốc")) == (0, 4), no.stdout


def swapped(bundle):
    first, second = bundle / "signatures" / "1.p7s", bundle / "signatures" / "2.p7s"
    one, two = first.read_bytes(), second.read_bytes()
    first.write_bytes(two)
    second.write_bytes(one)


def another_file(bundle):
    about = bundle / "signatures" / "1.txt"
    stranger = b"%PDF-1.7 another"
    (bundle / "content" / sha256_hex(stranger)).write_bytes(stranger)
    lines = about.read_text().splitlines()
    lines[1] = f"file: {sha256_hex(stranger)}"
    about.write_text("\n".join(lines) + "\n")


def further_bytes(bundle):
    about = bundle / "signatures" / "1.txt"
    text = about.read_text()
    end = text.splitlines()[2].split()[-1]
    about.write_text(text.replace(f" {end}\n", f" {int(end) - 1}\n"))


def without_object(bundle):
    (bundle / "signatures" / "3.p7s").unlink()


def test_signatures_that_were_meddled_with_are_named_by_both(bundle, tmp_path):
    for forge in (swapped, another_file, further_bytes, without_object):
        forged = shutil.copytree(bundle, tmp_path / forge.__name__)
        forge(forged)
        resum(forged)
        said = both_say(forged)
        assert (said.agreed, said.codes) == (1, {"PROOF_SIGNATURE_WRONG"}), (forge, said.out)
        assert "PROOF_SIGNATURE_WRONG" in said.out


def test_a_content_that_is_not_what_its_name_says_is_named_by_both(bundle, files):
    (bundle / "content" / sha256_hex(files["khong-ky.pdf"])).write_bytes(b"another")
    resum(bundle)
    said = both_say(bundle)
    assert (said.agreed, "PROOF_CONTENT_CHANGED" in said.codes) == (1, True)
    assert "PROOF_CONTENT_CHANGED" in said.out


def test_a_signature_that_was_broken_when_it_was_exchanged_is_told_and_proves_nothing_wrong(
    bench, stamp, files, exported
):
    """What came came: the bundle is right about it, and says that the signature does not hold."""
    broken = bytearray(files["cong-van.pdf"])
    broken[20] ^= 1
    carried(bench, {"cong-van.pdf": bytes(broken)}, stamp)
    bundle = exported(bench, "d1")
    said = both_say(bundle)
    assert said.agreed == 0, said.out
    assert "khớp nội dung" not in said.out


def test_a_file_that_is_gone_is_told(bench, stamp, files, exported, monkeypatch):
    carried(bench, {"khong-ky.pdf": files["khong-ky.pdf"]}, stamp)
    gone = sha256_hex(files["khong-ky.pdf"])
    there = bench.blobs.chunks

    def chunks(sha256):
        from ebrvt_connect.errors import HeldForPerson
        from ebrvt_connect.ports.blobs import BLOB_MISSING

        if sha256 == gone:
            raise HeldForPerson(BLOB_MISSING, "gone")
        return there(sha256)

    monkeypatch.setattr(bench.blobs, "chunks", chunks)
    bundle = exported(bench, "d1")
    assert not (bundle / "content" / gone).exists()


def test_the_shell_needs_no_more_than_it_says(bundle, tmp_path, roots):
    """Only the tools it names are on the path."""
    tools = tmp_path / "bin"
    tools.mkdir()
    named = (
        "sha256sum",
        "openssl",
        "find",
        "sort",
        "sed",
        "grep",
        "cut",
        "head",
        "tail",
        "cat",
        "tr",
        "wc",
        "od",
    )
    for tool in (*named, "date", "dirname"):
        (tools / tool).symlink_to(shutil.which(tool))
    done = subprocess.run(
        ["/bin/sh", str(bundle / "check.sh"), str(roots)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PATH": str(tools)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
