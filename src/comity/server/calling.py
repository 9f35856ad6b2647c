"""One address for each row of the table of operations: POST its request as JSON, get its answer."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final, TypeVar

import msgspec
from anyio import CapacityLimiter, to_thread
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from comity import limits, operations
from comity.errors import Conflict, InvalidRequest, Refused
from comity.model.decisions import Decision
from comity.operations import BY_NAME, OPERATIONS, Operation, Request
from comity.server.bodies import as_request, object_of, read_body
from comity.server.hosting import Hosted, Hosts
from comity.server.problems import MEDIA as PROBLEM
from comity.server.problems import Failure, problem_of, status_of
from comity.verbs.proposing import CHANGES, proposal_of
from comity.workspace.session import Session

T = TypeVar("T")

JSON: Final = "application/json"
KEY_HEADER: Final = "idempotency-key"
ATTENDED_HEADER: Final = "Comity-Attended"
_OF_A_REVISION: Final = (Decision, operations.RecordAnswer, operations.RecordsAnswer, operations.CountAnswer)
SERVED: Final[tuple[Operation, ...]] = tuple(one for one in OPERATIONS if "http" in one.surfaces)
_SINGLE: Final = CHANGES.keys() - {operations.Offer}
"""The requests that stand for one proposal: they go to the lane without a thread of their own."""
_WAITING: Final = frozenset(
    {operations.Wait, operations.Start, operations.TakeLease, operations.ReadFeed, operations.Consume}
)
"""The requests that may wait for something to happen."""


class Calls:
    """Answer requests of the table, so many at a time."""

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts
        self._workers = CapacityLimiter(limits.SERVED_WORKERS)
        self._waiters = CapacityLimiter(limits.SERVED_WAITING)

    async def endpoint(self, http: HttpRequest) -> Response:
        """Answer one request of an operation named in the address."""
        operation = operation_named(http.path_params["operation"])
        hosted, session = await self._hosts.admit(http, operation.permission)
        settings = self._hosts.settings
        found = object_of(await read_body(http, settings.body_bytes, settings.request_s))
        request = _understood(operation, found, http.headers)
        answer = await self.answer(hosted, session, request)
        return answered(answer, headers=_attended(session, answer))

    async def answer(self, hosted: Hosted, session: Session, request: Request) -> Any:
        """Return the answer to a request; raises what its verb raises."""
        if isinstance(request, operations.Propose):
            return await session.propose_async(request.proposal, dry=request.dry)
        if type(request) in _SINGLE and isinstance(request, operations.Write):
            proposal = proposal_of(request, request.id or session.make_id())
            dry = isinstance(request, operations.Check)
            return await session.propose_async(proposal, is_new=request.id is None, dry=dry)
        if type(request) in _WAITING:
            return await self._waited(partial(session.call, request))
        return await self.worked(partial(session.call, request))

    async def worked(self, work: partial[T]) -> T:
        """Return what a piece of work returns, done in a thread as soon as one is free."""
        return await to_thread.run_sync(work, limiter=self._workers)

    async def _waited(self, work: partial[T]) -> T:
        if self._waiters.available_tokens < 1:
            raise Failure(503, "too_many_waiting", f"{limits.SERVED_WAITING} requests wait already", retry="same")
        return await to_thread.run_sync(work, limiter=self._waiters, abandon_on_cancel=True)


def _attended(session: Session, answer: Any) -> dict[str, str]:
    """Return the header that says whether anybody may be active on any record, as of an answer's revision.

    Where nobody is, a client needn't ask for the news of records that it has just begun to look at.
    """
    if not isinstance(answer, _OF_A_REVISION):
        return {}
    return {ATTENDED_HEADER: "1" if session.is_attended(answer.revision) else "0"}


def operation_named(name: str) -> Operation:
    """Return a row by its name; raises Failure with 404 for none, or one that isn't served."""
    operation = BY_NAME.get(name)
    if operation is None or "http" not in operation.surfaces:
        raise Failure(404, "not_found", f"there is no operation {name[:64]!r}: /openapi.json lists them")
    return operation


def _understood(operation: Operation, found: dict[str, Any], headers: Mapping[str, str]) -> Request:
    key = headers.get(KEY_HEADER)
    if key is not None:
        _take_id(operation, found, key)
    return as_request(found, operation.request)


def _take_id(operation: Operation, found: dict[str, Any], key: str) -> None:
    """Have a request carry the id that the header names (S7); raises InvalidRequest where it has another one."""
    place = found
    if operation.request is operations.Propose:
        proposal = found.get("proposal")
        if not isinstance(proposal, dict):
            return
        place = proposal
    elif "id" not in operation.request.__struct_fields__:
        raise InvalidRequest(f"Idempotency-Key: {operation.name} takes none")
    if place.setdefault("id", key) != key:
        raise InvalidRequest("Idempotency-Key: the body has another id; leave one of the two out")


def answered(answer: Any, *, conflict: int = 409, headers: Mapping[str, str] | None = None) -> Response:
    """Return the response that an answer is; a decision that didn't let pass is a problem."""
    sent = dict(headers or {})
    if not isinstance(answer, Decision):
        return Response(msgspec.json.encode(answer), 200, sent, JSON)
    status = status_of(answer, conflict=conflict)
    if status in (200, 202):
        return Response(msgspec.json.encode(answer), status, sent, JSON)
    refusal = Conflict(answer) if answer.is_conflict else Refused(answer)
    problem = problem_of(refusal, conflict=conflict)
    return Response(msgspec.json.encode(problem), status, sent, PROBLEM)
