"""Names the ledger cannot keep hold their item under a name it can; sound batches pass as they are."""

import pytest

from ebrvt_connect.engine.arrivals import LONGEST_NAME, storable
from ebrvt_connect.model.message import Kind
from ebrvt_connect.ports.adapter import Batch, Item

LONG = "x" * (LONGEST_NAME + 1)


def batch(**changes: str) -> Batch:
    named = {"external_id": "a", "version": "1", "lane": "l", "business_key": "k", **changes}
    return Batch((Item(kind=Kind.DOCUMENT, **named), Item(Kind.DOCUMENT, "b", "1", "l")), "c")


def test_sound_batch_is_the_same_batch():
    sound = batch(title="t" * LONGEST_NAME)
    assert storable(sound, "axis") is sound


@pytest.mark.parametrize("wrong", [LONG, "a\0b", "a\ud83d"], ids=["long", "nul", "half-a-pair"])
@pytest.mark.parametrize("field", ["external_id", "version", "lane", "business_key"])
def test_name_that_cannot_be_kept_holds_its_item_alone(field, wrong):
    bad, good = storable(batch(**{field: wrong}), "axis").items
    assert bad.fault is not None
    assert (bad.fault.code, bad.fault.facts["names"]) == ("ARRIVAL_NAME_UNUSABLE", field)
    assert "axis" in bad.fault.explanation_vi
    assert good.fault is None
    kept = getattr(bad, field)
    assert len(kept) < LONGEST_NAME
    assert "\0" not in kept
    assert kept.encode()


def test_different_long_names_stay_different_and_the_same_one_the_same():
    kept = [storable(batch(lane=LONG + end), "axis").items[0].lane for end in ("1", "2", "1")]
    assert kept[0] == kept[2] != kept[1]


@pytest.mark.parametrize("changes", [{"same_as": LONG}, {"title": LONG * 3}, {"title": "a\0\ud83d"}])
def test_what_only_describes_is_shortened_and_holds_nothing(changes):
    item = storable(batch(**changes), "axis").items[0]
    assert item.fault is None
    assert len(item.same_as) < LONGEST_NAME
    assert len(item.title) <= 1000
    assert "\0" not in item.title
    assert item.title.encode() is not None
