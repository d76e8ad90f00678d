"""An anchor vouches for what its pin says, and only within the operator's days: attacks that try for more."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.testing.sample_ooxml import packed
from ebrvt_connect.testing.sample_signed import signed_cms
from ebrvt_connect.trust.anchors import sha256_of, store_of_files
from ebrvt_connect.trust.pins import Use, read_pins
from ebrvt_connect.trust.policy import VN_2025
from ebrvt_connect.trust.verdict import Indication
from ebrvt_connect.trust.verify import verify_bytes
from ebrvt_connect.trust.xmldsig import sign_packet
from tests.unit.trust.ooxml_samples import signed as signed_ooxml
from tests.unit.trust.samples import AGENCY, AT, EARLY
from tests.unit.trust.xml_samples import packet

UNCHAINED = ("NO_CERTIFICATE_CHAIN_FOUND",)
OUT_OF_BOUNDS = ("CERTIFICATE_CHAIN_GENERAL_FAILURE",)


@pytest.fixture
def root(pki):
    return pki.identity("root").certificate


@pytest.fixture
def judged(desk, pki, root):
    """The verdict on a PDF by a folder whose only anchors are these pins of the root."""

    def run(pdf, *rows, at=AT, **extra):
        pins = "".join(f'[[pin]]\nsha256 = "{sha256_of(root)}"\n{row}\n' for row in rows)
        parts = pki.trust_folder
        files = {p.relative_to(parts).as_posix(): p.read_bytes() for p in parts.glob("*/*.cr[lt]")}
        for name in ("government/root.crt", "tsa/root.crt"):
            files.pop(name)
        for pin in read_pins(pins.encode()):
            files[f"{pin.branch}/root.crt"] = root.public_bytes(Encoding.PEM)
        store = store_of_files({**files, **extra, "pins.toml": pins.encode()})
        return verify_bytes(pdf, policy=VN_2025, trust=store, at=at)

    return run


@pytest.fixture(scope="module")
def stamped(desk):
    return desk.signed(timestamper=desk.stamped())


def proof(report):
    return report.signatures[0].best_time.proof


def test_a_signer_under_an_anchor_for_timestamps_is_not_trusted(judged, stamped):
    assert judged(stamped, 'branch = "tsa"').sub_indications == UNCHAINED


def test_a_signer_is_not_trusted_because_the_timestamp_root_is_a_hint_as_well(judged, stamped, root):
    hint = {"intermediate/root.crt": root.public_bytes(Encoding.PEM)}
    assert judged(stamped, 'branch = "tsa"', **hint).sub_indications == UNCHAINED


def test_a_government_anchor_for_timestamps_only_vouches_for_no_signer(judged, stamped):
    only = judged(stamped, 'branch = "government"\nuses = ["timestamp"]')
    assert only.sub_indications == UNCHAINED


def test_a_timestamp_under_an_anchor_for_signatures_proves_nothing(judged, stamped):
    report = judged(stamped, 'branch = "government"\nuses = ["sign"]')
    assert (proof(report), report.indication) == ("claimed", Indication.TOTAL_PASSED)
    assert "TIMESTAMP_NOT_TRUSTED" in {f.code for f in report.signatures[0].findings}


def test_a_timestamp_under_an_anchor_allowed_for_both_proves_the_time(judged, stamped):
    assert proof(judged(stamped, 'branch = "government"\nuses = ["sign", "timestamp"]')) == "timestamp"


@pytest.mark.parametrize(
    ("branch", "kind"), [("government", "government"), ("national", "public"), ("foreign", "foreign")]
)
def test_the_branch_and_not_the_name_says_what_kind_of_signature_it_is(branch, kind, judged, stamped):
    assert judged(stamped, f'branch = "{branch}"').signatures[0].signature_kind == kind


@pytest.mark.parametrize(
    ("bounds", "passes"),
    [
        ("valid_from = 2026-11-23", True),
        ("valid_to = 2026-11-23", True),
        ("valid_from = 2026-11-24", False),
        ("valid_to = 2026-11-22", False),
        ("valid_from = 2015-01-01\nvalid_to = 9999-12-31", True),
    ],
)
def test_the_operators_days_hold_at_the_proven_time(bounds, passes, judged, stamped):
    report = judged(stamped, f'branch = "government"\n{bounds}', 'branch = "tsa"')
    assert proof(report) == "timestamp"
    assert report.sub_indications == (() if passes else OUT_OF_BOUNDS)


def test_a_signature_proven_to_be_older_than_the_last_day_still_passes_later(judged, desk):
    old = desk.signed(at=EARLY, timestamper=desk.stamped(EARLY))
    report = judged(old, 'branch = "government"\nvalid_to = 2015-12-31', 'branch = "tsa"')
    assert report.indication is Indication.TOTAL_PASSED


def test_a_signature_that_only_claims_to_be_older_than_the_last_day_does_not(judged, desk):
    backdated = desk.signed(at=EARLY)
    report = judged(backdated, 'branch = "government"\nvalid_to = 2015-12-31')
    assert report.indication is Indication.INDETERMINATE
    assert OUT_OF_BOUNDS[0] in report.sub_indications
    assert "31/12/2015" in " ".join(f.message_vi for f in report.signatures[0].findings)


def test_a_timestamp_outside_the_days_of_its_anchor_proves_nothing(judged, stamped):
    report = judged(stamped, 'branch = "government"', 'branch = "tsa"\nvalid_to = 2020-12-31')
    assert proof(report) == "claimed"


@pytest.fixture(scope="module")
def of_each_format(desk, pki):
    """One good signature in each of the formats, of the same seal."""
    seal = pki.signer(AGENCY)
    return {
        "pdf": desk.signed(),
        "cms": signed_cms(b"van ban", [seal], signed_at=AT),
        "xml": sign_packet(packet(), seal, reference_id="pkt-1"),
        "ooxml": packed(signed_ooxml(seal)),
    }


@pytest.mark.parametrize("kind", ["pdf", "cms", "xml", "ooxml"])
@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ('branch = "government"', None),
        ('branch = "government"\nvalid_from = 2026-11-23\nvalid_to = 2026-11-23', None),
        ('branch = "tsa"', UNCHAINED),
        ('branch = "government"\nuses = ["timestamp"]', UNCHAINED),
        ('branch = "government"\nvalid_to = 2026-11-22', OUT_OF_BOUNDS),
        ('branch = "government"\nvalid_from = 2026-11-24', OUT_OF_BOUNDS),
    ],
)
def test_bounds_hold_for_every_format(kind, row, expected, judged, of_each_format):
    report = judged(of_each_format[kind], row)
    if expected is None:
        assert report.indication is Indication.TOTAL_PASSED
    else:
        assert report.indication is Indication.INDETERMINATE
        assert expected[0] in report.sub_indications


def test_days_begin_and_end_in_vietnam():
    bounds = "valid_from = 2026-01-01\nvalid_to = 2026-01-01"
    (pin,) = read_pins(f'[[pin]]\nbranch = "tsa"\nsha256 = "{"a" * 64}"\n{bounds}'.encode())
    inside = [datetime(2025, 12, 31, 17, tzinfo=UTC), datetime(2026, 1, 1, 16, 59, 59, tzinfo=UTC)]
    outside = [datetime(2025, 12, 31, 16, 59, 59, tzinfo=UTC), datetime(2026, 1, 1, 17, tzinfo=UTC)]
    assert all(map(pin.holds_at, inside))
    assert not any(map(pin.holds_at, outside))
    forever = replace(pin, valid_to=date.max)
    assert forever.holds_at(datetime.max.replace(tzinfo=UTC)) in {True, False}


@pytest.mark.parametrize(
    "row",
    [
        'branch = "tsa"\nuses = ["sign"]',
        'branch = "tsa"\nuses = ["sign", "timestamp"]',
        'branch = "intermediate"\nuses = ["sign"]',
        'branch = "government"\nuses = []',
        'branch = "government"\nuses = ["everything"]',
        'branch = "government"\nuses = "sign"',
        'branch = "government"\nusage = ["timestamp"]',
        'branch = "government"\nvalid_until = 2020-01-01',
        'branch = "government"\nvalid_to = "2020-01-01"',
        'branch = "government"\nvalid_to = 2020-01-01T00:00:00Z',
        'branch = "government"\nvalid_from = 2020-01-02\nvalid_to = 2020-01-01',
        'branch = "other"',
    ],
)
def test_a_bound_that_cannot_be_meant_is_refused_and_never_dropped(row):
    with pytest.raises(InvalidValue) as refusal:
        read_pins(f'[[pin]]\nsha256 = "{"a" * 64}"\n{row}\n'.encode())
    assert refusal.value.code == "TRUST_FOLDER_INVALID"


def test_two_rows_that_bind_one_anchor_differently_are_refused():
    row = f'[[pin]]\nsha256 = "{"a" * 64}"\nbranch = "government"\n'
    assert len(read_pins((row * 2).encode())) == 2
    with pytest.raises(InvalidValue, match="trái nhau"):
        read_pins(f"{row}valid_to = 2020-01-01\n{row}".encode())


def test_a_row_for_a_hint_makes_it_no_anchor(pki, root):
    pins = f'[[pin]]\nsha256 = "{sha256_of(root)}"\nbranch = "intermediate"\n'.encode()
    store = store_of_files({"pins.toml": pins, "intermediate/root.crt": root.public_bytes(Encoding.PEM)})
    assert (store.anchors, len(store.intermediates)) == ((), 1)


def test_what_a_branch_is_for_holds_where_the_pin_says_nothing():
    rows = "".join(f'[[pin]]\nsha256 = "{"a" * 64}"\nbranch = "{b}"\n' for b in ("government", "tsa"))
    assert [pin.uses for pin in read_pins(rows.encode())] == [{Use.SIGN}, {Use.TIMESTAMP}]
