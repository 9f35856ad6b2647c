"""Whom a message is from: signed and checked as Standard Webhooks says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comity import limits
from comity.clock import SECOND_US
from comity.errors import InvalidRequest, InvalidSignature
from comity.outbound import sign, signed_headers, verify
from comity.testing.manual_clock import ManualClock

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'
NOW = ManualClock().wall_us() // SECOND_US


def test_the_published_example_has_the_published_signature() -> None:
    # https://github.com/standard-webhooks/standard-webhooks, libraries/python/tests
    signature = sign(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, BODY)
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_either_secret_is_enough_while_one_gives_way_to_another() -> None:
    headers = signed_headers(["old", "new"], "m", NOW, BODY)
    for known in ("old", "new", ["new", "newest"]):
        assert verify(known, headers, BODY, clock=ManualClock()) == "m"


def test_names_of_headers_may_be_in_any_case() -> None:
    headers = {name.title(): value for name, value in signed_headers(["s"], "m", NOW, BODY).items()}
    assert verify("s", headers, BODY, clock=ManualClock()) == "m"


@pytest.mark.parametrize(
    ("changed", "body"),
    [
        ({}, b'{"test": 2432232315}'),
        ({"webhook-id": "n"}, BODY),
        ({"webhook-id": "\ud800"}, BODY),
        ({"webhook-timestamp": str(NOW - 1)}, BODY),
        ({"webhook-timestamp": str(NOW - limits.SIGNATURE_TOLERANCE_S - 1)}, BODY),
        ({"webhook-timestamp": str(NOW + limits.SIGNATURE_TOLERANCE_S + 1)}, BODY),
        ({"webhook-timestamp": "now"}, BODY),
        ({"webhook-timestamp": "²"}, BODY),
        ({"webhook-timestamp": "-1"}, BODY),
        ({"webhook-signature": ""}, BODY),
        ({"webhook-signature": "v1,"}, BODY),
        ({"webhook-signature": "v1a,abc é"}, BODY),
        ({"webhook-signature": sign("other", "m", NOW, BODY)}, BODY),
    ],
)
def test_what_is_not_as_it_was_signed_is_not_believed(changed: dict[str, str], body: bytes) -> None:
    headers = {**signed_headers([SECRET], "m", NOW, BODY), **changed}
    with pytest.raises(InvalidSignature):
        verify(SECRET, headers, body, clock=ManualClock())


def test_a_message_without_its_headers_is_not_believed() -> None:
    with pytest.raises(InvalidSignature, match="webhook-id, webhook-timestamp, webhook-signature"):
        verify(SECRET, {}, BODY)


@given(st.dictionaries(st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]), st.text()))
def test_whatever_comes_is_believed_only_if_it_is_signed(headers: dict[str, str]) -> None:
    with pytest.raises(InvalidSignature):
        verify(SECRET, headers, BODY, clock=ManualClock())


def test_limit_signatures() -> None:
    headers = signed_headers(["other"] * limits.SIGNATURES + ["mine"], "m", NOW, BODY)
    with pytest.raises(InvalidSignature):
        verify("mine", headers, BODY, clock=ManualClock())


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_no base64!"])
def test_what_is_no_secret(secret: str) -> None:
    with pytest.raises(InvalidRequest):
        sign(secret, "m", 0, b"")
