"""Records as resources: read with an ETag, written with proof of what was seen."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from comity.errors import InvalidRequest
from comity.model.proposals import AnyChange, Delete, Proposal, Put, Read, Set
from comity.model.proposals import Create as CreateChange
from comity.operations import BY_NAME, Find, Get, RecordAnswer
from comity.server.bodies import object_of, read_body
from comity.server.calling import JSON, KEY_HEADER, Calls, answered
from comity.server.hosting import Hosts
from comity.server.problems import Failure
from comity.workspace.session import Session

SEEN_HEADER: Final = "comity-seen"
REASON_HEADER: Final = "comity-reason"
ACTION_HEADER: Final = "comity-action"
_TAG: Final = re.compile(r'"([A-Za-z0-9-]{1,64})\.([0-9]{1,18})"\Z')
_UNSEEN: Final = (
    "say what your change rests on: 'If-Match: <the ETag you got>' for the whole record,"
    " 'Comity-Seen: <its revision>' for the fields that you change, 'If-None-Match: *' to create it"
)


class Records:
    """Answer requests about single records, and searches of a kind."""

    def __init__(self, hosts: Hosts, calls: Calls) -> None:
        self._hosts = hosts
        self._calls = calls

    async def search(self, http: HttpRequest) -> Response:
        """Answer a search: conditions and order as the query has them."""
        hosted, session = await self._hosts.admit(http, "read")
        query = http.query_params
        plain: dict[str, Any] = {
            "kind": http.path_params["kind"],
            "where": query.getlist("where"),
            "order": query.getlist("order"),
            **{name: query[name] for name in ("limit", "after", "life", "at") if name in query},
        }
        _refuse_unknown(query.keys(), {"where", "order", "limit", "after", "life", "at"})
        try:
            request = msgspec.convert(plain, Find, strict=False)
        except msgspec.ValidationError as error:
            raise InvalidRequest(str(error)) from None
        return answered(await self._calls.answer(hosted, session, request))

    async def read(self, http: HttpRequest) -> Response:
        """Answer with a record and its ETag, or that it is still the one whose ETag was sent."""
        hosted, session = await self._hosts.admit(http, "read")
        _refuse_unknown(http.query_params.keys(), {"at", "fresh"})
        request = Get(
            record=_address(http), at=http.query_params.get("at"), fresh=http.query_params.get("fresh") == "true"
        )
        record: RecordAnswer = await self._calls.answer(hosted, session, request)
        if record.life == "absent":
            raise Failure(404, "not_found", f"there is no {record.record}", retry="reread")
        headers = {"ETag": tag_of(record), "Comity-Revision": str(record.revision), "Cache-Control": "no-cache"}
        if tag_of(record) in _tags(http.headers.get("if-none-match", "")):
            return Response(None, 304, headers)
        return Response(msgspec.json.encode(record), 200, headers, JSON)

    async def put(self, http: HttpRequest) -> Response:
        """Create a record, or have it be exactly the fields sent."""
        return await self._change(http, lambda record, fields: Put(record, fields, replace=True))

    async def patch(self, http: HttpRequest) -> Response:
        """Set the fields sent, and clear those that are null (RFC 7396; a field's value is replaced as a whole)."""
        return await self._change(http, Set)

    async def delete(self, http: HttpRequest) -> Response:
        """Delete a record."""
        return await self._change(http, lambda record, _: Delete(record), has_body=False)

    async def _change(self, http: HttpRequest, change: Any, *, has_body: bool = True) -> Response:
        _, session = await self._hosts.admit(http, BY_NAME["put"].permission)
        fields: dict[str, Any] = {}
        if has_body:
            settings = self._hosts.settings
            fields = object_of(await read_body(http, settings.body_bytes, settings.request_s))
        record = _address(http)
        made: AnyChange = change(record, fields)
        if _is_creation(http.headers, made):
            made = CreateChange(record, fields)
        proposal = await self._calls.worked(partial(_proposal, session, made, http.headers))
        decision = await session.propose_async(proposal)
        return answered(decision, conflict=412, headers=_changed(decision.records.get(record), decision.revision))


def tag_of(record: RecordAnswer) -> str:
    """Return the ETag of a record: in which life of the base it changed last, and at which revision."""
    return f'"{record.incarnation}.{record.changed}"'


def _changed(version: int | None, revision: int) -> dict[str, str]:
    return {} if version is None else {"Comity-Version": str(version), "Comity-Revision": str(revision)}


def _address(http: HttpRequest) -> str:
    return f"{http.path_params['kind']}/{http.path_params['id']}"


def _tags(text: str) -> list[str]:
    return [tag.strip().removeprefix("W/") for tag in text.split(",") if tag.strip()]


def _is_creation(headers: Mapping[str, str], change: AnyChange) -> bool:
    return isinstance(change, Put) and headers.get("if-none-match", "").strip() == "*"


def _proposal(session: Session, change: AnyChange, headers: Mapping[str, str]) -> Proposal:
    """Return a change as a proposal that rests on what its sender says to have seen; raises Failure with 428."""
    reads: tuple[Read, ...] = ()
    incarnation = None
    if not isinstance(change, CreateChange):
        read, incarnation = _seen(session, change, headers)
        reads = (read,)
    return Proposal(
        id=headers.get(KEY_HEADER) or session.make_id(),
        changes=(change,),
        reads=reads,
        reason=headers.get(REASON_HEADER),
        action=headers.get(ACTION_HEADER),
        incarnation=incarnation,
    )


def _seen(session: Session, change: AnyChange, headers: Mapping[str, str]) -> tuple[Read, str | None]:
    """Return what was read, and in which life of the base."""
    if (match := headers.get("if-match")) is not None:
        if match.strip() == "*":
            return Read(change.record, session.get(change.record).revision, ()), None
        found = _TAG.match(match.strip())
        if found is None:
            raise InvalidRequest(f"If-Match: {match[:80]!r} is no ETag of here: send the one that you got")
        return Read(change.record, int(found[2]), None), found[1]
    if (seen := headers.get(SEEN_HEADER)) is not None:
        if not seen.isdecimal() or len(seen) > 18:
            raise InvalidRequest(f"Comity-Seen: {seen[:40]!r} is no revision: send the one that the answer named")
        return Read(change.record, int(seen), tuple(getattr(change, "fields", ()))), None
    raise Failure(428, "freshness.blind_write", _UNSEEN, retry="reread")


def _refuse_unknown(given: Any, known: set[str]) -> None:
    for name in given:
        if name not in known:
            raise InvalidRequest(f"{name[:64]!r} isn't known here; what is: {', '.join(sorted(known))}")
