"""Packets that are listed but cannot be fetched: nothing else waits for them, and a person hears of them."""

from datetime import timedelta

import pytest
from ebrvt_adapters.vxp import faults as vxp_faults

from ebrvt_connect.errors import RetryLater
from ebrvt_connect.model.message import Kind
from ebrvt_connect.testing import sandbox_faults
from tests.contract.vxp.exchange import fetched, incoming, packet_of, taken, with_file


def test_packet_too_large_is_held_and_stays_in_the_list(linked):
    link = linked(largest_packet_bytes=8192)
    document = with_file(incoming(), link.blobs, b"%PDF-" + b"x" * 20_000)
    link.seed("large", packet_of(document, link.blobs))
    link.seed("small", packet_of(incoming("10/X")))

    large, small = taken(link)

    assert large.fault is not None
    assert (large.version, large.original) == ("unfetched", None)
    assert small.fault is None
    assert link.waiting() == 1


def test_one_packet_that_will_not_come_does_not_hold_up_the_others(linked):
    link = linked()
    for number in range(4):
        link.seed(str(number), packet_of(incoming(f"{number}/X")))
    link.arm("status", "downloadEdoc", after=2, count=3, code=500)
    items = []

    with pytest.raises(RetryLater):
        items.extend(item for batch in link.adapter.fetch(Kind.DOCUMENT, None) for item in batch.items)

    assert [item.title for item in items] == ["0/X", "2/X", "3/X"]


def refusing_some(link, monkeypatch, *doc_ids):
    """These packets never come; returns what was asked for."""
    asked = []
    real = link.adapter.client.fetch

    def fetch(doc_id, blobs):
        asked.append(doc_id)
        if doc_id in doc_ids:
            raise RetryLater(vxp_faults.NO_PACKET, "empty", system="axis", doc_id=doc_id)
        return real(doc_id, blobs)

    monkeypatch.setattr(link.adapter.client, "fetch", fetch)
    return asked


def passes(link, count, minutes=1):
    """What comes in so many fetches, and how many of them told of trouble."""
    items, told = [], 0
    for _ in range(count):
        try:
            for batch in link.adapter.fetch(Kind.DOCUMENT, None):
                items.extend(batch.items)
                link.adapter.acknowledge(Kind.DOCUMENT, batch)
        except RetryLater:
            told += 1
        link.clock.advance(timedelta(minutes=minutes))
    return items, told


def test_packets_that_never_come_do_not_starve_the_list(linked, monkeypatch):
    link = linked()
    bad = [link.seed(f"bad{number}", packet_of(incoming(f"{number}/X")))[0] for number in range(5)]
    for number in range(5, 8):
        link.seed(str(number), packet_of(incoming(f"{number}/X")))
    asked = refusing_some(link, monkeypatch, *bad)

    first, _ = passes(link, 2)
    second, told = passes(link, 3)

    assert first == []
    assert [item.title for item in second] == ["5/X", "6/X", "7/X"]
    assert told == 1
    asked.clear()
    passes(link, 5)
    assert len(asked) == 10
    assert set(asked) == set(bad)


def test_packet_that_never_comes_is_handed_to_a_person_once_and_tried_on(linked, monkeypatch):
    link = linked(fetch_patience_minutes=30)
    [bad] = link.seed("bad", packet_of(incoming()))
    asked = refusing_some(link, monkeypatch, bad)

    early, _ = passes(link, 3, minutes=9)
    late, told = passes(link, 5, minutes=9)

    assert early == []
    [item] = late
    assert item.fault is not None
    assert (item.fault.code, item.version, item.record) == ("VXP_PACKET_UNFETCHABLE", "unfetched", None)
    assert bad in item.fault.explanation_vi
    assert told == 0
    assert len(asked) == 8
    assert link.waiting() == 1
    monkeypatch.undo()
    [came] = taken(link)
    assert (came.external_id, came.fault) == (bad, None)
    assert link.waiting() == 0


def test_one_late_try_is_not_taken_for_long_patience(linked, monkeypatch):
    link = linked()
    [bad] = link.seed("bad", packet_of(incoming()))
    refusing_some(link, monkeypatch, bad)

    assert passes(link, 2, minutes=600)[0] == []
    assert len(passes(link, 1)[0]) == 1


def test_given_up_packet_that_was_not_stored_is_handed_over_again(linked, monkeypatch):
    link = linked(fetch_patience_minutes=0)
    [bad] = link.seed("bad", packet_of(incoming()))
    refusing_some(link, monkeypatch, bad)
    passes(link, 2)

    assert next(link.adapter.fetch(Kind.DOCUMENT, None)).items
    assert fetched(link)
    assert fetched(link) == []


def test_packet_the_axis_refuses_to_give_out_is_told_once(linked):
    link = linked(largest_packet_bytes=8192)
    document = with_file(incoming(), link.blobs, b"%PDF-" + b"x" * 20_000)
    link.seed("large", packet_of(document, link.blobs))

    items, told = passes(link, 3)

    assert (len(items), told) == (1, 0)


def test_axis_in_trouble_is_not_pressed_for_every_packet(linked):
    link = linked()
    for number in range(6):
        link.seed(str(number), packet_of(incoming(f"{number}/X")))
    link.arm("status", "downloadEdoc", after=2, count=1000, code=500)
    items = []

    with pytest.raises(RetryLater):
        items.extend(item for batch in link.adapter.fetch(Kind.DOCUMENT, None) for item in batch.items)

    [fault] = sandbox_faults.armed(link.host.seats["vxp"].world)
    assert len(items) == 1
    assert fault["fired"] == 6
