"""A bound spelt wrongly in a file of the trust folder is refused: it must not vanish."""

import pytest

from ebrvt_connect.errors import HeldForPerson, InvalidValue
from ebrvt_connect.transport.revocation_settings import load_online_file, load_online_settings
from ebrvt_connect.trust.pins import read_pins
from ebrvt_connect.trust.signers import SignerRegister

SHA = "a" * 64
PIN = f'[[pin]]\nsha256 = "{SHA}"\nbranch = "government"\n'
SIGNER = f'[[signer]]\nsha256 = "{SHA}"\nagency = "000.00.15.H06"\nrole = "agency"\n'


@pytest.mark.parametrize(
    "name",
    [
        *("Uses", "use", "only", "purpose", "allowed_uses", "eku", "key_usage", "scope", "usage"),
        *("VALID_TO", "Valid_to", "validTo", "valid-to", "valid to", "valid_to ", "valid_until"),
        *("notAfter", "not-after", "notafter", "end", "end_date", "date_to", "last_day", "before"),
        *("expiry", "expires", "den ngay", "hieu_luc_den", "Valid_from", "revoked", "disabled", "X_to"),
    ],
)
def test_a_pin_has_the_documented_names_and_no_others(name):
    with pytest.raises(InvalidValue, match=name) as refusal:
        read_pins(f'{PIN}"{name}" = 2020-01-01\n'.encode())
    assert refusal.value.code == "TRUST_FOLDER_INVALID"


@pytest.mark.parametrize("text", ["[[Pin]]", "[[pins]]", "[pins]\n[[pins.pin]]", "[pin]", "uses = ['sign']"])
def test_rows_under_another_name_are_refused(text):
    with pytest.raises(InvalidValue):
        read_pins(f'{text}\nsha256 = "{SHA}"\nbranch = "government"\n'.encode())


def test_the_nearest_name_is_named():
    with pytest.raises(InvalidValue) as refusal:
        read_pins(f"{PIN}Valid_to = 2020-01-01\n".encode())
    assert "không có mục “Valid_to”; có lẽ là “valid_to”" in refusal.value.sentence_vi


def test_a_note_and_names_of_ones_own_stay_for_people():
    text = f'note = "kho"\n{PIN}note = "giữ ở phòng CNTT"\nx_owner = "Phòng CNTT"\nsubject = "CN=G"\n'
    (pin,) = read_pins(f"{text}[x_log]\nvalid_to = 2020-01-01\n".encode())
    assert (pin.sha256, pin.valid_to) == (SHA, None)


@pytest.mark.parametrize(
    "more",
    [
        "from = 2016-01-01\nto = 2015-12-31",
        "from = 0",
        "from = 1e9",
        'from = "2015-01-01"',
        "from = 2015-01-01T10:00:00Z",
        "from = 2015-01-01\nto = 0",
        "from = 2015-01-01\nTo = 2016-01-01",
        "from = 2015-01-01\nuntil = 2016-01-01",
        "since = 2015-01-01",
        "from = 2015-01-01\nvalid_to = 2016-01-01",
        "from = 2015-01-01\nrevoked = true",
    ],
)
def test_a_signers_days_are_two_days_in_order_under_their_own_names(more):
    with pytest.raises(InvalidValue) as refusal:
        SignerRegister.from_toml(f"{SIGNER}{more}\n".encode())
    assert refusal.value.code == "SIGNER_REGISTER_INVALID"


def test_a_register_under_another_name_is_not_an_empty_one():
    with pytest.raises(InvalidValue, match="signers"):
        SignerRegister.from_toml(SIGNER.replace("signer]]", "signers]]").encode())


def test_a_register_says_more_for_people():
    text = f'{SIGNER}from = 2015-01-01\nto = 2015-01-01\nnote = "con dấu"\nx_to = 1\n[x_log]\na = 1\n'
    (line,) = SignerRegister.from_toml(text.encode()).signers
    assert line.since == line.until


@pytest.mark.parametrize(
    "text",
    [
        "[revocaton]\nhosts = ['a']",
        "[Revocation]\nhosts = ['a']",
        "hosts = ['a']",
        "[refesh]\ncrls = []",
        "[refresh]\ncrl = []",
        "[revocation]\nhosts = []\n[revocation.limits]\ntries = 1",
    ],
)
def test_a_table_spelt_wrongly_does_not_leave_the_defaults(text, tmp_path):
    (tmp_path / "online.toml").write_text(text)
    with pytest.raises(HeldForPerson, match=r"online\.toml") as refusal:
        load_online_settings(tmp_path)
    assert "không có mục này" in refusal.value.explanation_vi
    assert "docs/operate/trust.md" in refusal.value.advice_vi


def test_both_tables_are_read_at_once(tmp_path):
    (tmp_path / "online.toml").write_text("[revocation]\ntries = 1\n[refresh]\ncrls = ['http://a/b.crl']\n")
    online = load_online_file(tmp_path)
    assert (online.revocation.tries, online.refresh.crls) == (1, ("http://a/b.crl",))
