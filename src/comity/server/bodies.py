"""Bodies: read within bounds, understood as a request, refused by name where something in them is unknown."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import cache
from typing import Any, Final, TypeVar

import msgspec
from msgspec import inspect
from starlette.requests import ClientDisconnect, Request

from comity.errors import InvalidRequest
from comity.model.refs import nearest
from comity.model.texts import suggestion
from comity.server.problems import Failure

T = TypeVar("T")

JSON: Final = frozenset({"application/json", "application/merge-patch+json"})


async def read_body(request: Request, most: int, timeout_s: float) -> bytes:
    """Return the body; raises Failure for one that is too large, too slow, packed, or no JSON by its media type."""
    _check_headers(request, most)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(timeout_s):
            async for part in request.stream():
                size += len(part)
                if size > most:
                    raise _too_large(most)
                parts.append(part)
    except TimeoutError:
        raise Failure(408, "too_slow", f"the body didn't arrive within {timeout_s:g} s", retry="same") from None
    except ClientDisconnect:
        raise Failure(400, "incomplete", "the body broke off", retry="same") from None
    return b"".join(parts)


def _check_headers(request: Request, most: int) -> None:
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media not in JSON:
        raise Failure(
            415, "media_type", f"send JSON, as 'Content-Type: application/json', not {media[:64] or 'nothing'!r}"
        )
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Failure(415, "packed", "send the body as it is: packed ones aren't unpacked here")
    told = request.headers.get("content-length", "0")
    if told.isdecimal() and int(told) > most:
        raise _too_large(most)


def _too_large(most: int) -> Failure:
    return Failure(413, "limit_exceeded", f"a body has at most {most} bytes")


def object_of(body: bytes) -> dict[str, Any]:
    """Return the object that a body is; raises InvalidRequest for anything else."""
    try:
        found = msgspec.json.decode(body or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"the body is no JSON: {error}") from None
    except RecursionError:
        raise InvalidRequest("the body is nested too deeply") from None
    if not isinstance(found, dict):
        raise InvalidRequest("the body must be a JSON object")
    return found


def as_request(found: dict[str, Any], wanted: type[T]) -> T:
    """Return what an object means; raises InvalidRequest, with the place, for what isn't known or of a wrong type."""
    for path, name, known in _unknown(found, _type_of(wanted), "$"):
        hint = suggestion(nearest(name, known))
        raise InvalidRequest(
            f"{path}: {name[:64]!r} isn't known here{hint or '.'} What is: {', '.join(sorted(known))}."
        )
    try:
        return msgspec.convert(found, wanted)
    except msgspec.ValidationError as error:
        raise InvalidRequest(str(error)) from None


@cache
def _type_of(wanted: type) -> inspect.Type:
    return inspect.type_info(wanted)


def _unknown(value: Any, wanted: inspect.Type, path: str) -> Iterator[tuple[str, str, list[str]]]:
    """Yield each name of an object that its type doesn't have: where, which, and which there are."""
    if isinstance(wanted, inspect.Metadata):
        yield from _unknown(value, wanted.type, path)
    elif isinstance(wanted, inspect.UnionType):
        yield from _unknown(value, _meant(value, wanted), path)
    elif isinstance(wanted, inspect.StructType) and isinstance(value, dict):
        fields = {field.encode_name: field.type for field in wanted.fields}
        known = [*fields, *([wanted.tag_field] if wanted.tag_field is not None else [])]
        for name, inner in value.items():
            if name in fields:
                yield from _unknown(inner, fields[name], f"{path}.{name}")
            elif name not in known:
                yield path, name, known
    elif isinstance(wanted, inspect.VarTupleType | inspect.ListType) and isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _unknown(inner, wanted.item_type, f"{path}[{number}]")


def _meant(value: Any, union: inspect.UnionType) -> inspect.Type:
    """Return which of several types a value is to be of, by its tag; that of no names where it can't be said."""
    structs = [one for one in union.types if isinstance(one, inspect.StructType)]
    if isinstance(value, dict):
        for one in structs:
            if len(structs) == 1 or (one.tag_field is not None and value.get(one.tag_field) == one.tag):
                return one
    return inspect.AnyType()
