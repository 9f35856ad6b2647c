"""Opening a workspace."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from comity.clock import Clock
from comity.errors import DefinitionChanged, DefinitionDiffers, Refused, SecretMissing, StoreError, UnknownAgent
from comity.model import refs
from comity.model.ids import Entropy
from comity.model.proposals import Caller
from comity.model.texts import suggestion
from comity.operations import Apply, ApplyAnswer, EffectAnswer
from comity.store import places
from comity.verbs.enacting import check_source
from comity.verbs.engine import Engine
from comity.verbs.identity import authenticate, os_user
from comity.verbs.transfer import check_whole
from comity.workspace.agents import Agent, AsyncAgent
from comity.workspace.asking import Asking
from comity.workspace.changes import check_text
from comity.workspace.closing import Closing
from comity.workspace.effecting import AnEffect, Delivering, show_effect
from comity.workspace.files import AnyPath, path_of, read_source
from comity.workspace.gating import Gating
from comity.workspace.session import EmbeddedSession, Session, watch_forks


class Workspace(Asking, Delivering, Closing):
    """Be one open workspace. What is asked of it directly is asked by the operating system's user.

    Close it when done, or use it as a context manager.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._outbox = engine.outbox
        self._session = EmbeddedSession(engine, os_user())
        watch_forks(engine)

    @property
    def url(self) -> str:
        """Return where it is kept."""
        return self._engine.url

    @property
    def revision(self) -> int:
        """Return the number of the last commit."""
        with self._engine.store.snapshot() as snapshot:
            return snapshot.head.revision

    def __repr__(self) -> str:
        return f"<Workspace {self.url}>"

    def agent(self, name: str, *, key: str | None = None) -> Agent:
        """Return a handle to act as an agent.

        Humans need their key. Raises UnknownAgent, naming the nearest one, where agents are
        declared and this one isn't; NotPermitted for a wrong key.
        """
        return Agent(self._session_of(name, key))

    def async_agent(self, name: str, *, key: str | None = None) -> AsyncAgent:
        """Return a handle to act as an agent in an event loop."""
        return AsyncAgent(self._session_of(name, key))

    def session(self, name: str | None = None, *, key: str | None = None) -> Session:
        """Return what answers requests on behalf of an agent: the one named, or whoever's the key is.

        Without either it is the operating system's user. Surfaces that speak in requests
        build on it. Raises what :meth:`agent` does.
        """
        if name is not None:
            return self._session_of(name, key)
        if key is None:
            return self._session
        check_text("key", key)
        return EmbeddedSession(self._engine, authenticate(self._engine, None, key))

    def _session_of(self, name: str, key: str | None) -> EmbeddedSession:
        check_text("agent", name)
        if not refs.AGENT.match(name):
            raise UnknownAgent(f"{name[:64]!r} is no agent name: use letters, digits and _.:@-")
        if key is not None:
            check_text("key", key)
            return EmbeddedSession(self._engine, authenticate(self._engine, name, key))
        declared = self._engine.definition().agents
        if declared and name not in declared:
            hint = suggestion(refs.nearest(name, declared))
            raise UnknownAgent(f"{name!r} is no declared agent{hint or '.'} Declared: {', '.join(sorted(declared))}.")
        return EmbeddedSession(self._engine, Caller(name))

    def gated(
        self,
        *,
        agent: str | Agent | None = None,
        effect: str | None = None,
        action: str | None = None,
        reads: str | Sequence[str] = (),
        requires: str | None = None,
        affects: str | Sequence[str] = (),
        target: str | None = None,
        once: str | None = None,
        hold: str | None = None,
        reason: str | None = None,
    ) -> Gating:
        """Gate a plain function: each call is decided first, and is an effect, done at once or after its ``hold``.

        Texts may name the function's parameters, as ``customer/{customer}``. ``reads`` are the
        records, or fields of records, that a call rests on; ``requires`` is a CEL condition that
        must hold when it is decided and when it is released; ``affects`` are the records that it
        is about, the first of them its ``target`` unless one is named. Calls with the same
        ``once`` are done only once; unless it is given each call is one of its own. ``effect``
        is the function's name unless given. A call returns an :class:`Outcome`, whatever
        happened, and its text is fit for a model. An asynchronous function stays one.

        >>> import comity, tempfile
        >>> ws = comity.open(tempfile.mkdtemp() + "/crm.db")
        >>> _ = ws.agent("support").put("customer/acme", status="at_risk")
        >>> @ws.gated(agent="sales", affects="customer/{customer}", requires="customer.status == 'active'")
        ... def send_upsell(customer: str, text: str) -> str:
        ...     return f"sent {text} to {customer}"
        >>> send_upsell("acme", "Time for more!").happened
        'refused'
        >>> ws.close()
        """
        terms = {"action": action, "requires": requires, "target": target, "once": once, "hold": hold, "reason": reason}
        return Gating(self, self._engine.outbox, agent, effect, reads, affects, terms)

    def effect(self, effect: AnEffect) -> EffectAnswer:
        """Return what became of an effect; raises NotFound for one that never was."""
        return show_effect(self._session, effect)

    def settle(self, path: AnyPath, *, require: bool = False) -> None:
        """Apply a definition to an empty workspace; where it has another one, warn, or raise (S26)."""
        source, name = read_source(path)
        if self.revision == 0 and self._is_first(Apply(source=source, origin=name, replaces=0)):
            return
        stored = self.definition()
        if stored.source == source:
            return
        message = (
            f"{name} differs from the definition in {self.url} (version {stored.number}),"
            f" which stays in force: apply it with 'comity apply {name}'"
        )
        if require:
            raise DefinitionChanged(message)
        warnings.warn(message, DefinitionDiffers, stacklevel=4)

    def _is_first(self, request: Apply) -> bool:
        """Tell whether a definition was applied, and not one that another process was applying at the same time."""
        answer: ApplyAnswer = self._session.call(request)
        if answer.decision is None or answer.decision.is_committed:
            return True
        if all(finding.code == "definition.replaced" for finding in answer.decision.refusals):
            return False
        raise Refused(answer.decision)

    @property
    def steps_done(self) -> int:
        """Return how many steps of workflows this process has done, or undone."""
        return self._engine.workflows.steps

    def close(self) -> None:
        """Answer what waits and release the file. A second call does nothing."""
        self._engine.close()


def open(
    url: AnyPath,
    *,
    definition: AnyPath | None = None,
    require: bool = False,
    duties: bool = False,
    clock: Clock | None = None,
    entropy: Entropy = os.urandom,
) -> Workspace:
    """Open a workspace, making it if it isn't there.

    ``url`` is the path of an SQLite file, as text or any ``os.PathLike``, or the URL of a
    PostgreSQL database, as libpq has it, with ``workspace=`` and ``schema=`` among its options
    where others than ``main`` and ``comity`` are meant; that needs the extra ``postgres``.
    ``definition`` is the path of a TOML file: it is applied to an empty workspace; where the workspace has
    another one already, that one stays in force and a warning says so, or DefinitionChanged
    is raised with ``require`` (S26). Raises InvalidDefinition with every problem of the
    file, NotFound where there is no such file. With ``duties`` this process does in a thread
    what is due by itself: it releases those whose turn has come, and tells what has expired;
    SecretMissing warns of a webhook whose secret isn't in the environment.

    >>> import comity, tempfile
    >>> with comity.open(tempfile.mkdtemp() + "/crm.db") as ws:
    ...     decision = ws.agent("sales").put("customer/acme", status="active")
    ...     print(decision.revision, ws.get("customer/acme").status)
    1 active
    """
    if definition is not None and not places.is_there(path_of("url", url)):
        check_source(*read_source(definition))  # Before a file is made for what can't be in it.
    place = places.open_place(path_of("url", url), clock=clock, entropy=entropy)
    engine = Engine(place.store, place.url, place.clock, entropy)
    workspace = Workspace(engine)
    try:
        check_whole(place.store)
        with suppress(StoreError):  # It is tried again by duties, and by whoever opens next.
            engine.erasing.run()
        if definition is not None:
            workspace.settle(definition, require=require)
        if duties:
            engine.do_duties()
            for sentence in engine.outbox.unready():
                warnings.warn(sentence, SecretMissing, stacklevel=3)
    except BaseException:
        workspace.close()
        raise
    return workspace


def file_of(url: AnyPath) -> Path:
    """Return the file that a workspace's url names; raises InvalidRequest for one that names none."""
    return places.file_of(path_of("url", url))
