"""Random bytes come in pieces, and none of them twice."""

from __future__ import annotations

import os
import threading

from comity.coordinator import EntropyPool


def test_pieces_are_asked_for_and_cut_up() -> None:
    asked: list[int] = []

    def source(size: int, /) -> bytes:
        asked.append(size)
        return bytes(range(size))

    pool = EntropyPool(source, 10)
    assert [pool(4), pool(4), pool(4), pool(20)] == [
        bytes(range(4)),
        bytes(range(4, 8)),
        bytes(range(4)),
        bytes(range(20)),
    ]
    assert asked == [10, 10, 20]


def test_threads_get_different_bytes() -> None:
    pool, given = EntropyPool(os.urandom, 64), list[bytes]()
    threads = [threading.Thread(target=lambda: given.extend(pool(16) for _ in range(500))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(given)) == 2000
