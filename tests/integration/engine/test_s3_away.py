"""A bucket whose server goes away: everything pauses, nothing is lost, and it goes on by itself."""

import logging
from dataclasses import replace
from datetime import timedelta

import pytest
import requests

from ebrvt_connect.engine.engine import Engine
from ebrvt_connect.model.message import State
from ebrvt_connect.store.blobs_s3 import S3Blobs, S3Place
from ebrvt_connect.store.collecting import check, references
from ebrvt_connect.store.ledger import Ledger
from ebrvt_connect.transport.clock import SystemClock
from tests.integration.engine.bench import FAST, OUT
from tests.integration.engine.crashing_daemon import DurableRemote
from tests.integration.engine.test_engine import until
from tests.integration.engine.test_kill import assert_nothing_lost_or_doubled

ITEMS = 12


@pytest.fixture
def server():
    """Starts an S3 server, again and again on the same port; what it keeps outlives it."""
    from moto.server import ThreadedMotoServer  # its import takes a second

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    running = []

    def start(port=0):
        running.append(ThreadedMotoServer("127.0.0.1", port, verbose=False))
        running[-1].start()
        return running[-1]

    yield start
    for made in running:
        made.stop()


def test_a_server_that_goes_away_and_comes_back_costs_nothing(server, tmp_path):
    first = server()
    host, port = first.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    requests.put(f"{endpoint}/province", timeout=10).raise_for_status()
    place = S3Place(
        endpoint=endpoint, bucket="province", region="us-east-1", access_key="a", secret_key="b", tries=1
    )
    first.stop()
    clock, blobs = SystemClock(), S3Blobs(place)
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.db", clock.now())
    systems = {name: DurableRemote(name, tmp_path, blobs, ITEMS) for name in ("dms", "axis")}
    engine = Engine(ledger, systems, [OUT], {}, replace(FAST, drains=2), clock)
    engine.start()
    try:
        until(lambda: engine.trouble() is not None, 60)
        assert engine.trouble().code == "BLOB_STORE_AWAY"
        assert {state for states in ledger.counts().values() for state in states} <= {State.RECEIVED}
        server(port)
        assert engine.run_until_settled(timedelta(seconds=60))
        assert list(check(blobs, references(ledger.database))) == []
    finally:
        engine.stop()
        for system in systems.values():
            system.close()
        ledger.close()
    (tmp_path / "daemon.log").write_text("")
    assert_nothing_lost_or_doubled(tmp_path, ITEMS)
