"""The National Public Service Portal (dvcqg): what this connection must be able to do there.

Each test says what its failure means for the province. What is written there, and what becomes of it, is in
docs/guide/sandbox-tests.md.
"""

import hashlib
import json

import pytest
from ebrvt_adapters.dvcqg import DvcqgClient
from ebrvt_adapters.dvcqg.faults import DossierExists, DossierNotThere
from ebrvt_adapters.dvcqg.mapping import (
    Agreement,
    default_codes,
    entry_of,
    key_of,
    keys_there,
    mapped_dossier,
    mapped_progress,
)
from pydantic import SecretStr

from ebrvt_connect.errors import HeldForPerson, Rejected, Scope
from tests.sandbox.sample_dossiers import fresh_code, sample_dossier, sample_step, withdrawn
from tests.sandbox.samples import eventually

# --- being let in -----------------------------------------------------------------------------------------


def test_account_gets_a_session_and_is_let_in(portal):
    """If not: account, password, unit or routing code are not those of the letter of connection, or the
    paths are others (`auth_endpoint`, `share_endpoint`, `integration_endpoint`). Nothing else can work."""
    assert portal.fields_of_administration()


def test_wrong_password_is_refused_and_pauses_the_system(portal_peer, clock):
    """If not refused: anybody on the network can write dossiers in the province's name.

    If refused in words we do not know: the daemon would go on knocking instead of pausing and calling a
    person. Tried once, since some systems lock an account after a few.
    """
    credentials = portal_peer.settings.credentials.model_copy(
        update={"password": SecretStr("surely not this")}
    )
    settings = portal_peer.settings.model_copy(update={"credentials": credentials})

    with DvcqgClient(settings, clock, system="dvcqg") as stranger, pytest.raises(HeldForPerson) as held:
        stranger.fields_of_administration()
    assert held.value.scope is Scope.SYSTEM


# --- the catalogue ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def entry(portal, portal_peer):
    """The procedure samples are about, in the portal's words or those of the settings."""
    code = str(portal_peer.procedure)
    listed = next((one for one in portal_peer.settings.procedures if one.code == code), None)
    told = portal.procedure(code)
    return listed or (entry_of(told) if told else None)


def test_procedure_is_in_the_national_catalogue(portal, portal_peer):
    """If not: `ask_portal_for_procedures` is of no use there. List the procedures in `procedures_file`, and
    here in EBRVT_TEST_SANDBOX_DVCQG_SETTINGS."""
    told = portal.procedure(str(portal_peer.procedure))

    assert told is not None
    assert entry_of(told) is not None


# --- dossiers ---------------------------------------------------------------------------------------------


class Pushed:
    """A sample at the portal, and how one like it is written."""

    def __init__(self, peer, entry, clock):
        if entry is None:
            pytest.skip("the portal does not tell the procedure, and the settings do not list it")
        self.entry, self.clock, self.agency = entry, clock, peer.agency
        self.code = fresh_code(peer.agency, clock.now())
        self.dossier = self.like(self.code)
        self.data = self.mapped(self.dossier).content

    def like(self, code):
        return sample_dossier(code, self.agency, self.entry.code, self.clock.now())

    def mapped(self, dossier):
        return mapped_dossier(dossier, Agreement(codes=default_codes()), {self.entry.code: self.entry}.get)


@pytest.fixture(scope="module")
def pushed(portal, portal_peer, entry, clock):
    """One dossier, inserted once, used by every test that needs one there, and withdrawn in the end."""
    sample = Pushed(portal_peer, entry, clock)
    portal.put_dossiers(sample.data, updating=False)
    yield sample
    portal.put_dossiers(sample.mapped(withdrawn(sample.dossier, clock.now())).content, updating=True)


def test_unknown_dossier_is_not_there(portal, portal_peer, clock):
    """If not: every new dossier would be sent as an update, and the portal would have to say no each time."""
    assert portal.dossier(str(fresh_code(portal_peer.agency, clock.now()))) is None


def test_dossier_is_accepted(pushed, learn):
    """If not: read the words of the refusal; the portal asks for more than is known, or for other codes.

    `DVCQG_REPLY_UNCLEAR`: it may have taken the dossier, and said so in words we do not know: report them.
    """
    learn(f"written there: dossier {pushed.code}")


def test_dossier_is_found_by_asking(portal, portal_peer, pushed, clock, learn):
    """If not: after a lost reply nobody can tell whether a dossier arrived. It is then sent again, which
    the portal must take as an update."""
    found = eventually(
        lambda: portal.dossier(str(pushed.code)) is not None, clock, portal_peer.patience_seconds
    )

    assert found
    row = portal.dossier(str(pushed.code))
    same = row.ma_bam == hashlib.sha256(pushed.data).hexdigest()
    learn(f"a look-up tells the digest of what was sent: {same}")
    learn(f"a look-up tells the steps of a dossier: {row.tien_do is not None}")


def test_same_dossier_inserted_again_is_said_to_exist(portal, pushed):
    """If not refused: a dossier whose reply was lost might stand there twice.

    If refused in other words than "đã tồn tại": the daemon cannot tell that it must update; report them.
    """
    with pytest.raises(DossierExists):
        portal.put_dossiers(pushed.data, updating=False)


def test_dossier_may_be_updated_with_the_same_data(portal, pushed):
    """If not: after a lost reply the same cannot simply be sent again, as the daemon does."""
    portal.put_dossiers(pushed.data, updating=True)
    portal.put_dossiers(pushed.data, updating=True)


def test_update_of_a_dossier_that_is_not_there_is_refused(portal, pushed, clock, learn):
    """If not refused: the portal makes a dossier of it, which does no harm.

    If refused in other words than "không tồn tại": the daemon cannot tell that it must insert; report them.
    """
    stranger = fresh_code(pushed.agency, clock.now())
    try:
        portal.put_dossiers(pushed.mapped(pushed.like(stranger)).content, updating=True)
    except DossierNotThere:
        return
    learn(f"written there: dossier {stranger}, by an update of what was not there")
    pytest.fail("an update of a dossier that is not there was taken")


def test_incomplete_dossier_is_refused(portal, pushed, clock):
    """If not: dossiers without an applicant are taken, and nobody is told what they lack."""
    code = fresh_code(pushed.agency, clock.now())
    [data] = json.loads(pushed.mapped(pushed.like(code)).content)

    with pytest.raises(Rejected):
        portal.put_dossiers(json.dumps([data | {"ChuHoSo": ""}]).encode(), updating=False)


# --- progress ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def step(portal, pushed, clock):
    """One step of the sample, appended once."""
    mapped = mapped_progress(sample_step(pushed.code, clock.now()))
    portal.add_progress(mapped.content)
    return mapped


def test_step_of_a_dossier_is_accepted(step):
    """If not: dossiers are synchronised without their way; read the words of the refusal."""
    assert step.warnings == ()


def test_step_is_found_by_asking(portal, portal_peer, pushed, step, clock):
    """If not: a step whose reply is lost is held for a person (`DVCQG_OUTCOME_UNKNOWN`), since it has no key
    and would stand there twice. `resend_progress_in_doubt` takes that risk.

    If it is found later only: raise `ask_after_seconds`. Set `progress_told_in_time` only where the operator
    assures that look-ups never take longer.
    """
    code = str(pushed.code)

    def told():
        row = portal.dossier(code)
        return row is not None and keys_there(row, code).count(key_of(step.data)) == 1

    assert eventually(told, clock, portal_peer.patience_seconds)


def test_step_of_an_unknown_dossier_is_refused(portal, portal_peer, clock):
    """If not: steps that came before their dossier vanish. Refused in words we do not know, they are asked
    after and then held; report the words."""
    stranger = fresh_code(portal_peer.agency, clock.now())

    with pytest.raises(DossierNotThere):
        portal.add_progress(mapped_progress(sample_step(stranger, clock.now())).content)
