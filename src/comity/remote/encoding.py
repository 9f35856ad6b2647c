"""Requests as bytes: no value passes that JSON would turn into another one unseen."""

from __future__ import annotations

import math
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec

from comity.errors import InvalidRequest
from comity.model.values import normalise
from comity.operations import BY_REQUEST, Request

_PLAIN: Final = frozenset({str, int, bool, type(None)})
_KEPT: Final = (bytes, bytearray, datetime, date, time, Decimal, UUID)


def encoded(request: Request) -> bytes:
    """Return a request as JSON; raises InvalidRequest for a value that has no place there."""
    name = BY_REQUEST[type(request)].name
    try:
        plain = msgspec.to_builtins(request, builtin_types=_KEPT, order="deterministic", enc_hook=normalise)
        return msgspec.json.encode(_written(plain))
    except UnicodeEncodeError as error:
        raise InvalidRequest(f"a text of the request can't be UTF-8: {error.object[:40]!a}") from None
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidRequest(f"{name}: {error}") from None


def _written(value: Any) -> Any:
    sort = type(value)
    if sort in _PLAIN:
        return value
    if sort is dict:
        return {key: _written(inner) for key, inner in value.items()}
    if sort is list or sort is tuple:
        return [_written(inner) for inner in value]
    if sort is float and math.isfinite(value):
        return value
    return normalise(value)
