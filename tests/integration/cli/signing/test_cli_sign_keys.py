"""`ebrvt sign` with keys in a SoftHSM2 and at the simulated service, and how they are named."""

import os
import re
from datetime import UTC, datetime

import pytest

from ebrvt_connect.testing import softhsm
from ebrvt_connect.testing.remote_signing_service import HeldKey, RemoteSigningService
from ebrvt_connect.transport.clock import SystemClock
from tests.integration.cli.signing.sign_samples import (
    ACCOUNT,
    AGENCY,
    PIN,
    needs_softhsm,
    nothing_written,
    secret_file,
)

# --- other keys -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def token(pki, tmp_path_factory):
    was = os.environ.get(softhsm.CONFIGURATION)
    softhsm.use_folder(tmp_path_factory.mktemp("softhsm-cli"))
    made = softhsm.SoftToken.make("dau cli", PIN)
    seal = pki.identity(f"{AGENCY}-agency-good")
    made.add_key(seal.key, label="con-dau", key_id="a1")
    made.add_certificate(seal.certificate, label="con-dau", key_id="a1")
    made.add_certificate(seal.chain[0], label="cap-tren", key_id="c0")
    yield made
    if was is None:
        os.environ.pop(softhsm.CONFIGURATION)
    else:
        os.environ[softhsm.CONFIGURATION] = was


def configured(place, section):
    (place / "ebrvt.toml").write_text(f'[province]\ncode = "H06"\n{section}', "utf-8")


@needs_softhsm
def test_a_token_signs_by_uri_and_by_name(sign, passed, place, token):
    secret_file(place / "pin", PIN)
    where = f"pkcs11:token=dau%20cli;id=%a1;type=private?module-path={token.module}"
    configured(
        place,
        f'[signing.dau]\nkind = "pkcs11"\nmodule = "{token.module}"\n'
        'token_label = "dau cli"\nkey_id = "a1"\n',
    )

    by_uri = sign("so-lieu.csv", "1.p7m", key=where, secret=("--password-file", "pin"))
    by_name = sign("thu.pdf", "2.pdf", "--no-appearance", key="pkcs11:dau", secret=("--password-file", "pin"))

    assert (by_uri.code, by_name.code) == (0, 0), (by_uri.err, by_name.err)
    assert passed("1.p7m")
    assert passed("2.pdf")


@needs_softhsm
def test_a_token_that_is_not_there_or_refuses_the_pin_signs_nothing(sign, place, token):
    secret_file(place / "pin", PIN)
    end = f"?module-path={token.module}"

    absent = sign(
        "so-lieu.csv", "ra", key=f"pkcs11:token=khac;id=%a1{end}", secret=("--password-file", "pin")
    )
    nothing_written(place, absent, 2, "TOKEN_NOT_PRESENT")
    strange = sign(
        "so-lieu.csv", "ra", key=f"pkcs11:token=dau%20cli;id=%ff{end}", secret=("--password-file", "pin")
    )
    nothing_written(place, strange, 4, "TOKEN_KEY_NOT_FOUND")
    wrong = sign("so-lieu.csv", "ra", key=f"pkcs11:token=dau%20cli;id=%a1{end}")
    nothing_written(place, wrong, 2, "TOKEN_PIN_REFUSED")


def test_a_module_that_is_none_is_told(sign, place):
    answer = sign("so-lieu.csv", "ra", key="pkcs11:token=a;id=%a1?module-path=/dev/null")

    nothing_written(place, answer, 4, "TOKEN_MODULE_UNUSABLE")


_REMOTE = """[signing.lanh-dao]
kind = "remote"
transport = {{ url = "{url}" }}
credential_id = "lanh-dao"
account = {{ token = {{ file = "tai-khoan" }} }}
"""


def test_a_remote_service_signs_and_a_wrong_pin_is_not_tried_twice(sign, passed, place, pki):
    secret_file(place / "pin", PIN)
    secret_file(place / "tai-khoan", ACCOUNT)
    held = HeldKey(pki.signer(AGENCY, role="person"), PIN)
    service = RemoteSigningService({"lanh-dao": held}, f"Bearer {ACCOUNT}", SystemClock())
    with service.listening() as url:
        configured(place, _REMOTE.format(url=url))
        good = sign("so-lieu.csv", "1.p7m", key="remote:lanh-dao", secret=("--password-file", "pin"))
        wrong = sign("so-lieu.csv", "ra", key="remote:lanh-dao")

    assert good.code == 0, good.err
    assert passed("1.p7m")
    nothing_written(place, wrong, 2, "REMOTE_PIN_REFUSED")
    assert held.wrong_pins == 1


def test_an_order_in_doubt_is_asked_after_by_the_next_call_and_signed_once(sign, passed, place, pki):
    """The next call was a new order of another time, and the service signed a second time."""
    secret_file(place / "pin", PIN)
    secret_file(place / "tai-khoan", ACCOUNT)
    service = RemoteSigningService(
        {"lanh-dao": HeldKey(pki.signer(AGENCY, role="person"), PIN)}, f"Bearer {ACCOUNT}", SystemClock()
    )
    service.lose += ["signatures/signHash", "signatures/signPolling"]
    with service.listening() as url:
        configured(place, _REMOTE.format(url=url))
        call = ("thu.pdf", "ra", "--no-appearance", "--role", "person")
        rest = {"key": "remote:lanh-dao", "secret": ("--password-file", "pin")}
        lost = sign(*call, **rest)
        nothing_written(place, lost, 2, "REMOTE_SIGNING_IN_DOUBT")
        when = re.search(r"--again (\S+)", lost.err)[1]
        found = sign(*call, "--again", when, **rest)

    assert found.code == 0, found.err
    assert service.made == {"lanh-dao": 1}
    assert service.calls.count("signatures/signHash") == 1
    assert passed("ra")[0]["claimed_time"] == datetime.fromisoformat(when).astimezone(
        UTC
    ).isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(
    "when", ["2020-01-01T00:00:00+07:00", "2999-01-01T00:00:00+07:00", "nay", "2026-11-23"]
)
def test_only_a_fresh_order_is_asked_after(sign, place, when):
    nothing_written(place, sign("thu.pdf", "ra", "--again", when, key="remote:lanh-dao"), 64, "--again")
    nothing_written(place, sign("thu.pdf", "ra", "--again", when), 64, "remote:TÊN")


def test_a_remote_key_is_configured_rightly_or_refused(sign, place):
    nothing_written(place, sign("so-lieu.csv", "ra", key="remote:lanh-dao"), 4, "CONFIG_NOT_FOUND")
    configured(place, _REMOTE.format(url="https://ky.example"))
    nothing_written(place, sign("so-lieu.csv", "ra", key="remote:lanhdao"), 4, "có lẽ là “lanh-dao”")
    configured(place, _REMOTE.format(url="https://ky.example").replace('{ file = "tai-khoan" }', '"lo-ra"'))
    plain = sign("so-lieu.csv", "ra", key="remote:lanh-dao")
    nothing_written(place, plain, 4, "CONFIG_SECRET")
    assert "lo-ra" not in plain.err
    secret_file(place / "tai-khoan", ACCOUNT)
    configured(place, _REMOTE.format(url="https://ky.example") + "credental_id = 1\n")
    odd = sign("so-lieu.csv", "ra", key="remote:lanh-dao")
    nothing_written(place, odd, 4, "credential_id")
    assert "ebrvt.toml:8" in odd.err
    configured(place, _REMOTE.format(url="http://ky.example"))
    text = (place / "ebrvt.toml").read_text("utf-8")
    (place / "ebrvt.toml").write_text(f'environment = "production"\n{text}', "utf-8")
    nothing_written(place, sign("so-lieu.csv", "ra", key="remote:lanh-dao"), 4, "CONFIG_INSECURE")
