"""Signatures on webhooks, after Standard Webhooks (https://www.standardwebhooks.com, specification 1.0.0).

What is signed is ``id.timestamp.body``, with HMAC-SHA256. A secret is ``whsec_`` and Base64,
or any text. While one secret gives way to another both sign, and either is enough.
"""

from __future__ import annotations

import binascii
import hmac
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from comity import limits
from comity.clock import SECOND_US, Clock, SystemClock
from comity.errors import InvalidRequest, InvalidSignature

ID: Final = "webhook-id"
TIMESTAMP: Final = "webhook-timestamp"
SIGNATURE: Final = "webhook-signature"
_PREFIX: Final = "whsec_"
_VERSION: Final = "v1,"


def sign(secret: str, id: str, timestamp: int, body: bytes) -> str:
    """Return the signature of a message; ``timestamp`` is in seconds since 1970.

    Raises InvalidRequest for a secret that begins with ``whsec_`` and isn't Base64 behind it, or is empty.

    >>> sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_1", 1614265330, b"{}")
    'v1,ZztYR0IIDCBCUcYzh8ZE+qsQWpIgtHU7R1hpe8htaD4='
    """
    signed = b".".join((id.encode(), str(timestamp).encode(), body))
    return _VERSION + b64encode(hmac.digest(_key_of(secret), signed, "sha256")).decode()


def signed_headers(secrets: Iterable[str], id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers that a message carries, with a signature by each of the secrets."""
    signatures = " ".join(sign(secret, id, timestamp, body) for secret in secrets)
    return {ID: id, TIMESTAMP: str(timestamp), SIGNATURE: signatures}


def verify(
    secrets: str | Sequence[str],
    headers: Mapping[str, str],
    body: bytes,
    *,
    tolerance_s: int = limits.SIGNATURE_TOLERANCE_S,
    clock: Clock | None = None,
) -> str:
    """Return the id of a message that a receiver got, once it is sure whom it is from.

    ``body`` is what came, byte by byte, before anything parsed it. Raises InvalidSignature
    where a header is missing, no signature fits, or it was signed more than ``tolerance_s``
    seconds ago or ahead. A message may come again: keep the ids that you have dealt with, and
    drop those.

    >>> headers = signed_headers(["secret"], "alert-1", SystemClock().wall_us() // SECOND_US, b"{}")
    >>> verify("secret", headers, b"{}")
    'alert-1'
    """
    named = {name.lower(): value for name, value in headers.items()}
    missing = [name for name in (ID, TIMESTAMP, SIGNATURE) if not named.get(name)]
    if missing:
        raise InvalidSignature(f"it has no {', '.join(missing)}")
    if not all(named[name].isascii() for name in (ID, TIMESTAMP, SIGNATURE)):
        raise InvalidSignature("its headers aren't ASCII")
    timestamp = _timestamp_of(named[TIMESTAMP])
    now_s = (clock or SystemClock()).wall_us() // SECOND_US
    if abs(now_s - timestamp) > tolerance_s:
        raise InvalidSignature(f"it was signed at another time: more than {tolerance_s} s from now")
    given = named[SIGNATURE].split()[: limits.SIGNATURES]
    known = [secrets] if isinstance(secrets, str) else secrets
    expected = [sign(secret, named[ID], timestamp, body) for secret in known]
    # All are compared, each in constant time, so that time tells nothing about which came near.
    matches = [hmac.compare_digest(one.encode(), other.encode()) for one in given for other in expected]
    if not any(matches):
        raise InvalidSignature("none of its signatures is by a known secret")
    return named[ID]


def _key_of(secret: str) -> bytes:
    if not secret.startswith(_PREFIX):
        key = secret.encode()
    else:
        try:
            key = b64decode(secret.removeprefix(_PREFIX), validate=True)
        except (binascii.Error, ValueError):
            raise InvalidRequest("a secret that begins with 'whsec_' goes on in Base64") from None
    if not key:
        raise InvalidRequest("a secret may not be empty")
    return key


def _timestamp_of(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise InvalidSignature(f"{TIMESTAMP} is no number of seconds")
    return int(text)
