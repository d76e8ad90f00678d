"""The fault proxy between a client and a small server: each toxic does what its name says, and no more."""

import asyncio
import socket
import threading
import time

import pytest

from ebrvt_connect.testing.clock import FakeClock
from ebrvt_connect.testing.fault_proxy import FaultProxy
from ebrvt_connect.testing.toxics import (
    Bandwidth,
    Direction,
    Down,
    FaultPlan,
    Latency,
    LimitData,
    ResetPeer,
    Slicer,
    SlowClose,
    Spell,
    Timeout,
    any_toxic,
)

UP, DOWN = Direction.UPSTREAM, Direction.DOWNSTREAM
SOON = 60.0


@pytest.fixture(scope="module")
def remote():
    """Sends back what it gets, in capitals, until the client closes; `heard` is what reached it."""
    heard = []
    listening = socket.create_server(("127.0.0.1", 0))

    def serve(taken):
        with taken:
            try:
                while piece := taken.recv(65536):
                    heard.append(piece)
                    taken.sendall(piece.upper())
            except OSError:
                return

    def accept():
        while True:
            try:
                taken, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(taken,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    accept.url, accept.heard = f"http://127.0.0.1:{listening.getsockname()[1]}", heard
    yield accept
    listening.close()


@pytest.fixture
def proxy(remote):
    remote.heard.clear()
    with FaultProxy(remote.url, seed=17) as started:
        yield started


def connected(proxy):
    client = socket.create_connection(("127.0.0.1", proxy.port), timeout=SOON)
    client.settimeout(SOON)
    return client


def said(proxy, words=b"hello"):
    """What comes back for these words when the client closes its side."""
    with connected(proxy) as client:
        client.sendall(words)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65536), b""))


def seconds_for(client, words):
    begun = time.monotonic()
    client.sendall(words)
    assert client.recv(10) == words.upper()
    return time.monotonic() - begun


def test_without_a_toxic_everything_goes_through_both_ways(proxy):
    words = bytes(range(97, 123)) * 40_000
    assert said(proxy, words) == words.upper()
    assert proxy.journal == ()


def test_latency_lets_a_piece_wait(proxy):
    proxy.add(Latency(latency_seconds=0.1, jitter_seconds=0.02))
    begun = time.monotonic()
    assert said(proxy) == b"HELLO"
    assert time.monotonic() - begun >= 0.08


def test_bandwidth_is_kept_to(proxy):
    proxy.add(Bandwidth(bytes_per_second=1000))
    begun = time.monotonic()
    assert said(proxy, b"x" * 150) == b"X" * 150
    assert time.monotonic() - begun >= 0.14


def test_slices_are_as_small_as_asked_for_and_lose_nothing(proxy):
    proxy.add(Slicer(average_bytes=3, variation_bytes=2, delay_seconds=60), "one")
    with connected(proxy) as client:
        client.sendall(b"hello, somebody")
        assert 1 <= len(client.recv(65536)) <= 5
    proxy.remove("one")
    proxy.add(Slicer(average_bytes=3, variation_bytes=2, delay_seconds=0.001))
    assert said(proxy, b"hello, somebody") == b"HELLO, SOMEBODY"


def test_a_close_is_told_late(proxy):
    proxy.add(SlowClose(delay_seconds=0.1))
    begun = time.monotonic()
    assert said(proxy) == b"HELLO"
    assert time.monotonic() - begun >= 0.1


def test_a_close_held_back_is_told_once_the_toxic_is_gone(proxy):
    proxy.add(SlowClose(delay_seconds=60))
    with connected(proxy) as client:
        client.sendall(b"hello")
        client.shutdown(socket.SHUT_WR)
        assert client.recv(10) == b"HELLO"
        client.settimeout(0.05)
        with pytest.raises(TimeoutError):
            client.recv(10)
        proxy.remove("slow_close")
        client.settimeout(SOON)
        assert client.recv(10) == b""


def test_a_limit_lets_that_much_through_and_closes(proxy, remote):
    proxy.add(LimitData(limit_bytes=2))
    assert said(proxy) == b"HE"


def test_a_limit_on_the_way_up_lets_that_much_arrive(proxy, remote):
    proxy.add(LimitData(limit_bytes=3, direction=UP))
    said(proxy)
    deadline = time.monotonic() + SOON
    while b"".join(remote.heard) != b"hel":
        assert time.monotonic() < deadline


@pytest.mark.parametrize(("direction", "heard"), [(UP, b""), (DOWN, b"hello")])
def test_a_reset_is_a_reset_before_or_after_the_remote_has_heard(proxy, remote, direction, heard):
    proxy.add(ResetPeer(direction=direction))
    with connected(proxy) as client:
        client.sendall(b"hello")
        with pytest.raises(ConnectionResetError):
            client.recv(10)
    assert b"".join(remote.heard) == heard


def test_a_timeout_holds_back_and_closes_when_it_is_over_or_taken_away(proxy):
    proxy.add(Timeout(timeout_seconds=0.05), "short")
    assert said(proxy) == b""
    proxy.remove("short")
    proxy.add(Timeout())
    with connected(proxy) as client:
        client.sendall(b"hello")
        client.settimeout(0.05)
        with pytest.raises(TimeoutError):
            client.recv(10)
        proxy.remove("timeout")
        client.settimeout(SOON)
        assert client.recv(10) == b""


def test_down_refuses_and_cuts_and_up_again_is_the_same_port(proxy):
    with connected(proxy) as client:
        client.sendall(b"hello")
        assert client.recv(10) == b"HELLO"
        proxy.add(Down())
        with pytest.raises(ConnectionResetError):
            client.recv(10)
    with pytest.raises(ConnectionRefusedError):
        connected(proxy)
    assert proxy.toggle("down") is False
    assert said(proxy) == b"HELLO"
    assert proxy.toggle("down", on=True) is True
    with pytest.raises(ConnectionRefusedError):
        connected(proxy)


def test_a_toxic_added_later_meets_open_connections_and_taken_away_leaves_them(proxy):
    with connected(proxy) as client:
        for words in (b"one", b"two", b"three"):
            if words == b"two":
                proxy.add(Latency(latency_seconds=0.05))
            if words == b"three":
                proxy.remove("latency")
            # The quickest of several: on a busy machine any one may be late by itself.
            quickest = min(seconds_for(client, words) for _ in range(5))
            assert (quickest >= 0.05) is (words == b"two")
    assert [played.name for played in proxy.journal] == ["latency"]


def test_a_share_of_connections_is_met_and_the_same_ones_for_the_same_seed(remote):
    def met(seed):
        with FaultProxy(remote.url, seed=seed) as proxy:
            proxy.add(LimitData(toxicity=0.5))
            return [said(proxy) for _ in range(12)], proxy.story()

    first, again, other = met(5), met(5), met(6)
    assert first == again
    assert {b"", b"HELLO"} == set(first[0])
    assert first != other
    assert first[1].startswith("seed 5, connection ")


def test_a_plan_says_beforehand_whom_it_meets(remote):
    plan = FaultPlan(seed=3, toxics=(LimitData(), LimitData(limit_bytes=2)), share=0.5, numbered={2: Down()})
    wanted = {None: b"HELLO", LimitData(): b"", LimitData(limit_bytes=2): b"HE"}
    with FaultProxy(remote.url, plan=plan) as proxy:
        for number in range(10):
            if number == 2:
                with pytest.raises(ConnectionError):
                    said(proxy)
            else:
                assert said(proxy) == wanted[plan.at(number)]
        assert proxy.connections == 10
        assert [str(p) for p in proxy.journal] != []
    assert FaultPlan.model_validate_json(plan.model_dump_json()) == plan
    assert "seed 3, connection 2: down" in plan.listed(range(10))


def test_any_toxic_is_the_same_for_the_same_seed_and_all_kinds_turn_up():
    drawn = [any_toxic(seed, hold_seconds=1.0) for seed in range(200)]
    assert drawn == [any_toxic(seed, hold_seconds=1.0) for seed in range(200)]
    assert {toxic.type for toxic in drawn} == {
        *("latency", "bandwidth", "slow_close", "timeout", "slicer", "limit_data", "reset_peer", "down")
    }


def test_a_spell_comes_and_goes_by_the_clock(remote):
    clock = FakeClock()
    spell = Spell(since_seconds=60, until_seconds=90, toxic=LimitData())
    with FaultProxy(remote.url, plan=FaultPlan(spells=(spell,)), clock=clock) as proxy:
        answers = []
        for seconds in (0, 60, 30):
            clock.advance(seconds)
            answers.append(said(proxy))
    assert answers == [b"HELLO", b"", b"HELLO"]


def test_it_is_used_within_a_loop_too(remote):
    async def spoken():
        async with FaultProxy(remote.url) as proxy:
            proxy.add(Slicer(average_bytes=1))
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            writer.write(b"hello")
            answer = await reader.readexactly(5)
            proxy.add(Down())
            with pytest.raises(ConnectionError):
                await asyncio.open_connection("127.0.0.1", proxy.port)
            proxy.remove("down")
            writer.close()
            (reader, writer) = await asyncio.open_connection("127.0.0.1", proxy.port)
            writer.close()
            return answer

    assert asyncio.run(spoken()) == b"HELLO"


def test_it_leads_to_this_machine_only():
    for elsewhere in (
        "http://192.0.2.1:80",
        "http://example.vn:80",
        "http://127.0.0.1",
        "ftp://127.0.0.1:21",
    ):
        with pytest.raises(ValueError, match=r"this machine|expected http"):
            FaultProxy(elsewhere)


def test_a_connection_carries_no_more_than_allowed(remote):
    with FaultProxy(remote.url, most_bytes=1000) as proxy, pytest.raises(ConnectionError):
        said(proxy, b"x" * 100_000)


def test_a_connection_lasts_no_longer_than_allowed(remote):
    with FaultProxy(remote.url, most_seconds=0.05) as proxy:
        client = connected(proxy)
        with client, pytest.raises(ConnectionResetError):
            client.recv(10)


def test_a_connection_too_many_waits_until_another_is_over(remote):
    with FaultProxy(remote.url, most_connections=1) as proxy, connected(proxy) as first:
        first.sendall(b"one")
        assert first.recv(10) == b"ONE"
        with connected(proxy) as second:
            second.sendall(b"two")
            second.settimeout(0.05)
            with pytest.raises(TimeoutError):
                second.recv(10)
            first.close()
            second.settimeout(SOON)
            assert second.recv(10) == b"TWO"


def test_a_remote_that_is_away_cuts_the_connection():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        away = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with FaultProxy(away) as proxy, pytest.raises(ConnectionError):
            said(proxy)
