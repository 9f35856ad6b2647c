"""Answers from bytes, with what their reader may not see marked as it is in this process (S39)."""

from __future__ import annotations

from functools import cache
from typing import Any, Final, TypeVar, cast

import msgspec

from comity.errors import StoreError
from comity.model.hidden import KEY, Hidden

T = TypeVar("T")

_MARK: Final = f'"{KEY}"'.encode()


def decoded(body: bytes, sort: type[T]) -> T:
    """Return an answer; raises StoreError for a body that is none, which a server of another version may send."""
    try:
        answer = _decoder(sort).decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StoreError(f"the server's answer can't be understood: {error}") from None
    return cast("T", marked(answer)) if _MARK in body else cast("T", answer)


@cache
def _decoder(sort: type) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(sort)


def marked(value: Any) -> Any:
    """Return a value with the objects in it that stand for hidden values as what they stand for."""
    if isinstance(value, msgspec.Struct):
        parts = {name: getattr(value, name) for name in value.__struct_fields__}
        changed = {name: new for name, old in parts.items() if (new := marked(old)) is not old}
        return msgspec.structs.replace(value, **changed) if changed else value
    if isinstance(value, dict):
        if value.keys() == {KEY} and isinstance(value[KEY], list):
            return Hidden(tuple(value[KEY]))
        return {key: marked(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [marked(inner) for inner in value]
    return tuple(map(marked, value)) if isinstance(value, tuple) else value
