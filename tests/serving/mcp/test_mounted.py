"""The tools in the service, by the official client: the same keys, the same workspace, the same commits as HTTP."""

from __future__ import annotations

import httpx2

from comity.server.mcp.mounting import PATH
from tests.serving.conftest import Serve
from tests.serving.mcp.talking import over_http


def test_what_a_model_does_by_tools_is_seen_over_http_and_the_other_way_round(serve: Serve) -> None:
    served = serve()
    url = served.url + PATH.format(workspace="crm")
    with served.client("support") as support, over_http(url, bearer(served.keys["sales"])) as sales:
        none = sales("read", records=["customer/acme"])
        written = sales(
            "write", record="customer/acme", fields={"status": "active"}, reason="signed", intent=none.handle
        )
        assert written.text.startswith("Committed")
        seen = sales("read", records=["customer/acme"], intent=written.handle)
        theirs = support.get("records/customer/acme")
        tag = {"If-Match": theirs.headers["etag"], "Comity-Reason": "T-42"}
        assert support.patch("records/customer/acme", json={"status": "at_risk"}, headers=tag).status_code == 200
        late = sales("write", record="customer/acme", fields={"status": "churned"}, intent=seen.handle)
        assert "you saw active, now at_risk, by support" in late.text
        assert "T-42" in late.text


def test_no_key_no_tools(serve: Serve) -> None:
    served = serve()
    url = served.url + PATH.format(workspace="crm")
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    for headers in ({}, bearer("comity_x"), {"Comity-Agent": "sales"}):
        answer = httpx2.post(url, json=call, headers=headers | {"Accept": "application/json, text/event-stream"})
        assert (answer.status_code, answer.headers["www-authenticate"][:6]) == (401, "Bearer")


def test_who_may_only_look_writes_nothing_by_tools_either(serve: Serve) -> None:
    served = serve(read_only=("dash",))
    with over_http(served.url + PATH.format(workspace="crm"), bearer(served.keys["dash"])) as dash:
        assert dash("find", kind="customer").is_error is False
        found = dash("read", records=["customer/acme"])
        refused = dash("write", record="customer/acme", fields={"orders": 1}, intent=found.handle)
        assert refused.is_error
        assert "look only" in refused.text


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}
