"""Copying a workspace: from a file to a server and back."""

from __future__ import annotations

import os
from contextlib import closing

from comity.clock import Clock
from comity.errors import NotFound
from comity.operations import CopyAnswer
from comity.store.contract import Store
from comity.store.places import is_there, open_place, shown
from comity.verbs import transfer
from comity.verbs.engine import Progress
from comity.workspace.files import AnyPath, path_of


def copy(
    source: AnyPath, target: AnyPath, *, clock: Clock | None = None, progress: Progress | None = None
) -> CopyAnswer:
    """Copy a workspace, with its whole history, to another place, and verify the copy.

    Both are named as for :func:`comity.open`. The target must be empty, or the beginning of
    the same copy that was broken off: it goes on from there, and can't be opened before it
    is whole. The source may be in use; whoever moves stops its writers first, as what is
    committed after the copy isn't in it. The copy is a life of its own (S1): what was held
    under a lease must be acquired anew, and effects that were pending are suspect until a
    person has looked. ``progress`` is told how much is done, of how much.

    Raises NotFound where there is no source, InvalidRequest for a target that holds anything
    else, StoreDamaged where the copy doesn't verify.

    >>> import comity, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> with comity.open(f"{folder}/crm.db") as ws:
    ...     _ = ws.agent("sales").put("customer/acme", status="active")
    >>> comity.copy(f"{folder}/crm.db", f"{folder}/copy.db").commits
    1
    >>> with comity.open(f"{folder}/copy.db") as ws:
    ...     print(ws.get("customer/acme").status)
    active
    """
    from_url, to_url = path_of("source", source), path_of("target", target)
    if not is_there(from_url):
        raise NotFound(f"there is no workspace {shown(from_url)!r} to copy")
    with closing(_store_at(from_url, clock)) as from_, closing(_store_at(to_url, clock)) as to:
        return transfer.copy(from_, to, progress)


def _store_at(url: str, clock: Clock | None) -> Store:
    return open_place(url, clock=clock, entropy=os.urandom).store
