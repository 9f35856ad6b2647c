"""Every operation of the table over HTTP: who may, what comes back, what is refused."""

from __future__ import annotations

import httpx2
import pytest

from comity.operations import OPERATIONS
from comity.server.calling import SERVED
from comity.server.openapi import document
from tests.serving.conftest import Serve

PUT = {"record": "customer/acme", "fields": {"name": "Acme", "status": "active"}}


def post(client: httpx2.Client, operation: str, **request: object) -> httpx2.Response:
    return client.post(f"operations/{operation}", json=request)


def test_every_row_is_served_but_those_that_name_a_file_of_the_machine() -> None:
    assert {one.name for one in OPERATIONS} - {one.name for one in SERVED} == {"import", "export"}
    paths = document()["paths"]
    assert {f"/v1/{{workspace}}/operations/{one.name}" for one in SERVED} <= paths.keys()


def test_a_change_is_committed_and_read_back(serve: Serve) -> None:
    with serve().client("sales") as sales:
        put = post(sales, "put", **PUT, reason="a new one")
        assert (put.status_code, put.json()["outcome"]) == (200, "committed")
        got = post(sales, "get", record="customer/acme")
        assert got.json()["values"] == PUT["fields"]
        why = post(sales, "why", record="customer/acme", field="status").json()
        assert (why["event"]["by"], why["event"]["known"], why["event"]["reason"]) == ("sales", "key", "a new one")


def test_nobody_is_let_in_without_a_key_that_is_good(serve: Serve) -> None:
    served = serve()
    for headers in (
        {},
        {"Comity-Agent": "sales"},
        {"Authorization": "Bearer comity_x"},
        {"Authorization": "Basic eA=="},
    ):
        with served.client(None, headers=headers) as stranger:
            answer = post(stranger, "get", record="customer/acme")
            assert answer.status_code == 401
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["www-authenticate"].startswith("Bearer")
    assert str(served.keys["sales"])[20:] not in answer.text


def test_a_key_that_is_revoked_is_good_no_more(serve: Serve) -> None:
    served = serve()
    with served.client("sales") as sales, served.client("ann") as ann:
        assert post(sales, "put", **PUT).status_code == 200
        assert post(ann, "revoke_key", agent="sales").status_code == 200
        assert post(sales, "get", record="customer/acme").status_code == 401


def test_an_agent_can_not_do_what_is_for_operators(serve: Serve) -> None:
    with serve().client("sales") as sales:
        answer = post(sales, "freeze", reason="mine", ttl="1h")
        assert (answer.status_code, answer.json()["findings"][0]["code"]) == (403, "identity.not_human")
        assert "next" in answer.json()


def test_who_may_only_look_is_refused_every_change(serve: Serve) -> None:
    with serve(read_only=("dash",)).client("dash") as dash:
        assert post(dash, "find", kind="customer").status_code == 200
        for operation in SERVED:
            if operation.permission != "read":
                answer = post(dash, operation.name)
                assert (answer.status_code, answer.json()["code"]) == (403, "read_only"), operation.name


def test_another_s_field_is_forbidden_and_the_owner_named(serve: Serve) -> None:
    with serve().client("sales") as sales:
        answer = post(sales, "put", record="customer/acme", fields={"health": "bad"})
        assert answer.status_code == 403
        assert "support" in answer.json()["detail"]


def test_a_conflict_says_what_moved(serve: Serve) -> None:
    served = serve()
    with served.client("sales") as sales, served.client("support") as support:
        post(sales, "put", **PUT)
        post(
            support,
            "set",
            record="customer/acme",
            fields={"status": "at_risk"},
            was={"status": "active"},
            reason="T-42",
        )
        answer = post(sales, "set", record="customer/acme", fields={"status": "churned"}, was={"status": "active"})
        problem = answer.json()
        assert (answer.status_code, problem["code"], problem["retry"]) == (409, "conflict", "reread")
        moved = problem["findings"][0]["moved"][0]
        assert (moved["was"], moved["now"], moved["by"], moved["reason"]) == ("active", "at_risk", "support", "T-42")


@pytest.mark.parametrize(
    ("operation", "request_", "status", "words"),
    [
        ("gte", {}, 404, "no operation"),
        ("import", {"file": "/etc/passwd"}, 404, "no operation"),
        ("get", {"recrod": "a/b"}, 400, "did you mean 'record'"),
        ("get", {}, 400, "record"),
        ("get", {"record": 7}, 400, "record"),
        ("get", {"record": "nothing"}, 400, "kind/id"),
        ("find", {"kind": "custmer"}, 404, "did you mean 'customer'"),
        ("propose", {"proposal": {"id": "p", "chagnes": []}}, 400, "did you mean 'changes'"),
        (
            "propose",
            {"proposal": {"id": "p", "changes": [{"do": "put", "recrod": "a/b"}]}},
            400,
            "did you mean 'record'",
        ),
        ("propose", {"proposal": {"id": "p", "changes": [{"do": "fly"}]}}, 400, "fly"),
        ("wait", {"ticket": "$queue/none", "timeout": "1y"}, 400, "timeout"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    serve: Serve, operation: str, request_: dict[str, object], status: int, words: str
) -> None:
    with serve().client("sales") as sales:
        answer = post(sales, operation, **request_)
        assert answer.status_code == status, answer.text
        assert words in answer.json()["detail"]


def test_bodies_are_bounded_and_plain_json(serve: Serve) -> None:
    with serve(body_bytes=1_000).client("sales") as sales:
        url, json = "operations/put", {"Content-Type": "application/json"}
        assert sales.post(url, content=b"x" * 1_001, headers=json).status_code == 413
        assert sales.post(url, content=iter([b"x" * 600, b"x" * 600]), headers=json).status_code == 413
        assert sales.post(url, content=b"{}", headers={"Content-Type": "text/plain"}).status_code == 415
        assert sales.post(url, content=b"{}", headers=json | {"Content-Encoding": "gzip"}).status_code == 415
        for body in (b"[]", b"nul", b"\xff", b'"x"', b"[" * 900):
            answer = sales.post(url, content=body, headers=json)
            assert (answer.status_code, answer.json()["retry"]) == (400, "never"), body


def test_the_same_idempotency_key_is_the_same_attempt(serve: Serve) -> None:
    with serve().client("sales", headers={"Idempotency-Key": "once-1"}) as sales:
        change = {"record": "customer/acme", "fields": {"orders": 1}}
        post(sales, "put", **PUT, id="once-1")
        with_key = sales.headers["Idempotency-Key"]
        assert with_key == "once-1"
        sales.headers["Idempotency-Key"] = "add-1"
        first, second = post(sales, "add", **change), post(sales, "add", **change)
        assert first.json()["revision"] == second.json()["revision"]
        assert post(sales, "get", record="customer/acme").status_code == 400, "a read takes none"
        assert post(sales, "add", **change, id="other").status_code == 400
        proposal = {"changes": [{"do": "archive", "record": "customer/acme"}]}
        assert post(sales, "propose", proposal=proposal).status_code == 409, "other content under a used id"
        del sales.headers["Idempotency-Key"]
        assert post(sales, "get", record="customer/acme").json()["values"]["orders"] == 1


def test_an_agent_that_asks_too_much_is_slowed_down_alone(serve: Serve) -> None:
    served = serve(requests_per_s=0.1, burst=3)
    with served.client("sales") as sales, served.client("support") as support:
        answers = [post(sales, "count", kind="customer").status_code for _ in range(5)]
        assert answers == [200, 200, 200, 429, 429]
        slow = post(sales, "count", kind="customer")
        assert int(slow.headers["retry-after"]) >= 1
        assert post(support, "count", kind="customer").status_code == 200


def test_in_the_way_for_trying_out_a_name_is_enough_but_never_a_human_s(serve: Serve) -> None:
    served = serve(dev=True)
    with served.client("sales") as sales, served.client("ann") as ann, served.client(None) as nobody:
        assert post(sales, "put", **PUT).json()["outcome"] == "committed"
        assert post(sales, "why", record="customer/acme", field="status").json()["event"]["known"] == "claimed"
        refused = post(ann, "set", record="customer/acme", fields={"name": "A"}, was={"name": "Acme"})
        assert (refused.status_code, refused.json()["findings"][0]["code"]) == (403, "identity.key_needed")
        assert post(nobody, "get", record="customer/acme").status_code == 401
        assert sales.get("records/customer/acme", headers={"Host": "evil.example"}).status_code == 400
    with served.client("salse") as misspelt:
        assert "did you mean 'sales'" in post(misspelt, "get", record="customer/acme").json()["detail"]


def test_what_is_asked_of_no_address_is_a_problem_too(serve: Serve) -> None:
    served = serve()
    with served.client("sales") as sales:
        for answer, status in (
            (sales.get("nothing"), 404),
            (sales.get("operations/get"), 405),
            (httpx2.post(f"{served.url}/v1/other/operations/get", json={}, headers=sales.headers), 404),
        ):
            assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_health_readiness_and_the_description_need_no_key(serve: Serve) -> None:
    url = serve().url
    assert httpx2.get(f"{url}/healthz").json() == {"status": "ok"}
    assert httpx2.get(f"{url}/readyz").json()["workspaces"].keys() == {"crm"}
    assert httpx2.get(f"{url}/openapi.json").json()["openapi"] == "3.1.0"
    page = httpx2.get(f"{url}/docs")
    assert "/v1/{workspace}/operations/propose" in page.text
    assert "http://" not in page.text.replace("http://www.w3.org", "")
