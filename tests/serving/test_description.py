"""What the server answers is what its description says, whatever it is sent (by schemathesis)."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from comity.server.openapi import document
from tests.serving.conftest import Serve

CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
ENDLESS = "/v1/{workspace}/feed"


def _meant(found: Any) -> Any:
    return found.ok()


DESCRIBED: list[Any] = [
    one for one in map(_meant, schemathesis.openapi.from_dict(document()).get_all_operations()) if one.path != ENDLESS
]


def test_all_of_it_is_tried() -> None:
    tried = {(one.path, one.method) for one in DESCRIBED}
    said = {(path, method) for path, methods in document()["paths"].items() for method in methods}
    assert said - tried == {(ENDLESS, "get")}


@pytest.mark.slow
@pytest.mark.parametrize("part", range(6))
def test_answers_are_as_described(serve: Serve, part: int) -> None:
    served = serve(dev=True)
    with served.client("sales") as sales:
        fields = {"name": "Acme", "status": "active", "orders": 1}
        assert sales.put("records/customer/acme", json=fields, headers={"If-None-Match": "*"}).status_code == 200
    for operation in DESCRIBED[part::6]:

        @settings(
            max_examples=12,
            phases=[Phase.explicit, Phase.generate],
            database=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
        )
        @given(case=operation.as_strategy())
        def check(case: Any) -> None:
            if "workspace" in (case.path_parameters or {}):
                case.path_parameters["workspace"] = "crm"
            case.headers["Comity-Agent"] = "sales"
            case.call_and_validate(base_url=served.url, checks=CHECKS, timeout=30)

        check()
