"""A bundle of evidence from a real run, checked by the program and by `sh`, `sha256sum` and `openssl`."""

import os

import pytest

from ebrvt_connect.codec.proof import entry_facts, sha256_hex
from ebrvt_connect.ops.proof_out import SUMS
from tests.integration.engine.bench import item
from tests.integration.proof.conftest import both_say, keeper_of, program_says


@pytest.fixture
def store_url(tmp_path):
    """A bundle is the same wherever its log lay; `test_proof_keeping` exports from both."""
    return f"sqlite:///{tmp_path}/ledger.db"


@pytest.fixture
def bundle(bench, stamp, exported):
    """Five documents carried, an hour gone by, the hour's seal stamped; the evidence on the third."""
    bench.offer(*(item(n) for n in range(1, 6)))
    bench.fetch()
    bench.drain()
    keeper = keeper_of(bench, stamp)
    keeper.turn()
    bench.clock.sleep(3600)
    keeper.turn()
    keeper._stamping.join(60)
    return exported(bench, "d3")


def resum(bundle):
    """As a forger would: the list of sums says what the files are now."""
    names = sorted(p.relative_to(bundle).as_posix() for p in bundle.rglob("*") if p.is_file())
    lines = [f"{sha256_hex((bundle / name).read_bytes())}  {name}\n" for name in names if name != SUMS]
    (bundle / SUMS).write_text("".join(lines))


def test_an_honest_bundle_is_proven_by_both(bundle, roots):
    assert both_say(bundle).agreed == 0
    assert both_say(bundle, roots).agreed == 0


def test_an_entry_tells_what_took_effect_in_codes_times_and_digests(bundle, bench):
    texts = [path.read_text() for path in sorted(bundle.glob("entries/*/entry.txt"))]
    (facts,) = [facts for facts in map(entry_facts, texts) if facts["link"] == "out"]
    message = next(m for m in bench.ledger.messages(link="out") if m.external_id == "d3")
    assert (facts["state"], facts["key"], facts["by"]) == ("done", "out:d3:1", "remote")
    assert facts["payload-sha256"] == message.payload.blob.sha256
    assert facts["receipt-sha256"] == sha256_hex(message.receipt.raw)
    assert facts["record-sha256"] == sha256_hex(message.record)
    assert (bundle / "content" / facts["receipt-sha256"]).read_bytes() == message.receipt.raw


FLIPS = (0x01, 0x20, 0x80)
STEP = int(os.environ.get("EBRVT_TEST_PROOF_STEP", "11"))


@pytest.mark.parametrize("forged", [False, True], ids=["changed", "changed with the list of sums"])
def test_no_byte_of_the_evidence_can_be_changed(bundle, forged):
    """The program is asked about every eleventh byte here; the shell about some."""
    tokens = "" if not forged else ".tst"  # what a token's signature does not cover may change freely
    files = [p for p in sorted(bundle.rglob("*")) if p.is_file() and "/" in str(p.relative_to(bundle))]
    for file in files:
        if tokens and file.suffix == tokens:
            continue
        whole = file.read_bytes()
        for at in range(0, len(whole), STEP):
            changed = bytearray(whole)
            changed[at] ^= FLIPS[at % 3]
            file.write_bytes(changed)
            if forged:
                resum(bundle)
            if at % (STEP * 60) == 0:
                assert both_say(bundle).agreed == 1, (file.name, at)
            else:
                assert program_says(bundle)[0] == 1, (file.name, at)
        file.write_bytes(whole)
    resum(bundle)
    assert both_say(bundle).agreed == 0


def only(bundle, pattern):
    (path,) = sorted(bundle.glob(pattern))[:1]
    return path


def test_a_changed_receipt_is_named_though_the_list_of_sums_was_made_anew(bundle):
    facts = entry_facts(only(bundle, "entries/*/entry.txt").read_text())
    (bundle / "content" / facts["receipt-sha256"]).write_bytes(b"another receipt")
    resum(bundle)
    said = both_say(bundle)
    assert (said.agreed, said.codes) == (1, {"PROOF_CONTENT_CHANGED"})
    assert "PROOF_CONTENT_CHANGED" in said.out


def test_an_entry_that_was_rewritten_does_not_lead_to_its_seal(bundle):
    entry, place = only(bundle, "entries/*/entry.txt"), only(bundle, "entries/*/place.txt")
    entry.write_text(entry.read_text().replace("state: done", "state: dead"))
    resum(bundle)
    assert both_say(bundle).codes == {"PROOF_ENTRY_CHANGED", "PROOF_PATH_BROKEN"}
    lines = place.read_text().split("\n")
    number, previous = lines[1].removeprefix("number: "), lines[2].removeprefix("previous: ")
    lines[3] = "hash: " + sha256_hex(f"{number} {previous}\n{entry.read_text()}")
    place.write_text("\n".join(lines))
    resum(bundle)
    said = both_say(bundle)
    assert (said.agreed, said.codes) == (1, {"PROOF_PATH_BROKEN"})
    assert "PROOF_PATH_BROKEN" in said.out


def test_a_seal_made_to_measure_has_another_stamp(bundle):
    statement = only(bundle, "seals/*.txt")
    statement.write_text(statement.read_text().replace("made-at: 2", "made-at: 1"))
    resum(bundle)
    said = both_say(bundle)
    assert (said.agreed, said.codes) == (1, {"PROOF_SEAL_WRONG"})
    assert "PROOF_SEAL_WRONG" in said.out


def test_roots_of_ones_own_are_believed_and_those_in_the_bundle_are_not_then(bundle, pki, tmp_path):
    from cryptography.hazmat.primitives.serialization import Encoding

    strange = tmp_path / "strange.pem"
    strange.write_bytes(pki.identity("ocsp").certificate.public_bytes(Encoding.PEM))
    assert both_say(bundle, strange).agreed == 1
    (bundle / "tsa-roots.pem").unlink()
    resum(bundle)
    assert both_say(bundle).agreed == 2


@pytest.mark.parametrize(
    ("gone", "code", "verdict"),
    [("seals/1.tst", "PROOF_UNSTAMPED", 2), ("seals/1.txt", "PROOF_PATH_BROKEN", 1)],
)
def test_what_is_not_there_is_told(bundle, gone, code, verdict):
    (bundle / gone).unlink()
    assert both_say(bundle).agreed == 1
    resum(bundle)
    said = both_say(bundle)
    assert said.agreed == verdict
    assert code in said.codes
    assert code in said.out


def test_before_the_hour_is_over_a_bundle_waits_for_its_seal(bench, exported):
    bench.store(item(1))
    bench.drain()
    keeper_of(bench, None).turn()
    said = both_say(exported(bench, "d1"))
    assert (said.agreed, said.codes) == (2, {"PROOF_UNSEALED"})
    assert "PROOF_UNSEALED" in said.out


def test_what_was_refused_is_proven_with_the_remotes_words(bench, stamp, exported):
    from tests.integration.engine.bench import failing, rejected

    bench.axis.on_submit = failing(rejected)
    bench.store(item(1))
    bench.drain()
    texts = [path.read_text() for path in exported(bench, "d1").glob("entries/*/entry.txt")]
    assert texts == []
    keeper_of(bench, stamp).turn()
    (facts,) = [entry_facts(p.read_text()) for p in exported(bench, "d1").glob("entries/*/entry.txt")]
    assert (facts["state"], facts["code"], facts["effect"]) == ("refused", "TEST_TROUBLE", "rejected")
