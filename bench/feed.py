"""The feed: how soon a commit is told, in its process and in another, and what it costs the commits.

By hand it is a thread, or a process, that asks every few milliseconds for the rows of the
audit table behind the last one it has seen. Latency is from the moment at which the commit
was acknowledged; a steady stream of commits is told to one who follows, and to a hundred.
"""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import comity
from bench.by_hand import ByHand
from bench.measuring import Pair, Row, Sample, Sizes, alternate, latency_rows, median, run_threads
from bench.scene import OTHER, Scene, scene

REF: Final = "customer/0"
POLL_S: Final = 0.005
SUBSCRIBERS: Final = 100
TICK_S: Final = 1e-6
"""What is seen before its committer has its answer counts as seen this soon after it."""
PACE_S: Final = 0.001
"""Between two commits of a steady stream: it makes a thousand a second, as far as the disk allows."""
SPAWN: Final = multiprocessing.get_context("spawn")
Stamps = dict[int, float]
"""When something was seen, by the revision, or the row, that it was."""


def measure(folder: Path, sizes: Sizes) -> Iterator[Row]:
    """Yield the rows: latency in one process and between two, then the rate of commits that are followed."""
    with scene(folder / "feed", 2) as place:
        for cell, follow in (("in one process", _threads), ("between processes", _processes)):
            yield from latency_rows("feed, one follower", cell, _latencies(place, sizes, follow, 1))
        cell = f"{SUBSCRIBERS} in one process"
        yield from latency_rows(f"feed, {SUBSCRIBERS} followers", cell, _latencies(place, sizes, _threads, SUBSCRIBERS))
        yield _rate_row(place, sizes)


# -- latency


class _Followers:
    """Be those who follow, in threads of this process or in another one: ``seen`` is when each commit was told."""

    def __init__(self, stop: Callable[[], list[Stamps]]) -> None:
        self.stop = stop


Follow = Callable[[Scene, int, bool, int], _Followers]
"""Have so many follow, our way or by hand, until so many commits were told."""


def _latencies(place: Scene, sizes: Sizes, follow: Follow, followers: int) -> list[Pair]:
    times = max(sizes.reads // 4, 20)
    return alternate(
        min(sizes.rounds, 3),
        lambda: _told(place, follow(place, times, True, followers), times, _ours(place)),
        lambda: _told(place, follow(place, times, False, 1), times, _by_hand(place)),
    )


def _told(place: Scene, followers: _Followers, times: int, commit: Callable[[], int]) -> Sample:
    """Return how long after each commit the followers were told, in a steady stream of commits."""
    begun, cpu = time.perf_counter(), time.process_time()
    acknowledged: Stamps = {}
    for number in range(times):
        key = commit()
        acknowledged[key] = time.perf_counter()
        time.sleep(max(begun + (number + 1) * PACE_S - acknowledged[key], 0))
    seen = followers.stop()
    late = tuple(tuple(max(stamps[key] - acknowledged[key], TICK_S) for key in acknowledged) for stamps in seen)
    seconds = time.perf_counter() - begun
    return Sample(late, tuple(map(len, late)), seconds, time.process_time() - cpu)


def _ours(place: Scene) -> Callable[[], int]:
    agent = place.workspace.agent("support")
    status = [agent.get(REF).status]

    def commit() -> int:
        was, status[0] = status[0], OTHER[status[0]]
        return agent.set(REF, status=status[0], was={"status": was}).revision

    return commit


def _by_hand(place: Scene) -> Callable[[], int]:
    hand = place.by_hand()

    def commit() -> int:
        hand.add(REF, "value", 1)
        return hand.history(REF, 1)[0][0]

    return commit


def _threads(place: Scene, times: int, ours: bool, followers: int) -> _Followers:
    if not ours:
        seen: Stamps = {}
        last = place.by_hand().history(REF, 1)
        thread = threading.Thread(target=_poll, args=(place.by_hand(), last[0][0] if last else 0, times, seen))
        thread.start()
        return _Followers(lambda: _joined(thread, seen))
    told: list[Stamps] = [{} for _ in range(followers)]
    is_done = threading.Semaphore(0)

    def taking(stamps: Stamps) -> Callable[[comity.FeedItem], None]:
        def take(item: comity.FeedItem) -> None:
            stamps[item.revision] = time.perf_counter()
            if len(stamps) == times:
                is_done.release()

        return take

    subscriptions = [place.workspace.subscribe(taking(stamps)) for stamps in told]

    def stop() -> list[Stamps]:
        for _ in subscriptions:  # Who began later may be told sooner: nobody is closed before all have been told.
            is_done.acquire()
        for subscription in subscriptions:
            subscription.close()
        return told

    return _Followers(stop)


def _joined(thread: threading.Thread, seen: Stamps) -> list[Stamps]:
    thread.join()
    return [seen]


def _poll(hand: ByHand, last: int, times: int, seen: Stamps) -> None:
    while len(seen) < times:
        for row in hand.changes_since(REF, last):
            last = row[0]
            seen[last] = time.perf_counter()
        time.sleep(POLL_S)
    hand.close()


def _processes(place: Scene, times: int, ours: bool, followers: int) -> _Followers:
    """Have one follow in a process of its own."""
    pipe, there = SPAWN.Pipe()
    process = SPAWN.Process(target=follow_elsewhere, args=(place.folder, times, ours, there))
    process.start()
    pipe.recv()

    def stop() -> list[Stamps]:
        seen: Stamps = pipe.recv()
        process.join()
        return [seen]

    return _Followers(stop)


def follow_elsewhere(folder: Path, times: int, ours: bool, pipe: Connection) -> None:
    """Follow until so many commits were told, and send when each was."""
    seen: Stamps = {}
    if ours:
        with comity.open(folder / "comity.db") as workspace, workspace.feed() as feed:
            pipe.send(None)
            for item in feed:
                seen[item.revision] = time.perf_counter()
                if len(seen) == times:
                    break
    else:
        hand = ByHand(folder / "by_hand.db")
        last = hand.history(REF, 1)
        pipe.send(None)
        _poll(hand, last[0][0] if last else 0, times, seen)
    pipe.send(seen)


# -- what it costs


def _rate_row(place: Scene, sizes: Sizes) -> Row:
    """Return how many commits a second one caller makes while a hundred follow, beside nobody following."""
    pairs = alternate(sizes.rounds, lambda: _followed(place, sizes), lambda: _alone(place, sizes))
    return Row(
        "commits that are followed",
        f"{SUBSCRIBERS} followers; beside: none",
        median([pair.ours.rate for pair in pairs]),
        median([pair.baseline.rate for pair in pairs]),
        "per s",
        median([pair.ratio for pair in pairs]),
        median([pair.p99_ratio for pair in pairs]),
        aim=0.8,
    )


def _alone(place: Scene, sizes: Sizes) -> Sample:
    return run_threads([_ours(place)], sizes.seconds)


def _followed(place: Scene, sizes: Sizes) -> Sample:
    with ExitStack() as stack:
        for _ in range(SUBSCRIBERS):
            stack.enter_context(place.workspace.subscribe(_take))
        return _alone(place, sizes)


def _take(item: comity.FeedItem) -> None:
    """Do nothing with an item."""
