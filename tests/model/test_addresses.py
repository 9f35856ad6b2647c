"""Where messages may go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comity.model.addresses import is_loopback, is_mail, problem_of_url


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com:8443/hook?to=ops",
        "http://localhost:80/",
        "http://127.0.0.1/",
        "http://[::1]:8080/hook",
    ],
)
def test_where_a_webhook_may_be(url: str) -> None:
    assert problem_of_url(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "example.com",
        "https://",
        "https:///hook",
        "ftp://example.com",
        "file:///etc/passwd",
        "https://example.com:99999/",
        "https://exa mple.com/",
        "https://example.com/\r\nx: y",
        "https://user@example.com/",
        "https://example.com/#part",
        "https://[::1",
        "https://bücher.example/",
    ],
)
def test_what_is_no_address_of_a_webhook(url: str) -> None:
    assert problem_of_url(url, insecure=True) is not None


@given(st.text())
def test_whatever_is_given_there_is_an_answer(text: str) -> None:
    for url in (text, f"https://{text}", f"http://[{text}]/"):
        assert isinstance(problem_of_url(url), str | None)


def test_http_leaves_the_machine_only_where_it_is_said() -> None:
    assert problem_of_url("http://example.com/") is not None
    assert problem_of_url("http://example.com/", insecure=True) is None


def test_what_this_machine_is() -> None:
    assert is_loopback("::1")
    assert not is_loopback("localhost.example.com")


@pytest.mark.parametrize("address", ["", "@", "a@", "a@b\r\n", "a b@c", "a@b@c", "x" * 250 + "@example.com"])
def test_what_is_no_mail_address(address: str) -> None:
    assert not is_mail(address)
