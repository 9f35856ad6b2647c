"""Where a workspace is kept, as its url says, and which store opens it there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

from comity.clock import Clock, SystemClock
from comity.errors import InvalidRequest, StoreUnsupported
from comity.model.ids import Entropy
from comity.store.contract import DEFAULT_WORKSPACE, Store
from comity.store.sqlite import SqliteStore
from comity.store.sqlite.opening import is_base, steps_left_in

if TYPE_CHECKING:
    from comity.store.postgres import PostgresStore

DATABASES: Final = ("postgresql", "postgres")
"""The schemes of URLs that name a PostgreSQL database, as libpq has them."""


class Place(NamedTuple):
    """Be a store that was opened, the clock that its time goes by, and its url as it may be shown."""

    store: Store
    clock: Clock
    url: str


def open_place(url: str, *, clock: Clock | None, entropy: Entropy) -> Place:
    """Open what a url names, or make it. Without a clock time is the machine's, in a database the database's.

    Raises InvalidRequest for a url that can't be opened, StoreUnsupported where an extra is missing.
    """
    if is_database(url):
        store = _postgres().open(url, clock=clock, entropy=entropy)
        return Place(store, store.clock, shown(url))
    file = file_of(url)
    clock = clock or SystemClock()
    return Place(SqliteStore.open(str(file), clock=clock, entropy=entropy), clock, url)


def is_database(url: str) -> bool:
    """Tell whether a url names a database on a server, and not a file."""
    return url.partition("://")[0] in DATABASES


def workspace_of(url: str) -> str:
    """Return what the workspace of a url is called in its database.

    >>> workspace_of("postgresql://db.example/crm?workspace=eu"), workspace_of("postgresql://db.example/crm")
    ('eu', 'main')
    """
    return parse_qs(urlsplit(url).query).get("workspace", [DEFAULT_WORKSPACE])[0]


def is_there(url: str) -> bool:
    """Tell whether there is a workspace at a url; nothing is made. Raises as :func:`open_place` does."""
    return _postgres().is_there(url) if is_database(url) else is_base(file_of(url))


def steps_left(url: str) -> list[str]:
    """Return the names of the steps that a workspace's schema has yet to take; nothing is changed.

    Raises as :func:`open_place` does, and StoreUnsupported for a schema of a later version.
    """
    left = _postgres().steps_left(url) if is_database(url) else steps_left_in(file_of(url))
    return [f"{step.number:04} {step.name}" for step in left]


def bring_up_to_date(url: str) -> None:
    """Take the steps that are left. Raises as :func:`open_place` does."""
    open_place(url, clock=None, entropy=os.urandom).store.close()


def shown(url: str) -> str:
    """Return a url fit to be shown: without its password.

    >>> shown("postgresql://ann:secret@db.example/crm?workspace=eu&password=x")
    'postgresql://ann@db.example/crm?workspace=eu'
    """
    scheme, is_url, rest = url.partition("://")
    if not is_url:
        return url
    server, _, options = rest.partition("?")
    user, at, place = server.rpartition("@")
    kept = "&".join(option for option in options.split("&") if "password" not in option.partition("=")[0])
    return f"{scheme}://{user.partition(':')[0]}{at}{place}{'?' if kept else ''}{kept}"


def file_of(url: str) -> Path:
    """Return the file that a workspace's url names; raises InvalidRequest for one that can't be opened."""
    scheme, colon, rest = url.partition("://")
    if colon and scheme == "sqlite":
        return Path(rest.removeprefix("/"))
    if colon and scheme in DATABASES:
        raise InvalidRequest(f"{scheme}:// names a database, and this works on a file: give the path of one")
    if colon:
        raise InvalidRequest(
            f"{scheme[:40]}:// can't be opened by this version: give the path of an SQLite file, or postgresql://…"
        )
    if "\0" in url:
        raise InvalidRequest("a path may not hold U+0000")
    # Path.expanduser raises for a user who isn't there.
    return Path(os.path.expanduser(url))


def _postgres() -> type[PostgresStore]:
    try:
        from comity.store.postgres import PostgresStore  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        if (error.name or "").startswith("comity"):
            raise
        raise StoreUnsupported(
            f"a database is opened by the extra 'postgres': pip install 'comity[postgres]' ({error})"
        ) from error
    return PostgresStore
