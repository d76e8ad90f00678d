"""A large file costs memory by the piece, not by the file, on both ways."""

import os
import tracemalloc
from collections import deque
from datetime import UTC, datetime

import pytest

from ebrvt_connect.codec.edxml_read import read_document
from ebrvt_connect.codec.edxml_write import write_document
from ebrvt_connect.model.document import Attachment

MIB = 1024 * 1024
ATTACHMENT_BYTES = 20 * MIB
ALLOWED_GROWTH = 4 * MIB
"""A fifth of the file; the file itself must not fit in."""


def peak_growth(act):
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["scan.pdf", "scan.xlsx"], ids=["plain", "wrapped_in_a_zip"])
def test_twenty_megabytes_are_written_and_read_in_little_memory(name, example, read, folder_blobs):
    noise = os.urandom(MIB)
    blob = folder_blobs.put((noise for _ in range(20)), limit_bytes=ATTACHMENT_BYTES)
    attachment = Attachment(seq=1, name=name, size_bytes=blob.size_bytes, sha256=blob.sha256)
    document = read(example).record.model_copy(update={"attachments": (attachment,)})
    packet = folder_blobs.folder / "packet.edxml"

    def write():
        with packet.open("wb") as file:
            file.writelines(
                write_document(document, folder_blobs, passed_at=datetime(2026, 1, 1, tzinfo=UTC))
            )

    received = deque(maxlen=1)

    def read_back():
        with packet.open("rb") as file:
            received.append(read_document(iter(lambda: file.read(256 * 1024), b""), folder_blobs))

    growth = {"written": peak_growth(write), "read": peak_growth(read_back)}
    print({way: f"{size / MIB:.2f} MiB" for way, size in growth.items()})
    (back,) = received[0].record.attachments
    assert (back.sha256, back.size_bytes) == (blob.sha256, ATTACHMENT_BYTES)
    assert max(growth.values()) < ALLOWED_GROWTH
