"""A province in memory whose evidence log is stamped by a real authority over loopback HTTP."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from ebrvt_connect.engine.proof import Patience, ProofKeeper
from ebrvt_connect.ops.proof_bundle import export
from ebrvt_connect.ops.proof_check import check
from ebrvt_connect.resilience.retry import Ladder
from ebrvt_connect.store.proof import ProofLog
from ebrvt_connect.transport.http import HttpSettings
from ebrvt_connect.transport.timestamp import TimestampClient, TimestampSettings
from tests.integration.cli.conftest import pki  # noqa: F401 - the same sandbox
from tests.integration.cli.signing.sign_samples import authority
from tests.integration.engine.bench import Bench
from tests.integration.engine.databases import EITHER, made

LADDER = Ladder((timedelta(minutes=1), timedelta(minutes=5)))


@pytest.fixture(params=EITHER)
def store_url(request, tmp_path) -> Iterator[str]:
    with made(request.param, tmp_path, request) as url:
        yield url


@pytest.fixture
def bench_at() -> Iterator[Callable[[str], Bench]]:
    benches: list[Bench] = []

    def make(url: str) -> Bench:
        benches.append(Bench(url))
        return benches[-1]

    yield make
    for bench in benches:
        bench.close()


@pytest.fixture
def bench(bench_at, store_url) -> Bench:
    return bench_at(store_url)


@pytest.fixture
def log(bench) -> ProofLog:
    return ProofLog(bench.ledger.database)


@pytest.fixture
def stamp(pki) -> Iterator[Callable[[bytes], bytes]]:  # noqa: F811
    """A real client asking a real authority over HTTP."""
    with ExitStack() as open_, authority(pki) as url:
        settings = TimestampSettings(transport=HttpSettings(url=url.removesuffix("/tsa")), path="/tsa")
        yield open_.enter_context(TimestampClient.opened(settings)).token_for


def keeper_of(bench: Bench, stamp: Callable[[bytes], bytes] | None) -> ProofKeeper:
    patience = Patience(every=timedelta(hours=1), ladder=LADDER, jitter=lambda most: most)
    return ProofKeeper(ProofLog(bench.ledger.database), stamp, bench.clock, patience)


@dataclass(frozen=True)
class Verdicts:
    """What both checkers say."""

    program: int
    shell: int
    codes: frozenset[str]
    out: str

    @property
    def agreed(self) -> int:
        assert self.program == self.shell, (self.codes, self.out)
        return self.program


def program_says(bundle: Path, roots: bytes | None = None) -> tuple[int, frozenset[str]]:
    report = check(bundle, roots)
    return 1 if report.wrong else 2 if report.open else 0, frozenset(f.code for f in report.findings)


def both_say(bundle: Path, roots: Path | None = None) -> Verdicts:
    program, codes = program_says(bundle, roots.read_bytes() if roots else None)
    command = ["/bin/sh", str(bundle / "check.sh"), *([str(roots)] if roots else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return Verdicts(program, done.returncode, codes, done.stdout + done.stderr)


@pytest.fixture
def roots(pki, tmp_path) -> Path:  # noqa: F811
    anchors = {anchor.certificate for anchor in pki.trust_store().for_timestamps}
    path = tmp_path / "roots.pem"
    path.write_bytes(b"".join(sorted(c.public_bytes(Encoding.PEM) for c in anchors)))
    return path


@pytest.fixture
def exported(tmp_path, roots) -> Callable[[Bench, str], Path]:
    def write(bench: Bench, code: str) -> Path:
        out = tmp_path / "bang-chung"
        shutil.rmtree(out, ignore_errors=True)
        stories = list(bench.ledger.stories(code))
        export(ProofLog(bench.ledger.database), bench.blobs, stories, roots.read_bytes(), out)
        return out

    return write
