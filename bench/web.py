"""What the service is measured beside: an endpoint that does nothing, and one that commits by hand.

``python -m bench.web nothing|by_hand DATABASE`` serves one of them with the same stack as
Comity (uvicorn, Starlette, msgspec) on a free port, and prints which.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import msgspec
import uvicorn
from anyio import to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.by_hand import ByHand, Stale
from comity.server.serving import listen
from comity.server.settings import Settings

JSON = "application/json"


class Change(msgspec.Struct):
    """Be what is sent: the versions that were read, and one field's new value."""

    reads: dict[str, int]
    ref: str
    field: str
    value: str
    reason: str


async def nothing(request: Request) -> Response:
    """Understand what was sent, and answer."""
    msgspec.json.decode(await request.body())
    return Response(b'{"ok":true}', media_type=JSON)


def by_hand(path: Path) -> Starlette:
    """Return an application that makes each change in a transaction of its own, in threads with a connection each."""
    own = threading.local()

    def commit(change: Change) -> int:
        if not hasattr(own, "connection"):
            own.connection = ByHand(path)
        try:
            own.connection.commit(
                "support", change.reads, change.ref, change.field, change.value, _may, "StatusChanged", change.reason
            )
        except Stale:
            return 409
        return 200

    async def endpoint(request: Request) -> Response:
        change = msgspec.json.decode(await request.body(), type=Change)
        return Response(b'{"ok":true}', await to_thread.run_sync(commit, change), media_type=JSON)

    return Starlette(routes=[Route("/", endpoint, methods=["POST"])])


def _may(before: dict[str, object], after: dict[str, object]) -> bool:
    return before["status"] != "churned" or after["status"] == "churned"


def main(what: str, database: str) -> None:
    """Serve until killed."""
    app = by_hand(Path(database)) if what == "by_hand" else Starlette(routes=[Route("/", nothing, methods=["POST"])])
    listener = listen(Settings(port=0))
    print(msgspec.json.encode({"listening": f"http://127.0.0.1:{listener.getsockname()[1]}"}).decode(), flush=True)
    uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False)).run([listener])


if __name__ == "__main__":
    main(*sys.argv[1:])
