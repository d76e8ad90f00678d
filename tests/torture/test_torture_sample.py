"""A seeded sample of what `./dev torture` does in full: mutations and flipped bytes of every format."""

import random

import pytest

from ebrvt_connect.testing.pki import SandboxPki
from tests.torture.harmless import is_harmless
from tests.torture.run import flips, torture
from tests.torture.samples import MAKERS, Verifier
from tests.unit.trust.samples import Desk, flipped_at

SEED = "./dev test"
MUTATIONS, FLIPS = 60, 40


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    # Its own folder and not the one the other tests share: nothing here is worth waiting for a lock.
    pki = SandboxPki.open(tmp_path_factory.getbasetemp() / "torture-pki", {"000.00.15.H06": "Sở (mẫu)"})
    return Desk(pki, pki.trust_store())


@pytest.fixture(scope="module", params=MAKERS)
def sample(request, desk):
    return MAKERS[request.param](desk)


@pytest.fixture(scope="module")
def judge(desk):
    return Verifier(desk.trust)


def test_the_sample_itself_passes(sample, judge):
    report = judge(sample.data, sample.beside)

    assert report.indication == "TOTAL_PASSED"
    assert is_harmless(sample, sample.data, dict(sample.beside))


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
def test_mutations_neither_raise_nor_pass(sample, judge):
    outcome = torture(sample, judge, SEED, range(MUTATIONS))

    assert (outcome.raw_exceptions, outcome.false_accepts) == ([], [])
    assert outcome.slowest_seconds < 10


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
def test_no_flipped_byte_of_what_is_signed_passes(sample, judge):
    content = next(iter(sample.beside.values()), sample.data)
    places = random.Random(SEED).sample(range(len(content)), FLIPS)

    assert flips(sample, judge, places).false_accepts == []


def test_what_counts_as_harmless_is_not_what_is_signed(sample):
    """The yardstick itself: a letter of the content is never harmless."""
    inside = {
        "pdf": b"Van ban mau",
        "xml": b"<muc>",
        "xades": b"21.37",
        "edxml": b"CodeNumber>",
        "cms": b"Van ban",
        "p7s": b"Van ban mau",
    }.get(sample.format)
    if inside is None:
        pytest.skip("what a package holds is compressed")
    beside = {name: flipped_at(c, c.index(inside) + 1) for name, c in sample.beside.items()}
    data = sample.data if beside else flipped_at(sample.data, sample.data.index(inside) + 1)

    assert not is_harmless(sample, data, beside)
