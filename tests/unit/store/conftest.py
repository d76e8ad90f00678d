from collections.abc import Iterator

import pytest

from tests.integration.engine.bench import Bench
from tests.integration.engine.databases import EITHER, made


@pytest.fixture(params=EITHER)
def store_url(request, tmp_path) -> Iterator[str]:
    """Where a store may lie; the test runs once for each database."""
    with made(request.param, tmp_path, request) as url:
        yield url


@pytest.fixture
def bench(store_url) -> Iterator[Bench]:
    made_bench = Bench(store_url)
    yield made_bench
    made_bench.close()


@pytest.fixture
def ledger(bench):
    return bench.ledger
