"""Opening a workspace wherever it is: a file, a database, or a server that has it open.

It is the one place that knows both what a workspace of this process is and what one of a
server's; the handles know neither.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import overload

from comity import limits
from comity.clock import Clock
from comity.errors import InvalidRequest, NotPermitted
from comity.model.ids import Entropy
from comity.remote import Address, RemoteSession
from comity.remote.address import SCHEMES
from comity.remote.session import Link
from comity.verbs.identity import os_user
from comity.workspace import Agent, AsyncAgent, Workspace
from comity.workspace import open as open_embedded
from comity.workspace.asking import Asking
from comity.workspace.changes import check_text
from comity.workspace.closing import Closing
from comity.workspace.files import AnyPath
from comity.workspace.session import Session


class RemoteWorkspace(Asking, Closing):
    """Be one workspace that a server has open: the same handles, asked over HTTP.

    What is asked of it directly is asked by whoever's the key is, or by the agent named.
    Functions of this process deliver effects only where a workspace is open in this process:
    ``handle`` and ``gated`` are of :class:`Workspace` alone. Close it when done, or use it as
    a context manager.
    """

    def __init__(self, address: Address, *, key: str | None, agent: str | None, timeout_s: float) -> None:
        self._address = address
        self._key = key
        self._link = Link(address, timeout_s)
        try:
            self._session = RemoteSession(self._link, agent or (None if key else os_user().agent), key)
            self._check_name(agent)
        except BaseException:
            self.close()
            raise

    @property
    def url(self) -> str:
        """Return where it is served."""
        return str(self._address)

    @property
    def revision(self) -> int:
        """Return the number of the last commit."""
        return self._session.revision()

    def __repr__(self) -> str:
        return f"<RemoteWorkspace {self.url}>"

    def agent(self, name: str, *, key: str | None = None) -> Agent:
        """Return a handle to act as an agent.

        Its key is shown, or else the one that the workspace was opened with, which must be its.
        Raises UnknownAgent where agents are declared and this one isn't; NotPermitted for a wrong key.
        """
        return Agent(self._session_of(name, key))

    def async_agent(self, name: str, *, key: str | None = None) -> AsyncAgent:
        """Return a handle to act as an agent in an event loop. Make it outside of one: it asks who it is."""
        return AsyncAgent(self._session_of(name, key))

    def session(self, name: str | None = None, *, key: str | None = None) -> Session:
        """Return what answers requests on behalf of an agent: the one named, or whoever's the key is."""
        if name is not None:
            return self._session_of(name, key)
        return self._session if key is None else RemoteSession(self._link, None, key)

    def _session_of(self, name: str, key: str | None) -> RemoteSession:
        check_text("agent", name)
        if key is not None:
            check_text("key", key)
        session = RemoteSession(self._link, name, key or self._key)
        if session.caller.agent != name:
            raise NotPermitted(f"this key is not that of {name}: show theirs, as agent({name!r}, key=…)")
        return session

    def _check_name(self, agent: str | None) -> None:
        if agent is not None and self._session.caller.agent != agent:
            raise NotPermitted(f"this key is not that of {agent}")

    def close(self) -> None:
        """Close the connections, and end what is followed. A second call does nothing."""
        self._link.close()


@overload
def open(
    url: AnyPath,
    *,
    definition: AnyPath | None = None,
    require: bool = False,
    duties: bool = False,
    clock: Clock | None = None,
    entropy: Entropy = os.urandom,
) -> Workspace: ...
@overload
def open(url: str, *, key: str, agent: str | None = None, timeout_s: float = ...) -> RemoteWorkspace: ...
@overload
def open(url: str, *, agent: str, timeout_s: float = ...) -> RemoteWorkspace: ...
def open(
    url: AnyPath,
    *,
    definition: AnyPath | None = None,
    require: bool = False,
    duties: bool = False,
    clock: Clock | None = None,
    entropy: Entropy = os.urandom,
    key: str | None = None,
    agent: str | None = None,
    timeout_s: float = limits.REMOTE_TIMEOUT_S,
) -> Workspace | RemoteWorkspace:
    """Open a workspace, making it if it is a file or a database and isn't there.

    ``url`` is the path of an SQLite file, as text or any ``os.PathLike``, the URL of a
    PostgreSQL database, as libpq has it, with ``workspace=`` and ``schema=`` among its options
    where others than ``main`` and ``comity`` are meant (that needs the extra ``postgres``), or
    the address of a workspace on a server, ``https://HOST/v1/WORKSPACE``.

    For a file or a database: ``definition`` is the path of a TOML file: it is applied to an
    empty workspace; where the workspace has another one already, that one stays in force and a
    warning says so, or DefinitionChanged is raised with ``require`` (S26). Raises
    InvalidDefinition with every problem of the file, NotFound where there is no such file. With
    ``duties`` this process does in a thread what is due by itself: it releases those whose turn
    has come, and tells what has expired; SecretMissing warns of a webhook whose secret isn't in
    the environment. ``clock`` and ``entropy`` are for tests.

    For a server: ``key`` proves who asks; one started with ``--dev`` takes any ``agent`` for who
    it says it is. An answer may take ``timeout_s`` seconds. Returns a :class:`RemoteWorkspace`;
    raises NotPermitted for a key that isn't good, StoreUnavailable where nobody answers.

    >>> import comity, tempfile
    >>> with comity.open(tempfile.mkdtemp() + "/crm.db") as ws:
    ...     decision = ws.agent("sales").put("customer/acme", status="active")
    ...     print(decision.revision, ws.get("customer/acme").status)
    1 active
    """
    if isinstance(url, str) and url.startswith(SCHEMES):
        given = {"definition": definition, "require": require, "duties": duties, "clock": clock}
        _refuse(given, "the matter of the server that has this workspace open")
        return RemoteWorkspace(Address.of(url), key=key, agent=agent, timeout_s=timeout_s)
    _refuse({"key": key, "agent": agent}, "for the address of a server")
    return open_embedded(url, definition=definition, require=require, duties=duties, clock=clock, entropy=entropy)


def _refuse(options: Mapping[str, object], whose: str) -> None:
    for name, value in options.items():
        if value not in (None, False):
            raise InvalidRequest(f"{name}: that is {whose}")
