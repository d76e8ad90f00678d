"""The demonstration's plan is fixed in advance and holds what the audit and the reader count on."""

import itertools
from collections import Counter

import pytest

from ebrvt_connect.model.ids import AgencyCode, DocumentNumber
from ebrvt_connect.ops.demo.faults import FAULTS, orders
from ebrvt_connect.ops.demo.plan import (
    AXIS_AGENCIES,
    PROVINCE_AGENCIES,
    Appendix,
    Flaw,
    make_plan,
)
from ebrvt_connect.testing.pki import SANDBOX_AGENCIES

MIB = 1024 * 1024
SIZES = [(42, 30), (18, 9), (6, 3), (2, 1), (1, 0), (0, 0)]


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[0]} out, {size[1]} in")
def plan(request):
    return make_plan(*request.param, large_bytes=MIB)


def test_the_plan_shown_is_as_large_as_promised():
    plan = make_plan()
    assert len(plan.leaving) >= 40
    assert len(plan.to_be_held) >= 5
    assert len(plan.incoming) == 30
    assert sum(1 for document in plan.incoming if document.flaw is not Flaw.NONE) == 2
    assert [d.extra_bytes for d in plan.leaving if d.extra_bytes] == [20 * MIB]
    assert {d.appendix for d in plan.leaving} == set(Appendix)


def test_every_flaw_is_shown_once_and_only_where_it_holds_a_document(plan):
    assert Counter(d.flaw for d in plan.to_be_held) == Counter(set(Flaw) - {Flaw.NONE})
    assert all(d.flaw is Flaw.NONE for d in plan.leaving)
    assert len(plan.leaving) + len(plan.to_be_held) == len(plan.outgoing)


def test_the_same_plan_is_made_every_time(plan):
    good, incoming = len(plan.leaving), len(plan.incoming)
    assert make_plan(good, incoming, large_bytes=MIB) == plan


def test_ids_and_titles_tell_documents_apart(plan):
    for documents in (plan.outgoing, plan.incoming):
        assert len({d.id for d in documents}) == len({d.title for d in documents}) == len(documents)
    # The audit finds both kinds in one ledger by their titles.
    assert not {d.title for d in plan.outgoing} & {d.title for d in plan.incoming}


def test_numbers_and_codes_are_ones_the_model_reads(plan):
    for document in (*plan.outgoing, *plan.incoming):
        assert str(DocumentNumber.parse(document.title)) == document.title
        for agency in (document.sender, *document.recipients):
            assert AgencyCode.parse(agency.code).qcvn102 == agency.code


def test_everybody_who_signs_has_a_key():
    assert {agency.code for agency in (*PROVINCE_AGENCIES, *AXIS_AGENCIES)} <= set(SANDBOX_AGENCIES)


def test_documents_go_out_of_the_province_and_come_into_it(plan):
    ours, theirs = set(PROVINCE_AGENCIES), set(AXIS_AGENCIES)
    for document in plan.outgoing:
        assert document.sender in ours
        assert document.recipients
        assert set(document.recipients) <= theirs
        assert len(set(document.recipients)) == len(document.recipients)
    for document in plan.incoming:
        assert document.sender in theirs
        assert set(document.recipients) <= ours


def test_flawed_documents_stand_among_the_good_ones():
    flawed = [d.flaw is not Flaw.NONE for d in make_plan().outgoing]
    assert not flawed[0]
    assert not any(a and b for a, b in itertools.pairwise(flawed))


def test_the_large_document_is_one_that_leaves(plan):
    large = [document for document in plan.outgoing if document.extra_bytes]
    assert len(large) == (1 if plan.leaving else len(large))
    assert all(document in plan.leaving for document in large)


def test_the_faults_are_those_the_demonstration_promises():
    kinds = Counter(order["kind"] for order in orders())
    promised = {"down", "html-502", "lose-reply", "duplicate", "duplicate-new-id", "reject-timestamp"}
    assert set(kinds) >= promised
    assert next(order for order in orders() if order["kind"] == "down")["seconds"] == 5.0
    assert len({order["id"] for order in orders()}) == len(FAULTS)


def test_every_fault_is_told_in_vietnamese():
    for fault in FAULTS:
        assert fault.name_vi
        assert fault.story_vi.endswith(".")
