"""Blob stores to read into, and a packet to change one thing in."""

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from ebrvt_connect.codec.edxml_read import read_document
from ebrvt_connect.codec.edxml_words import EDXML_LIMITS, Packet
from ebrvt_connect.model.message import BlobRef
from ebrvt_connect.ports.blobs import Blobs

VECTORS = Path(__file__).parents[2] / "vectors"


class MemoryBlobs(Blobs):
    """Keeps bytes in a dictionary."""

    def __init__(self):
        self.contents: dict[str, bytes] = {}

    def has(self, sha256):
        return sha256 in self.contents

    def _put(self, chunks):
        content = b"".join(chunks)
        sha256 = hashlib.sha256(content).hexdigest()
        self.contents[sha256] = content
        return BlobRef(sha256=sha256, size_bytes=len(content))

    def _open(self, sha256):
        return io.BytesIO(self.contents[sha256])


class FolderBlobs(Blobs):
    """Keeps bytes in files, so that only what the codec holds is in memory."""

    def __init__(self, folder: Path):
        self.folder = folder

    def has(self, sha256):
        return (self.folder / sha256).exists()

    def _put(self, chunks):
        digest, size = hashlib.sha256(), 0
        unnamed = self.folder / "unnamed"
        with unnamed.open("wb") as file:
            for chunk in chunks:
                digest.update(chunk)
                size += file.write(chunk)
        unnamed.rename(self.folder / digest.hexdigest())
        return BlobRef(sha256=digest.hexdigest(), size_bytes=size)

    def _open(self, sha256):
        return (self.folder / sha256).open("rb")


@pytest.fixture
def vectors() -> Path:
    return VECTORS


@pytest.fixture
def blobs() -> MemoryBlobs:
    return MemoryBlobs()


@pytest.fixture
def folder_blobs(tmp_path) -> FolderBlobs:
    return FolderBlobs(tmp_path)


@pytest.fixture
def example() -> str:
    """A complete document packet."""
    return (VECTORS / "edxml/examples/edoc_example.edxml").read_text("utf-8")


@pytest.fixture
def status_example() -> str:
    return (VECTORS / "edxml/examples/status_example_03.edxml").read_text("utf-8")


@pytest.fixture
def read(blobs) -> Callable[..., Packet]:
    """Reads a packet given as text or bytes."""

    def reading(packet: str | bytes, limits=EDXML_LIMITS) -> Packet:
        content = packet.encode("utf-8") if isinstance(packet, str) else packet
        read_packet = read_document([content], blobs, limits)
        told = [warning.message_vi for warning in read_packet.record.warnings]
        assert not [message for message in told if "{" in message], "a sentence with an unfilled place"
        return read_packet

    return reading


@pytest.fixture
def changed(example) -> Callable[[str, str], str]:
    """The example with one thing replaced; fails when there is nothing to replace."""

    def change(old: str, new: str) -> str:
        assert old in example, f"the example holds no {old!r}"
        return example.replace(old, new, 1)

    return change
