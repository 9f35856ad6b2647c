"""Secrets: named by the definition, kept in the environment, never in the log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from comity.errors import InvalidRequest


def secret_of(name: str, environment: Mapping[str, str]) -> str:
    """Return what the environment holds under a name; raises InvalidRequest where that is nothing."""
    value = environment.get(name, "")
    if not value:
        raise InvalidRequest(
            f"the environment variable {name} is empty or missing: it holds a secret of the definition"
        )
    return value


def secrets_of(names: Iterable[str], environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the secrets under several names, in order: while one gives way to another, both are in use."""
    return tuple(secret_of(name, environment) for name in names)
