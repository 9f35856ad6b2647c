"""Consuming in an event loop: a named reader of the feed, whose reading and acknowledging block nobody."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final, Self

from comity.operations import ConsumerAnswer, FeedItem
from comity.workspace.feeding import Consumer

_BITE_S: Final = 1.0
"""How long a thread is lent to wait for what comes next."""


class AsyncConsumer:
    """Be a reader of the feed whose place is kept under a name.

    ``async for item in consumer: await consumer.ack(item)``. It promises what a :class:`Consumer`
    does. While it waits it takes a thread of the loop's pool.
    """

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer

    @property
    def name(self) -> str:
        """Return the name under which its place is kept."""
        return self._consumer.name

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> FeedItem:
        while (item := self._consumer.ready()) is None:
            if not await asyncio.to_thread(self._consumer.read_on, _BITE_S):
                raise StopAsyncIteration
        return item

    async def ack(self, item: FeedItem | str) -> ConsumerAnswer:
        """Acknowledge an item, or a cursor, and all before it: none of them is read again.

        Raises ConsumerTaken where another reads by now.
        """
        return await asyncio.to_thread(self._consumer.ack, item)

    async def close(self) -> None:
        """Leave: another may read on at once, behind what was acknowledged."""
        await asyncio.to_thread(self._consumer.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, error: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()
