"""A CMS file opened with its content left where it stands is the same as opened the long way."""

import random

import pytest

from ebrvt_connect.testing.sample_signed import signed_cms
from ebrvt_connect.trust import cms_content
from ebrvt_connect.trust.cms_armour import unarmoured
from ebrvt_connect.trust.cms_content import open_signed_data
from ebrvt_connect.trust.signed_data import CmsMalformed, load_signed_data
from tests.unit.trust.samples import AGENCY, AT

CONTENT = b"noi dung " * 100
ODD = bytes([0, 1, 2, 4, 0x24, 0x30, 0x31, 0x80, 0x81, 0xA0, 0xA1])


def indefinite(tag, *members):
    return bytes([tag, 0x80]) + b"".join(members) + b"\0\0"


def streamed(der):
    """The same object as a streaming writer has it: indefinite lengths, content in pieces."""
    signed = load_signed_data(der)
    pieces = b"".join(b"\x04\x64" + CONTENT[n : n + 100] for n in range(0, len(CONTENT), 100))
    data, inside = bytes.fromhex("06092a864886f70d010701"), indefinite(0x24, pieces)
    members = (
        signed["version"].dump() + signed["digest_algorithms"].dump(),
        indefinite(0x30, data, indefinite(0xA0, inside)),
        signed["certificates"].dump() + signed["signer_infos"].dump(),
    )
    oid = bytes.fromhex("06092a864886f70d010702")
    return indefinite(0x30, oid, indefinite(0xA0, indefinite(0x30, *members)))


@pytest.fixture(scope="module", params=["DER", "streamed"])
def file(request, pki):
    der = signed_cms(CONTENT, [pki.signer(AGENCY)], signed_at=AT)
    return der if request.param == "DER" else streamed(der)


def seen(data, monkeypatch, *, short):
    """What a verdict is made of; None for a file that is refused."""
    try:
        with monkeypatch.context() as patched:
            if not short:
                patched.setattr(cms_content, "_apart", lambda _: b""[0])
            found = open_signed_data(data)
        signed = found.signed
        fields = ("version", "digest_algorithms", "certificates", "signer_infos")
        content = None if found.content is None else bytes(found.content)
        return content, found.place if content else None, *(signed[name].dump() for name in fields)
    except (CmsMalformed, ValueError, TypeError, KeyError):
        return None


def test_both_ways_agree_on_the_file_itself(file, monkeypatch):
    short = seen(file, monkeypatch, short=True)

    assert short == seen(file, monkeypatch, short=False)
    assert short[0] == CONTENT
    assert cms_content._apart(file).content == CONTENT, "the short way was taken"


def test_both_ways_agree_on_whatever_is_made_of_it(file, monkeypatch):
    """2,000 changes, most of them among the heads: no byte may mean one thing here and another there."""
    chance = random.Random(20261123)
    for _ in range(1000):
        changed = bytearray(file)
        for _ in range(chance.randrange(1, 3)):
            at = chance.randrange(min(len(changed), 120) if chance.random() < 0.7 else len(changed))
            match chance.randrange(3):
                case 0:
                    changed[at] = chance.choice([*ODD, chance.randrange(256)])
                case 1:
                    del changed[at]
                case _:
                    changed.insert(at, chance.randrange(256))
        data = bytes(changed)
        assert seen(data, monkeypatch, short=True) == seen(data, monkeypatch, short=False), data[:120].hex()


@pytest.mark.parametrize("tail", [b"", b"=", b"==", b"A", b"AB=", b"ABC=", b"ABCD===", b"AB==CD==", b"-"])
@pytest.mark.parametrize("length", [0, 4, 8, 256 * 1024 - 4, 256 * 1024, 512 * 1024])
def test_base64_in_pieces_is_base64(length, tail):
    """Where a piece ends changes neither what is read nor what is refused."""
    from base64 import b64decode

    text = b"QUJD" * (length // 4) + tail
    try:
        whole = b64decode(text, validate=True)
    except ValueError:
        whole = None
    try:
        pieces = unarmoured(b"\n".join(text[n : n + 1001] for n in range(0, len(text), 1001)))
    except ValueError:
        pieces = None

    assert pieces == whole
