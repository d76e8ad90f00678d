import itertools
import logging
from collections.abc import Iterator

import pytest
import requests

from ebrvt_connect.store.blobs_s3 import S3Place
from tests.integration.engine.bench import Bench
from tests.integration.engine.databases import EITHER, made

_NUMBERS = itertools.count(1)


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


@pytest.fixture(scope="session")
def s3_server():
    """A real HTTP server that speaks S3, on loopback."""
    from moto.server import ThreadedMotoServer  # its import takes a second

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_place(s3_server):
    """A bucket of its own."""
    place = S3Place(
        endpoint=s3_server,
        bucket=f"bucket-{next(_NUMBERS)}",
        prefix="tinh/",
        region="us-east-1",
        access_key="name",
        secret_key="secret",
        connect_timeout=30.0,
        read_timeout=60.0,
        tries=1,
    )
    requests.put(f"{s3_server}/{place.bucket}", timeout=10).raise_for_status()
    return place
