from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.integration.engine.bench import Bench
from tests.integration.engine.databases import EITHER, made


@pytest.fixture(params=EITHER)
def store_url(request, tmp_path) -> Iterator[str]:
    """Where a store may lie; the test runs once for each database."""
    with made(request.param, tmp_path, request) as url:
        yield url


@pytest.fixture
def bench_with(store_url) -> Iterator[Callable[..., Bench]]:
    """Makes the test's bench, with settings by keyword."""
    benches: list[Bench] = []

    def make(**settings: Any) -> Bench:
        benches.append(Bench(store_url, **settings))
        return benches[-1]

    yield make
    for bench in benches:
        bench.close()


@pytest.fixture
def bench(bench_with) -> Bench:
    return bench_with()
