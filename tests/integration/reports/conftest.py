from collections.abc import Iterator

import pytest

from ebrvt_connect.model.dossier import Channel
from tests.integration.engine.databases import EITHER, made
from tests.integration.reports.desk_bench import ReportBench, document, dossier


@pytest.fixture(params=EITHER)
def store_url(request, tmp_path) -> Iterator[str]:
    """Where a store may lie; the test runs once for each database."""
    with made(request.param, tmp_path, request) as url:
        yield url


@pytest.fixture
def province(store_url) -> Iterator[ReportBench]:
    made_bench = ReportBench(store_url)
    yield made_bench
    made_bench.close()


@pytest.fixture
def over(province) -> ReportBench:
    """The quarter is over, with figures of one half."""
    province.flow(dossier(1), dossier(2, channel=Channel.DIRECT), document(1))
    province.close_period()
    return province
