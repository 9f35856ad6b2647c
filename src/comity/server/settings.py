"""How a server is set up: a TOML file, of which every key can be an environment variable."""

from __future__ import annotations

import ipaddress
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, get_type_hints

import msgspec

from comity import limits
from comity.errors import InvalidRequest, NotFound
from comity.model.refs import nearest
from comity.model.texts import suggestion

PREFIX: Final = "COMITY_SERVE_"
HOST: Final = "127.0.0.1"
PORT: Final = 8080
_WORKSPACE_NAMES: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Be how a server is set up.

    ``workspaces`` maps the name that stands in the addresses to the file or the database.
    ``dev`` takes an agent's name from the header ``Comity-Agent``, unproven, and listens on
    loopback only. ``read_only`` are agents whose key lets them look only. ``cors`` are the
    origins of pages that may ask; none unless named. ``certificate`` and ``private_key`` are
    PEM files, and have it speak TLS. The numbers are bounds: requests per second of one agent
    (and how many at once after a pause), bytes of a body, seconds of a request, open streams.
    """

    workspaces: dict[str, str] = {}
    host: str = HOST
    port: int = PORT
    dev: bool = False
    read_only: tuple[str, ...] = ()
    cors: tuple[str, ...] = ()
    certificate: str | None = None
    private_key: str | None = None
    requests_per_s: float = limits.SERVED_REQUESTS_PER_S
    burst: int = limits.SERVED_BURST
    body_bytes: int = limits.SERVED_BODY_BYTES
    request_s: float = limits.SERVED_REQUEST_S
    streams: int = limits.SERVED_STREAMS
    shutdown_s: float = limits.SERVED_SHUTDOWN_S
    access_log: bool = True

    def __post_init__(self) -> None:
        for name in self.workspaces:
            if not name or not _WORKSPACE_NAMES.issuperset(name):
                raise InvalidRequest(f"workspaces: {name[:64]!r} stands in addresses: use a-z, 0-9, - and _")
        if not 0 <= self.port <= 65_535:
            raise InvalidRequest(f"port: {self.port} is none; write one from 1 to 65535, or 0 for a free one")
        if self.dev and not is_loopback(self.host):
            raise InvalidRequest(
                f"host: {self.host!r} can be reached from elsewhere, and with dev anyone may claim to be any agent:"
                f" listen on {HOST}, or leave dev out"
            )
        if (self.certificate is None) != (self.private_key is None):
            raise InvalidRequest("certificate and private_key go together")


def is_loopback(host: str) -> bool:
    """Tell whether an address can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_settings(file: Path | None, given: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings: what is given, else what the environment says, else the file.

    Raises NotFound for a file that isn't there, InvalidRequest for what it or the environment says wrongly.
    """
    found = {} if file is None else _read(file)
    for key in Settings.__struct_fields__:
        if (text := environment.get(PREFIX + key.upper())) is not None:
            found[key] = _parse(key, text)
    found |= {key: value for key, value in given.items() if value is not None}
    for key in found.keys() - set(Settings.__struct_fields__):
        hint = suggestion(nearest(key, Settings.__struct_fields__))
        raise InvalidRequest(
            f"{key[:64]!r} is no setting{hint or '.'} They are: {', '.join(Settings.__struct_fields__)}"
        )
    try:
        return msgspec.convert(found, Settings)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"{file or 'settings'}: {error}") from None


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFound(f"there is no file {str(file)[:200]!r}") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidRequest(f"{file}: {error}") from None


def _parse(key: str, text: str) -> Any:
    """Return what a variable of the environment means: a text as it is, anything else as TOML has it."""
    if get_type_hints(Settings)[key] in (str, str | None):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        raise InvalidRequest(
            f"{PREFIX}{key.upper()}: {text[:80]!r} is no TOML value, such as 8, true or ['a']"
        ) from None
