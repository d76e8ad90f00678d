"""The one-stop shop (motcua): what its interface must do before a daemon is let loose on it.

Each test says what its failure means for the province. What is written there, and how to clean it up, is in
docs/guide/sandbox-tests.md.
"""

import secrets
from itertools import pairwise

import pytest
from ebrvt_adapters.motcua import MotcuaClient, MotcuaCredentials, mapping, statuses
from pydantic import SecretStr

from ebrvt_connect.codec.feed import cursor_of, place_of
from ebrvt_connect.errors import HeldForPerson, Rejected, Scope
from ebrvt_connect.transport.http import path_of
from tests.sandbox.samples import rest_of_file

PAGES = 5
"""How much of a long feed is read."""


# --- being let in -----------------------------------------------------------------------------------------


def test_account_is_let_in(shop):
    """If not: token, user name or password are wrong, or the account may not use the exchange interface."""
    shop.dossiers(limit=1)


def test_wrong_password_is_refused_and_pauses_the_system(shop_peer, clock):
    """If not refused: anybody on the network can read citizens' dossiers; tell the vendor at once.

    If refused in another way than the contract says (401 `UNAUTHENTICATED`): the daemon would go on
    knocking instead of pausing the system and calling a person.
    """
    username = shop_peer.settings.credentials.username
    wrong = MotcuaCredentials(username=username or "ebrvt", password=SecretStr("surely not this"))
    settings = shop_peer.settings.model_copy(update={"credentials": wrong})

    with MotcuaClient(settings, clock, system="motcua") as stranger, pytest.raises(HeldForPerson) as held:
        stranger.dossiers(limit=1)
    assert held.value.scope is Scope.SYSTEM


# --- dossiers ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pages(shop):
    """The beginning of the feed, two rows at a time."""
    read = [shop.dossiers(limit=2)]
    while read[-1].rows and read[-1].next is not None and len(read) < PAGES:
        read.append(shop.dossiers(cursor_of(read[-1].rows[-1]), limit=2))
    if not read[0].rows:
        pytest.skip("there is no dossier; receive one")
    return read


@pytest.fixture(scope="module")
def dossiers(pages):
    """The dossiers on them."""
    return [mapping.dossier_of(row) for page in pages for row in page.rows]


def test_feed_goes_forward_and_repeats_nothing(pages):
    """If not: dossiers changed in the same moment, or while we read, would be missed or come again.

    Rows must be ordered by time of change and id, and a page must begin behind the place it was asked for.
    """
    places = [place_of(cursor_of(row)) for page in pages for row in page.rows]

    assert all(one < next_one for one, next_one in pairwise(places))


def test_every_dossier_can_be_read(dossiers):
    """If not: the dossier in question is held, with the fields that are wrong (`MOTCUA_FIELDS_WRONG`)."""
    assert dossiers


def test_every_status_word_is_in_the_status_file(shop_peer, dossiers):
    """If not: dossiers with those words are held (`UNMAPPED_STATUS`). Name the deployment's own file as
    `status_file` in EBRVT_TEST_SANDBOX_MOTCUA_SETTINGS, and add the words the failure shows to it."""
    file = shop_peer.settings.status_file
    known = statuses.StatusMap.parse(file.read_text("utf-8"), file.name) if file else statuses.sample()
    words = {(one.status, one.sub_status) for one in dossiers}

    assert sorted(word for word in words if known.stage(*word) is None) == []


def test_every_procedure_has_a_national_code(dossiers, learn):
    """If not: dossiers of those procedures are held (`UNMAPPED_PROCEDURE`) until the code is entered."""
    learn(f"{len({one.procedure.national_code for one in dossiers})} procedures among the first dossiers")

    assert sorted(one.procedure.local_code for one in dossiers if not one.procedure.national_code) == []


def test_dossier_can_be_asked_for_by_its_code(shop, dossiers):
    """If not: a dossier whose files could not be had at first is never looked at again."""
    code = dossiers[0].code

    assert mapping.dossier_of(shop.dossier(str(code))).code == code


def test_unknown_dossier_is_not_found(shop):
    """If not: a dossier deleted there would be asked for again and again."""
    with pytest.raises(Rejected) as refused:
        shop.dossier(f"khong-co-{secrets.token_hex(8)}")
    assert refused.value.code == "MOTCUA_NOT_FOUND"


# --- progress and files -----------------------------------------------------------------------------------


def test_steps_can_be_read_and_go_forward(shop, dossiers):
    """If not: steps would reach the portal in the wrong order, or be held (`MOTCUA_PROGRESS_WRONG`)."""
    for dossier in dossiers:
        rows = shop.progress(str(dossier.code))
        steps = [mapping.progress_of(row, str(dossier.code)) for row in rows]
        assert all(one.seq < next_one.seq for one, next_one in pairwise(steps))


@pytest.fixture(scope="module")
def result(dossiers):
    """A dossier's code and one of its result files."""
    found = ((str(one.code), paper.file_id) for one in dossiers for paper in one.results if paper.file_id)
    return next(found, None) or pytest.skip("no dossier with a result file among the first of the feed")


def test_result_file_is_the_one_announced(shop, result, blobs):
    """If not (`MOTCUA_FILE_DAMAGED`): what arrives is not what its ETag says, so no result paper can be
    verified and sent."""
    assert shop.download(*result, blobs).size_bytes > 0


def test_broken_download_can_go_on_where_it_broke_off(shop_peer, shop, result, blobs, clock):
    """If not: over a bad line a large file may never arrive, since each attempt begins anew."""
    whole = shop.download(*result, blobs)
    last = whole.size_bytes - 1
    path = path_of("api", "dossiers", result[0], "files", result[1])

    reply = rest_of_file(shop_peer.settings, path, last, clock)

    assert (reply.status, len(reply.body)) == (206, 1)
    assert reply.headers["Content-Range"] == f"bytes {last}-{last}/{whole.size_bytes}"


# --- what became of a dossier -----------------------------------------------------------------------------


def told(clock, **changes):
    """What the daemon tells of a dossier."""
    return {"system": "kiem-thu", "state": "SENT", "at": clock.now().isoformat(timespec="seconds")} | changes


def test_same_exchange_status_may_be_told_twice(shop, shop_peer, clock, learn):
    """If not: a status whose reply was lost cannot simply be told again, as the daemon does."""
    if not shop_peer.dossier:
        pytest.skip("no dossier may be written to; set EBRVT_TEST_SANDBOX_MOTCUA_DOSSIER")
    status = told(clock, reasonVi="Kiểm thử kết nối")

    shop.report_exchange(shop_peer.dossier, status)
    shop.report_exchange(shop_peer.dossier, status)
    learn(f"written there: exchange status SENT of dossier {shop_peer.dossier}")


def test_status_of_an_unknown_dossier_is_refused(shop, clock):
    """If not: statuses told about a wrong code vanish, and nobody learns what became of a dossier."""
    with pytest.raises(Rejected):
        shop.report_exchange(f"khong-co-{secrets.token_hex(8)}", told(clock))


def test_status_in_an_unknown_word_is_refused_with_the_field(shop, shop_peer, clock):
    """If not: what the clerk reads there may be nonsense, and nobody is told."""
    if not shop_peer.dossier:
        pytest.skip("no dossier may be written to; set EBRVT_TEST_SANDBOX_MOTCUA_DOSSIER")
    with pytest.raises(Rejected) as refused:
        shop.report_exchange(shop_peer.dossier, told(clock, state="KHONG-CO"))
    assert refused.value.code == "MOTCUA_INVALID"
    assert "state" in refused.value.explanation_vi
