"""The wire form and the hashes: how a commit becomes bytes, for ever."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec
import pytest

from comity import limits
from comity.errors import InvalidRequest, LimitExceeded
from comity.model import codec
from comity.model.decisions import Finding
from comity.model.events import Commit, CommitPayload, Event
from comity.model.filters import Condition, Query
from comity.model.proposals import Add, Archive, Emit, Proposal, Put, QueryRead, Read, Set, Undo, Was
from comity.testing.samples import commit, event, state

WIRE = (
    b'{"id":"p1","changes":[{"do":"put","record":"a/1","fields":{"a":[{"x":1,"y":2}],"z":1}},'
    b'{"do":"add","record":"a/1","fields":{"n":0.5}},{"do":"emit","record":"a/1","event":"Seen"},'
    b'{"do":"archive","record":"a/1"},{"do":"undo","record":"a/1","fields":{"n":3}}],'
    b'"reads":[{"of":"record","record":"a/1","revision":1,"fields":["n"],"whole":false},'
    b'{"of":"was","record":"a/1","values":{"n":1}},'
    b'{"of":"query","query":{"kind":"a","where":[["n",">",1]]},"revision":1,"members":["1"]}],'
    b'"accept":2,"reason":"because"}'
)
PROPOSAL = Proposal(
    id="p1",
    changes=(Put("a/1", {"z": 1, "a": [{"y": 2, "x": 1}]}), Add("a/1", {"n": 0.5}), Emit("a/1", "Seen"), Archive("a/1"),
             Undo("a/1", {"n": 3})),
    reads=(Read("a/1", 1, ("n",), whole=False), Was("a/1", {"n": 1}),
           QueryRead(Query("a", (Condition("n", ">", 1),)), 1, ("1",))),
    accept=2, reason="because",
)  # fmt: skip


def test_the_wire_form_is_pinned() -> None:
    assert codec.encode_proposal(PROPOSAL) == WIRE
    assert codec.decode_proposal(WIRE) == PROPOSAL


def test_the_order_of_keys_makes_no_other_content() -> None:
    left = codec.encode_proposal(Proposal(id="p", changes=(Put("a/1", {"a": 1, "b": {"x": 1, "y": 2}}),)))
    right = codec.encode_proposal(Proposal(id="p", changes=(Put("a/1", {"b": {"y": 2, "x": 1}, "a": 1}),)))
    assert left == right


def test_who_proposes_is_part_of_the_content() -> None:
    assert codec.content_digest("ann", WIRE) != codec.content_digest("bob", WIRE)


def test_limit_proposal_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PROPOSAL_BYTES", len(WIRE))
    assert codec.encode_proposal(PROPOSAL) == WIRE
    monkeypatch.setattr(limits, "PROPOSAL_BYTES", len(WIRE) - 1)
    with pytest.raises(LimitExceeded, match=f"{len(WIRE)} bytes, at most {len(WIRE) - 1}"):
        codec.encode_proposal(PROPOSAL)


def deep(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value", [object(), "\ud800", deep(100_000), {1: object()}, 1j], ids=lambda value: type(value).__name__
)
def test_what_has_no_wire_form(value: Any) -> None:
    with pytest.raises(InvalidRequest, match="can't be written as JSON"):
        codec.encode_proposal(Proposal(id="p", changes=(Set("a/1", {"x": value}),)))


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"{}", b"null", b'{"id":1}', b'{"id":"p","changes":[{"do":"drop","record":"a/1"}]}',
     b'{"id":"p","changes":[{"record":"a/1"}]}', b'{"id":"p","reads":[{"of":"x"}]}', b'{"id":"p","accept":"2"}',
     b"\xff\xfe", b'{"id":"\\ud800"}', b"[" * 100_000, b'{"id":"p","accept":NaN}'],
    ids=range(14),
)  # fmt: skip
def test_what_is_no_proposal(data: bytes) -> None:
    with pytest.raises(InvalidRequest, match="not a proposal"):
        codec.decode_proposal(data)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"{", "not JSON"),
        (b"[]", "not a proposal: Expected `object`"),
        (b'{"changes":[{"do":"put","record":1}]}', r"at `\$.changes\[0\].record`"),
        (
            b'{"changes":[{"do":"put","record":"a/1","feilds":{}}]}',
            r"changes\[0\] has no 'feilds'; did you mean 'fields'",
        ),
    ],
)
def test_what_somebody_wrote_is_read_strictly(data: bytes, told: str) -> None:
    with pytest.raises(InvalidRequest, match=told):
        codec.read_proposal(data, id="p")


def test_a_proposal_that_somebody_wrote_gets_an_id_if_it_has_none() -> None:
    assert codec.read_proposal(WIRE, id="other") == PROPOSAL
    assert codec.read_proposal(b"{}", id="p") == Proposal(id="p")
    with pytest.raises(InvalidRequest, match="`id`"):
        codec.read_proposal(b"{}")


def test_what_is_stored_may_have_names_of_a_later_version() -> None:
    assert codec.decode_proposal(b'{"id":"p","later":1}') == Proposal(id="p")


def test_what_is_no_json() -> None:
    assert codec.decode(b'{"a":1}') == {"a": 1}
    for data in (b"", b"{", b"NaN", b"\xff", b"[" * 100_000):
        with pytest.raises(InvalidRequest, match="not JSON"):
            codec.decode(data)


def test_a_commit_s_payload_is_the_proposal_as_it_came_and_what_was_found() -> None:
    assert codec.commit_payload(WIRE, ()) == b'{"proposal":' + WIRE + b"}"
    findings = [Finding("guard.x", "m")]
    payload = msgspec.json.decode(codec.commit_payload(WIRE, findings), type=CommitPayload)
    assert (payload.proposal, payload.findings) == (PROPOSAL, tuple(findings))


# -- the chain (S37)


def changed(thing: Any, **values: Any) -> Any:
    return msgspec.structs.replace(thing, **values)


COMMIT: Commit = commit(3, reason="because", cause="1.0")
EVENTS: list[Event] = [event(state("a/1", {"n": 1}, revision=3)), event(state("a/2", revision=3), 1)]
CHAIN = codec.chain(codec.GENESIS, COMMIT, EVENTS)


def test_s37_payload_and_salt_can_be_emptied_and_the_chain_holds() -> None:
    emptied = [changed(one, salt=None, payload_bytes=None) for one in EVENTS]
    assert codec.chain(codec.GENESIS, changed(COMMIT, salt=None, payload_bytes=None), emptied) == CHAIN


COVERED = sorted(set(Commit.__struct_fields__) - {"salt", "payload_bytes", "chain"})
OF_EVENTS = sorted(set(Event.__struct_fields__) - {"salt", "payload_bytes", "revision"})


def other(value: Any) -> Any:
    if isinstance(value, int):
        return value + 1
    return value + b"x" if isinstance(value, bytes) else f"{value}x"


@pytest.mark.parametrize("field", COVERED)
def test_s37_the_chain_covers_every_field_of_the_envelope(field: str) -> None:
    altered = changed(COMMIT, **{field: other(getattr(COMMIT, field))})
    assert codec.chain(codec.GENESIS, altered, EVENTS) != CHAIN


@pytest.mark.parametrize("field", OF_EVENTS)
def test_s37_the_chain_covers_every_field_of_the_events(field: str) -> None:
    altered = changed(EVENTS[0], **{field: other(getattr(EVENTS[0], field))})
    assert codec.chain(codec.GENESIS, COMMIT, [altered, EVENTS[1]]) != CHAIN


def test_s37_the_chain_covers_the_order_the_number_and_what_came_before() -> None:
    assert codec.chain(codec.GENESIS, COMMIT, EVENTS[::-1]) != CHAIN
    assert codec.chain(codec.GENESIS, COMMIT, EVENTS[:1]) != CHAIN
    assert codec.chain(bytes(31) + b"x", COMMIT, EVENTS) != CHAIN


def test_s37_the_digest_of_a_payload_is_salted() -> None:
    assert codec.payload_digest(b"salt", b"payload") == sha256(b"saltpayload").digest()
    assert codec.payload_digest(b"other", b"payload") != codec.payload_digest(b"salt", b"payload")
