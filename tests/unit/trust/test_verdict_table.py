"""docs/operate/verdicts.md: every requirement's fields, findings and tests are there."""

import re
from pathlib import Path
from typing import get_args

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from ebrvt_connect.testing.pki_issue import Request, issue
from ebrvt_connect.trust.findings import CATALOGUE
from ebrvt_connect.trust.signer_facts import _statements
from ebrvt_connect.trust.verdict import SignatureReport, VerificationReport

HERE = Path(__file__).parent
PAGE = (HERE.parents[2] / "docs" / "operate" / "verdicts.md").read_text("utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith(("| Phụ lục", "| Điều"))
]
TESTS = "".join(path.read_text("utf-8") for path in HERE.glob("test_*.py"))


def quoted(cell):
    return re.findall(r"`([^`]+)`", cell)


def field_of(model, name):
    """The annotation of a dotted name, or None."""
    head, _, rest = name.partition(".")
    field = model.model_fields.get(head)
    if field is None or not rest:
        return field
    inner = next(
        (t for t in (field.annotation, *get_args(field.annotation)) if hasattr(t, "model_fields")), None
    )
    return None if inner is None else field_of(inner, rest)


@pytest.mark.parametrize("number", ["1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "2.1", "2.2", "2.3", "2.4"])
def test_every_point_of_the_annex_has_a_row(number):
    assert any(f"Phụ lục II {number} " in row[0] for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:20])
def test_what_a_row_names_exists(row):
    _, fields, codes, tests = row

    assert quoted(fields) or quoted(codes)
    assert [c for c in quoted(codes) if c not in CATALOGUE] == []
    assert [t for t in quoted(tests) if f"def {t}(" not in TESTS] == []
    for name in quoted(fields):
        model = VerificationReport if name.startswith("report.") else SignatureReport
        assert field_of(model, name.removeprefix("report.")) is not None, name


def test_the_issuers_statements_are_shown(pki):
    root = pki.identity("issuer")
    made = issue(Request("Người ký"), root, pki.identity("tsa").key)
    policy = x509.PolicyInformation(
        x509.ObjectIdentifier("1.3.6.1.4.1.99999.2"),
        ["https://ca.example.vn/cps", x509.UserNotice(None, "Chỉ dùng trong cơ quan nhà nước")],
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(made.certificate.subject)
        .issuer_name(root.certificate.subject)
        .public_key(made.key.public_key())
        .serial_number(5)
        .not_valid_before(made.certificate.not_valid_before_utc)
        .not_valid_after(made.certificate.not_valid_after_utc)
        .add_extension(x509.CertificatePolicies([policy]), critical=False)
        .sign(root.key, hashes.SHA256())
    )

    assert list(_statements(certificate)) == [
        "1.3.6.1.4.1.99999.2",
        "https://ca.example.vn/cps",
        "Chỉ dùng trong cơ quan nhà nước",
    ]
    assert list(_statements(made.certificate)) == []
