"""The settings of a server: a file, the environment, what is given; and their bounds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import comity
from comity import limits
from comity.server.problems import Failure
from comity.server.rates import Rates
from comity.server.settings import Settings, read_settings


def test_what_is_given_goes_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "serve.toml"
    file.write_text('host = "::1"\nport = 1\nburst = 5\n[workspaces]\ncrm = "crm.db"\n')
    environment = {"COMITY_SERVE_PORT": "2", "COMITY_SERVE_BURST": "6", "COMITY_SERVE_READ_ONLY": '["dash"]'}
    found = read_settings(file, {"port": 3, "host": None}, environment)
    assert (found.host, found.port, found.burst, found.read_only) == ("::1", 3, 6, ("dash",))
    assert found.workspaces == {"crm": "crm.db"}


def test_every_bound_has_its_default_in_one_place() -> None:
    found = Settings()
    assert (found.body_bytes, found.request_s) == (limits.SERVED_BODY_BYTES, limits.SERVED_REQUEST_S)
    assert (found.requests_per_s, found.burst) == (limits.SERVED_REQUESTS_PER_S, limits.SERVED_BURST)
    assert (found.streams, found.shutdown_s) == (limits.SERVED_STREAMS, limits.SERVED_SHUTDOWN_S)
    assert limits.SERVED_BODY_BYTES > limits.PROPOSAL_BYTES, "every proposal that is allowed fits"
    assert limits.SERVED_WAITING > limits.SERVED_WORKERS, "who waits takes no worker"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"dev": True, "host": "0.0.0.0"}, "can be reached from elsewhere"),
        ({"dev": True, "host": "example.com"}, "can be reached from elsewhere"),
        ({"prot": 1}, "did you mean 'port'"),
        ({"port": 70_000}, "port"),
        ({"port": "x"}, "port"),
        ({"workspaces": {"A/b": "x"}}, "stands in addresses"),
        ({"certificate": "a.pem"}, "go together"),
    ],
)
def test_what_is_wrong_is_told(given: dict[str, Any], words: str) -> None:
    with pytest.raises(comity.InvalidRequest, match=words):
        read_settings(None, given, {})


def test_a_file_or_a_variable_that_can_not_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(comity.NotFound, match="no file"):
        read_settings(tmp_path / "none.toml", {}, {})
    (tmp_path / "bad.toml").write_text("port = ")
    with pytest.raises(comity.InvalidRequest, match=r"bad\.toml"):
        read_settings(tmp_path / "bad.toml", {}, {})
    with pytest.raises(comity.InvalidRequest, match="COMITY_SERVE_PORT"):
        read_settings(None, {}, {"COMITY_SERVE_PORT": "eight"})


def test_a_bucket_fills_again_and_is_each_agent_s_own() -> None:
    now = [0.0]
    rates = Rates(2.0, 3, lambda: now[0])
    for _ in range(3):
        rates.take("sales")
    with pytest.raises(Failure, match="go on in 1 s"):
        rates.take("sales")
    rates.take("support")
    now[0] = 0.5
    rates.take("sales")
    with pytest.raises(Failure):
        rates.take("sales")
    now[0] = 1_000.0
    for _ in range(3):
        rates.take("sales")
    with pytest.raises(Failure):
        rates.take("sales")
