"""The wire form and the hashes: how a commit becomes bytes, for ever (S37).

All JSON is canonical for our purposes: msgspec's compact form with keys in the order given
by the struct, objects inside values in sorted order. A payload's digest is
``SHA-256(salt ‖ payload)``, so that emptying salt and payload erases it while the chain,
which covers only the digest, stays valid. The chain is
``SHA-256(previous ‖ envelope)``, as in Certificate Transparency's and git's histories.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from itertools import islice
from typing import Any, Final

import msgspec

from comity import limits
from comity.errors import InvalidRequest, LimitExceeded
from comity.model.decisions import Finding
from comity.model.events import Commit, Event
from comity.model.ids import Entropy
from comity.model.proposals import Proposal
from comity.model.spelling import misspelt

FORMAT: Final = 1
PROBLEMS_TOLD: Final = 5
GENESIS: Final = bytes(32)
SALT_BYTES: Final = 16

_encoder: Final = msgspec.json.Encoder(order="deterministic")
_findings_encoder: Final = msgspec.json.Encoder()
_proposal_decoder: Final = msgspec.json.Decoder(Proposal)
_decoder: Final = msgspec.json.Decoder()
encode: Final = _encoder.encode


def encode_proposal(proposal: Proposal) -> bytes:
    """Return the wire form of a proposal; raises LimitExceeded or InvalidRequest if it can't have one."""
    try:
        encoded = _encoder.encode(proposal)
    except (TypeError, ValueError, UnicodeError, OverflowError, RecursionError) as error:
        raise InvalidRequest(f"the proposal can't be written as JSON: {error}") from None
    if len(encoded) > limits.PROPOSAL_BYTES:
        raise LimitExceeded(
            f"the proposal has {len(encoded)} bytes, at most {limits.PROPOSAL_BYTES} are allowed: split it"
        )
    return encoded


def decode(data: bytes | str) -> Any:
    """Return the JSON value of a text; raises InvalidRequest."""
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidRequest(f"not JSON: {error}") from None


def decode_proposal(data: bytes | str) -> Proposal:
    """Return the proposal of its wire form; raises InvalidRequest, naming the place. Unknown names are passed over."""
    try:
        return _proposal_decoder.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidRequest(f"not a proposal: {error}") from None


def read_proposal(data: bytes | str, *, id: str | None = None) -> Proposal:
    """Return the proposal that somebody wrote as JSON; ``id`` is what it gets if it names none.

    Raises InvalidRequest, naming the place, also for a name that a proposal doesn't have:
    a change that is misspelt must not count as none.
    """
    found = decode(data)
    if id is not None and isinstance(found, dict):
        found = {"id": id, **found}
    problems = list(islice(misspelt(found, Proposal), PROBLEMS_TOLD))
    if problems:
        raise InvalidRequest(f"not a proposal: {'; '.join(problems)}")
    try:
        return msgspec.convert(found, Proposal)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"not a proposal: {error}") from None


def content_digest(agent: str, encoded: bytes) -> bytes:
    """Return the digest by which a repeat of a proposal is known: who, and what."""
    return sha256(agent.encode() + b"\0" + encoded).digest()


def payload_digest(salt: bytes, payload: bytes) -> bytes:
    """Return the salted digest that stands for a payload in the chain."""
    return sha256(salt + payload).digest()


def salts(entropy: Entropy, count: int) -> list[bytes]:
    """Return so many salts."""
    drawn = entropy(SALT_BYTES * count)
    return [drawn[start : start + SALT_BYTES] for start in range(0, SALT_BYTES * count, SALT_BYTES)]


def commit_payload(encoded: bytes, findings: Iterable[Finding]) -> bytes:
    """Return the payload of a commit or an answer: the proposal as encoded, and the findings."""
    found = tuple(findings)
    if not found:
        return b'{"proposal":' + encoded + b"}"
    return b'{"proposal":' + encoded + b',"findings":' + _findings_encoder.encode(found) + b"}"


def chain(previous: bytes, commit: Commit, events: Iterable[Event]) -> bytes:
    """Return the hash that follows ``previous``: over the commit's envelope and its events'."""
    return chain_facts(previous, tuple(getattr(commit, name) for name in _ENVELOPE), events)


def chain_facts(previous: bytes, facts: tuple[object, ...], events: Iterable[Event]) -> bytes:
    """Return the same from the fields of the commit that make up its envelope, in their order.

    The envelope is everything but payloads, salts and the chain itself; digests stand in
    it as base64.
    """
    envelope = (
        FORMAT,
        facts,
        [(e.ordinal, e.kind, e.id, e.version, e.type, e.life, e.born, e.derived, e.digest) for e in events],
    )
    return sha256(previous + _encoder.encode(envelope)).digest()


_ENVELOPE: Final = tuple(name for name in Commit.__struct_fields__ if name not in ("salt", "payload_bytes", "chain"))
