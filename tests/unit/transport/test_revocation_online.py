"""Asking for revocation over real loopback HTTP: what is asked, what is believed, what is kept."""

import os
import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from ebrvt_connect.errors import HeldForPerson
from ebrvt_connect.testing.clock import FakeClock
from ebrvt_connect.testing.pki_issue import Request, issue, new_key, revocation_list
from ebrvt_connect.testing.revocation_authority import Misbehaviour, RevocationAuthority
from ebrvt_connect.transport.clock import SystemClock
from ebrvt_connect.transport.revocation_cache import RevocationCache
from ebrvt_connect.transport.revocation_fetch import Fetched, NotFetched, RevocationFetcher, is_public
from ebrvt_connect.transport.revocation_online import (
    OnlineRevocation,
    crl_addresses,
    named_hosts,
)
from ebrvt_connect.transport.revocation_settings import OnlineSettings, load_online_settings
from ebrvt_connect.trust.inquiry import Question
from ebrvt_connect.trust.revocation import RevocationArchive, RevocationState

NOON = datetime(2026, 1, 10, 12, 0, tzinfo=UTC)
UNKNOWN = RevocationState("unknown")


@pytest.fixture(scope="module")
def keys():
    return [new_key() for _ in range(3)]


@pytest.fixture(scope="module")
def issuer(keys):
    root = issue(Request("Gốc", authority=True), None, keys[0])
    return issue(Request("Cơ quan cấp", authority=True), root, keys[1])


@pytest.fixture(scope="module")
def impostor(keys):
    return issue(Request("Cơ quan cấp", authority=True), None, keys[2])


@pytest.fixture
def clock():
    return FakeClock(NOON)


@pytest.fixture
def authority(issuer, impostor, clock):
    with RevocationAuthority(issuer, clock.now, impostor=impostor).serving() as served:
        yield served


@pytest.fixture
def leaf(authority, issuer, keys):
    wanted = Request("Văn thư", ocsp_url=authority.ocsp_url, crl_url=authority.crl_url)
    return issue(wanted, issuer, keys[0]).certificate


@pytest.fixture
def question(leaf, issuer):
    return Question(leaf, issuer.certificate, NOON - timedelta(minutes=1), False, UNKNOWN)


def host_of(authority):
    return authority.url.removeprefix("http://")


@pytest.fixture
def settings(authority):
    host = host_of(authority)
    return OnlineSettings(hosts=(host,), private_hosts=(host,), tries=1)


@pytest.fixture
def online(settings, clock, tmp_path):
    made = OnlineRevocation(settings, cache=tmp_path / "cache", clock=clock)
    yield made
    made.close()


def status(found, question, clock):
    return found.archive.state_of(
        question.certificate,
        question.issuer,
        used_at=question.used_at,
        known_at=clock.now(),
        proven=question.proven,
    ).status


# --- what is asked ---------------------------------------------------------------------------------


def test_the_responder_is_asked_first_and_its_answer_is_enough(online, authority, question, clock):
    found = online.ask([question])

    assert (status(found, question, clock), authority.asked, found.missed) == ("good", ["ocsp"], ())
    assert [at for _, at in found.archive.fetched] == [NOON]


def test_a_revocation_is_told(online, authority, question, clock, leaf):
    authority.revoke(leaf, NOON - timedelta(days=1))

    assert status(online.ask([question]), question, clock) == "revoked"


@pytest.mark.parametrize(
    "fault",
    [f for f in Misbehaviour if f not in {Misbehaviour.WRONG_NONCE, Misbehaviour.DRIP}],
)
def test_whatever_the_responder_does_the_list_is_asked_next(online, authority, question, clock, fault):
    authority.ocsp_fault = fault

    found = online.ask([question])

    assert (status(found, question, clock), authority.asked) == ("good", ["ocsp", "crl"])


@pytest.mark.parametrize("fault", [f for f in Misbehaviour if f is not Misbehaviour.DRIP])
def test_where_both_fail_nothing_is_known_and_it_is_said(settings, authority, question, clock, fault):
    authority.ocsp_fault = authority.crl_fault = fault
    if fault in {Misbehaviour.WRONG_SERIAL, Misbehaviour.UNKNOWN, Misbehaviour.WRONG_NONCE}:
        authority.crl_fault = Misbehaviour.HTML
    small = settings.model_copy(update={"largest_crl_bytes": 100_000, "nonce": True})
    online = OnlineRevocation(small, clock=clock)

    found = online.ask([question])
    online.close()

    assert (status(found, question, clock), len(found.missed) > 0) == ("unknown", True)
    assert all("/" not in reason for reason in found.missed)  # hosts, never whole addresses


def test_a_server_that_drips_is_cut_off_at_the_deadline(settings, authority, question):
    authority.ocsp_fault = authority.crl_fault = Misbehaviour.DRIP
    hurried = settings.model_copy(update={"total_seconds": 0.6, "call_seconds": 0.4})
    online = OnlineRevocation(hurried, clock=SystemClock())

    begun = time.monotonic()
    found = online.ask([question])
    online.close()

    assert (time.monotonic() - begun < 20, len(found.archive), len(found.missed)) == (True, 0, 2)


def test_several_certificates_are_asked_after_together(online, issuer, authority, keys, clock):
    questions = [
        Question(
            issue(Request(f"Người {n}", ocsp_url=authority.ocsp_url), issuer, keys[0]).certificate,
            issuer.certificate,
            NOON,
            False,
            UNKNOWN,
        )
        for n in range(6)
    ]

    found = online.ask(questions)

    assert [status(found, q, clock) for q in questions] == ["good"] * 6


def test_a_certificate_without_address_is_told(online, issuer, keys):
    bare = issue(Request("Không địa chỉ"), issuer, keys[0]).certificate
    found = online.ask([Question(bare, issuer.certificate, NOON, False, UNKNOWN)])

    assert "không ghi địa chỉ" in found.missed[0]


def test_a_responder_vouched_for_by_a_list_at_hand_is_believed(
    settings, authority, question, issuer, keys, clock
):
    wanted = Request("Máy chủ OCSP", purpose=ExtendedKeyUsageOID.OCSP_SIGNING)
    authority.responder = issue(wanted, issuer, keys[2])
    authority.crl_fault = Misbehaviour.HTML
    listed = RevocationArchive.of([revocation_list(issuer, [], issued_at=NOON - timedelta(days=1))])
    online = OnlineRevocation(settings, clock=clock)

    alone, helped = online.ask([question]), online.ask([question], known=listed)
    online.close()

    assert (len(alone.archive), len(helped.archive.ocsp)) == (0, 1)


def test_a_nonce_is_sent_and_a_foreign_one_refused(settings, authority, question, clock):
    online = OnlineRevocation(settings.model_copy(update={"nonce": True}), clock=clock)
    authority.crl_fault = Misbehaviour.HTML

    honest = online.ask([question])
    authority.ocsp_fault = Misbehaviour.WRONG_NONCE
    foreign = online.ask([question])
    online.close()

    assert (len(honest.archive), len(foreign.archive)) == (1, 0)


# --- where to --------------------------------------------------------------------------------------


def refused(fetcher, url):
    with pytest.raises(NotFetched) as failure:
        fetcher.get(url)
    return failure.value.reason_vi


@pytest.fixture
def fetcher(settings, clock):
    made = RevocationFetcher(settings, clock=clock)
    yield made
    made.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://elsewhere.example/a.crl",
        "http://127.0.0.1/a.crl",  # another port than the one that is listed
        "http://user@127.0.0.1/a.crl",
        "file:///etc/passwd",
        "ldap://127.0.0.1/cn=crl",
        "gopher://127.0.0.1:25/x",
        "http://[::1]/a.crl",
        "http://127.0.0.1:99999/a.crl",
        "http:///a.crl",
        "",
    ],
)
def test_addresses_that_are_not_on_the_list_are_never_asked(fetcher, authority, url):
    assert refused(fetcher, url)
    assert authority.asked == []


def test_no_host_is_asked_by_default(clock, authority):
    bare = RevocationFetcher(OnlineSettings(), clock=clock)

    assert "danh sách được phép" in refused(bare, authority.crl_url)


def test_a_private_address_is_refused_though_its_host_is_listed(clock, authority):
    """The switch is per host; a public name that resolves into a private network is met the same way."""
    public = OnlineSettings(hosts=(host_of(authority),), tries=1)
    named = host_of(authority).replace("127.0.0.1", "localhost")

    assert "mạng nội bộ" in refused(RevocationFetcher(public, clock=clock), authority.crl_url)
    by_name = RevocationFetcher(OnlineSettings(hosts=(named,), tries=1), clock=clock)
    assert "mạng nội bộ" in refused(by_name, f"http://{named}/authority.crl")
    assert authority.asked == []


def test_a_redirect_is_not_followed(fetcher, authority):
    authority.crl_fault, authority.redirect_to = Misbehaviour.REDIRECT, authority.ocsp_url

    assert "302" in refused(fetcher, authority.crl_url)
    assert authority.asked == ["crl"]


def test_more_bytes_than_allowed_are_refused(settings, clock, authority):
    authority.crl_fault = Misbehaviour.OVERSIZED
    small = RevocationFetcher(settings.model_copy(update={"largest_crl_bytes": 1000}), clock=clock)

    assert "1000" in refused(small, authority.crl_url)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("8.8.8.8", True),
        ("2001:4860:4860::8888", True),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("2002:7f00:1::", False),
        ("64:ff9b::a00:1", False),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", False),
        ("nonsense", False),
    ],
)
def test_which_addresses_are_public(address, expected):
    assert is_public(address) is expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://ocsp.ca.old", "http://ocsp.ca.new"),
        ("http://ocsp.ca.old/", "http://ocsp.ca.new/"),
        ("http://OCSP.ca.old:80/x?y=1", "http://ocsp.ca.new/x?y=1"),
        ("http://ocsp.ca.old.evil.example/x", "http://ocsp.ca.old.evil.example/x"),
        ("https://ocsp.ca.old/x", "https://ocsp.ca.old/x"),
        ("http://other.old/crl/a.crl", "http://mirror.new/lists/a.crl"),
        ("http://other.old/crlx/a.crl", "http://other.old/crlx/a.crl"),
    ],
)
def test_old_addresses_are_rewritten_whole_hosts_only(url, expected):
    settings = OnlineSettings(
        rewrite={
            "http://ocsp.ca.old": "http://ocsp.ca.new",
            "http://other.old/crl": "http://mirror.new/lists",
        }
    )

    assert settings.rewritten(url) == expected


def test_a_rewritten_address_must_be_on_the_list_too(clock, authority):
    settings = OnlineSettings(hosts=("ocsp.ca.old",), rewrite={"http://ocsp.ca.old": authority.url}, tries=1)

    assert "danh sách được phép" in refused(
        RevocationFetcher(settings, clock=clock), "http://ocsp.ca.old/authority.crl"
    )


def test_hosts_that_pinned_certificates_name_can_be_allowed(leaf, authority):
    assert named_hosts([leaf]) == (host_of(authority),)
    assert crl_addresses(leaf) == (authority.crl_url,)
    assert OnlineSettings().with_hosts(named_hosts([leaf])).hosts == (host_of(authority),)


# --- what is kept ----------------------------------------------------------------------------------


def test_what_was_just_asked_is_not_asked_again(online, authority, question):
    online.ask([question])
    found = online.ask([question])

    assert (authority.asked, len(found.archive.ocsp)) == (["ocsp"], 1)


def test_what_was_kept_is_asked_again_where_it_is_older_than_the_use(online, authority, leaf, issuer, clock):
    online.ask([Question(leaf, issuer.certificate, NOON, False, UNKNOWN)])
    clock.advance(timedelta(minutes=30))
    later = Question(leaf, issuer.certificate, clock.now(), False, UNKNOWN)
    authority.revoke(leaf, clock.now() - timedelta(minutes=5))

    assert status(online.ask([later]), later, clock) == "revoked"
    assert authority.asked == ["ocsp", "ocsp"]


def test_what_was_kept_serves_while_the_server_is_away(online, authority, leaf, issuer, clock):
    online.ask([Question(leaf, issuer.certificate, NOON, False, UNKNOWN)])
    clock.advance(timedelta(minutes=30))
    authority.ocsp_fault = authority.crl_fault = Misbehaviour.HTML
    later = Question(leaf, issuer.certificate, clock.now(), False, UNKNOWN)

    assert status(online.ask([later]), later, clock) == "good"
    clock.advance(timedelta(hours=2))
    assert status(online.ask([later]), later, clock) == "unknown"  # honours nextUpdate


@pytest.mark.parametrize(
    "fault",
    [
        Misbehaviour.WRONG_SERIAL,
        Misbehaviour.UNSIGNED,
        Misbehaviour.WRONG_SIGNER,
        Misbehaviour.UNKNOWN,
        Misbehaviour.HTML,
        Misbehaviour.TRY_LATER,
    ],
)
def test_what_does_not_prove_true_is_never_kept(online, authority, question, tmp_path, fault):
    authority.ocsp_fault, authority.crl_fault = fault, Misbehaviour.WRONG_SIGNER
    online.ask([question])

    assert list((tmp_path / "cache").glob("*")) == []


def test_a_poisoned_cache_is_not_believed(online, authority, question, clock, tmp_path, impostor, leaf):
    """Somebody who may write there puts in an answer of his own, over the kept one."""
    online.ask([question])
    (kept,) = (tmp_path / "cache").iterdir()
    head, _, _ = kept.read_bytes().partition(b"\n")
    authority.ocsp_fault = Misbehaviour.WRONG_SIGNER
    kept.write_bytes(head + b"\n" + authority.answer_about(leaf))
    authority.ocsp_fault = None
    authority.revoke(leaf, NOON - timedelta(days=1))

    assert status(online.ask([question]), question, clock) == "revoked"


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"{}\nx", b'{"url": "u", "fetched_at": "2026-01-10T12:00:00"}\nx', b"[" * 9999]
)
def test_a_damaged_cache_is_as_none(tmp_path, content):
    cache = RevocationCache(tmp_path, largest_bytes=10_000)
    cache.put(Fetched("u", b"x", NOON), "key")
    (kept,) = tmp_path.iterdir()
    assert cache.get("key") == Fetched("u", b"x", NOON)
    kept.write_bytes(content)

    assert cache.get("key") is None


def test_the_cache_is_bounded_and_the_oldest_goes(tmp_path):
    cache = RevocationCache(tmp_path, largest_bytes=1000)
    for n in range(5):
        cache.put(Fetched("u", bytes(300), NOON), str(n))
        for path in tmp_path.iterdir():
            os.utime(path, (path.stat().st_mtime - 10,) * 2)
    cache.put(Fetched("u", bytes(2000), NOON), "too large")

    assert [cache.get(str(n)) is not None for n in range(5)] == [False, False, False, True, True] or [
        cache.get(str(n)) is not None for n in range(5)
    ] == [False, False, True, True, True]
    assert cache.get("too large") is None
    assert sum(p.stat().st_size for p in tmp_path.iterdir()) <= 1000


def test_a_cache_that_cannot_be_written_fails_nothing(settings, question, clock, tmp_path):
    (tmp_path / "cache").write_text("in the way")
    online = OnlineRevocation(settings, cache=tmp_path / "cache", clock=clock)

    assert status(online.ask([question]), question, clock) == "good"
    online.close()


# --- settings --------------------------------------------------------------------------------------


def test_settings_stand_in_the_trust_folder(tmp_path):
    assert load_online_settings(tmp_path) == OnlineSettings()
    (tmp_path / "online.toml").write_text(
        '[revocation]\nhosts = ["OCSP.ca.vn"]\ntotal_seconds = 5\n'
        '[revocation.rewrite]\n"http://ocsp.ca.old" = "http://ocsp.ca.vn"\n',
        "utf-8",
    )

    found = load_online_settings(tmp_path)

    assert (found.hosts, found.total_seconds) == (("ocsp.ca.vn",), 5)
    assert found.rewritten("http://ocsp.ca.old/x") == "http://ocsp.ca.vn/x"


@pytest.mark.parametrize(
    "content",
    [
        "[revocation]\nhost = ['a']",
        "[revocation]\nhosts = ['http://a']",
        "[revocation]\nhosts = ['a/b']",
        "[revocation]\nhosts = ['u@a']",
        "[revocation]\nhosts = ['*']",
        "[revocation]\ntotal_seconds = 0",
        "[revocation.rewrite]\n'ftp://a' = 'http://b'",
        "revocation = 3",
        "[[",
    ],
)
def test_settings_that_mean_nothing_are_refused(tmp_path, content):
    (tmp_path / "online.toml").write_text(content, "utf-8")

    with pytest.raises(HeldForPerson) as failure:
        load_online_settings(tmp_path)
    assert failure.value.code == "ONLINE_SETTINGS_INVALID"


def test_answers_travel_as_der(authority, leaf):
    assert authority.answer_about(leaf)[:1] == b"\x30"
    assert leaf.public_bytes(Encoding.DER)[:1] == b"\x30"
