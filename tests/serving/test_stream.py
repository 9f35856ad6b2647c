"""The feed as server-sent events: in order, complete, resumable, bounded, ended with the server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx2

from tests.serving.conftest import Serve, Served


def events(answer: httpx2.Response) -> Iterator[tuple[str, str, Any]]:
    """Yield id, sort and data of each event that comes."""
    found: dict[str, str] = {}
    for line in answer.iter_lines():
        if line:
            name, _, value = line.partition(": ")
            found[name] = value
        elif found:
            yield found["id"], found["event"], json.loads(found["data"])
            found = {}


def put(served: Served, number: int) -> None:
    with served.client("sales") as sales:
        sales.put(f"records/customer/c{number}", json={"orders": number}, headers={"If-None-Match": "*"})


def test_a_stream_gives_every_commit_in_order_and_goes_on_behind_the_last_event(serve: Serve) -> None:
    served = serve(dev=True)
    for number in range(3):
        put(served, number)
    with served.client("support") as support:
        with support.stream("GET", "feed", params={"after": "start", "kind": "customer"}) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            stream = events(answer)
            first = [next(stream) for _ in range(3)]
            assert [item["events"][0]["record"] for _, _, item in first] == [f"customer/c{n}" for n in range(3)]
            put(served, 3)
            commits = (one for one in stream if one[1] == "commit")
            assert next(commits)[2]["events"][0]["record"] == "customer/c3"
        put(served, 4)
        with support.stream("GET", "feed", headers={"Last-Event-ID": first[1][0]}) as answer:
            commits = (one for one in events(answer) if one[1] == "commit")
            records = [next(commits)[2]["events"][0]["record"] for _ in range(3)]
            assert records == ["customer/c2", "customer/c3", "customer/c4"]


def test_a_stream_that_waits_says_at_once_how_far_it_is(serve: Serve) -> None:
    served = serve(dev=True)
    with served.client("support") as support, support.stream("GET", "feed") as answer:
        cursor, sort, data = next(events(answer))
        assert (sort, data["left"]) == ("mark", 0)
        assert cursor.endswith(":1")


def test_a_cursor_of_another_base_and_a_wrong_name_are_refused_before_the_stream(serve: Serve) -> None:
    with serve(dev=True).client("support") as support:
        assert support.get("feed", headers={"Last-Event-ID": "other:3"}).status_code == 410
        assert support.get("feed", params={"knid": "x"}).status_code == 400
        assert support.get("feed", params={"kind": "custmer"}).status_code == 404


def test_streams_are_bounded_and_a_closed_one_makes_room(serve: Serve) -> None:
    served = serve(dev=True, streams=1)
    with served.client("support") as support, served.client("sales") as sales:
        with support.stream("GET", "feed") as answer:
            stream = events(answer)  # Dropping it would close the stream.
            next(stream)
            assert sales.get("feed").status_code == 503
        put(served, 1)
        for _ in range(200):
            with sales.stream("GET", "feed") as other:
                if other.status_code == 200:
                    return
            put(served, 2)
    raise AssertionError("the place of a closed stream was never free")


def test_a_server_that_ends_ends_its_streams(serve: Serve) -> None:
    served = serve(dev=True)
    ended = threading.Event()

    def follow() -> None:
        with served.client("support") as support, support.stream("GET", "feed") as answer:
            for _ in events(answer):
                served.server.should_exit = True
        ended.set()

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    assert ended.wait(20)
    thread.join()
