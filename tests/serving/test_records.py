"""Records as resources: ETags, preconditions, and what is told where they fail (RFC 9110, RFC 6585)."""

from __future__ import annotations

import httpx2
import pytest

from tests.serving.conftest import Serve, Served

ACME = "records/customer/acme"


@pytest.fixture
def served(serve: Serve) -> Served:
    served = serve(dev=True)
    with served.client("sales") as sales:
        made = sales.put(ACME, json={"name": "Acme", "status": "active"}, headers={"If-None-Match": "*"})
        assert made.status_code == 200, made.text
    return served


def test_a_record_is_read_with_its_tag_and_not_sent_again(served: Served) -> None:
    with served.client("support") as support:
        got = support.get(ACME)
        assert got.json()["values"] == {"name": "Acme", "status": "active"}
        same = support.get(ACME, headers={"If-None-Match": f'"x.1", {got.headers["etag"]}'})
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", got.headers["etag"])
        assert support.get("records/customer/none").status_code == 404
        assert support.get(ACME, params={"att": "1"}).status_code == 400


def test_a_record_is_created_once(served: Served) -> None:
    with served.client("sales") as sales:
        again = sales.put(ACME, json={"name": "Other"}, headers={"If-None-Match": "*"})
        assert again.status_code in (409, 412), again.text
        assert sales.get(ACME).json()["values"]["name"] == "Acme"


def test_a_change_says_what_it_rests_on(served: Served) -> None:
    with served.client("sales") as sales:
        for answer in (sales.put(ACME, json={}), sales.patch(ACME, json={"status": "churned"}), sales.delete(ACME)):
            assert (answer.status_code, answer.json()["code"]) == (428, "freshness.blind_write")
            assert "If-Match" in answer.json()["detail"]


def test_with_a_tag_nothing_of_the_record_may_have_changed(served: Served) -> None:
    with served.client("sales") as sales, served.client("support") as support:
        tag = sales.get(ACME).headers["etag"]
        bad = support.patch(ACME, json={"health": "bad"}, headers={"If-Match": tag, "Comity-Reason": "T-42"})
        assert bad.status_code == 200, bad.text
        late = sales.patch(ACME, json={"status": "churned"}, headers={"If-Match": tag})
        assert late.status_code == 412
        assert late.json()["findings"][0]["moved"][0]["field"] == "health"
        assert "T-42" in late.json()["detail"]
        fresh = sales.patch(ACME, json={"status": "churned"}, headers={"If-Match": sales.get(ACME).headers["etag"]})
        assert fresh.status_code == 200


def test_with_a_revision_only_the_fields_that_are_sent_count(served: Served) -> None:
    with served.client("sales") as sales, served.client("support") as support:
        seen = {"Comity-Seen": sales.get(ACME).headers["comity-revision"]}
        assert support.patch(ACME, json={"health": "bad"}, headers=seen).status_code == 200
        assert sales.patch(ACME, json={"name": "Acme Inc"}, headers=seen).status_code == 200
        assert sales.patch(ACME, json={"name": "Acme Ltd"}, headers=seen).status_code == 412


def test_put_has_exactly_the_fields_sent_and_patch_clears_what_is_null(served: Served) -> None:
    with served.client("sales") as sales:
        tag = {"If-Match": sales.get(ACME).headers["etag"]}
        assert sales.patch(ACME, json={"orders": 3, "name": None}, headers=tag).status_code == 200
        got = sales.get(ACME)
        assert got.json()["values"] == {"status": "active", "orders": 3}
        assert sales.put(ACME, json={"status": "at_risk"}, headers={"If-Match": got.headers["etag"]}).status_code == 200
        assert sales.get(ACME).json()["values"] == {"status": "at_risk"}


def test_a_record_is_deleted_with_its_tag_and_was_there_before(served: Served) -> None:
    with served.client("sales") as sales:
        got = sales.get(ACME)
        assert sales.delete(ACME, headers={"If-Match": got.headers["etag"]}).status_code == 200
        assert sales.get(ACME).json()["life"] == "deleted"
        before = sales.get(ACME, params={"at": got.headers["comity-revision"]})
        assert before.json()["values"]["name"] == "Acme"


@pytest.mark.parametrize(
    "headers", [{"If-Match": "W/x"}, {"If-Match": '"a.b"'}, {"Comity-Seen": "-1"}, {"Comity-Seen": "9" * 30}]
)
def test_what_is_no_proof_is_refused(served: Served, headers: dict[str, str]) -> None:
    with served.client("sales") as sales:
        assert sales.patch(ACME, json={"name": "B"}, headers=headers).status_code == 400


def test_a_tag_of_another_life_of_the_base_proves_nothing(served: Served) -> None:
    with served.client("sales") as sales:
        answer = sales.patch(ACME, json={"name": "B"}, headers={"If-Match": '"0123456789abcdef.1"'})
        assert answer.status_code in (409, 412), answer.text


def test_a_search_takes_its_conditions_from_the_query(served: Served) -> None:
    with served.client("sales") as sales:
        for number in range(5):
            sales.put(f"records/customer/c{number}", json={"orders": number}, headers={"If-None-Match": "*"})
        query: list[tuple[str, str | int | float | bool | None]] = [
            ("where", "orders > 0"), ("where", "orders < 4"), ("order", "-orders"), ("limit", 2),
        ]  # fmt: skip
        page = sales.get("records/customer", params=httpx2.QueryParams(query)).json()
        assert [one["values"]["orders"] for one in page["records"]] == [3, 2]
        rest = sales.get("records/customer", params=httpx2.QueryParams([*query, ("after", page["after"])])).json()
        assert [one["values"]["orders"] for one in rest["records"]] == [1]
        assert sales.get("records/customer", params={"wher": "x"}).status_code == 400
        assert sales.get("records/custmer").status_code == 404


def test_an_address_with_anything_in_it_is_the_record_s_id(served: Served) -> None:
    with served.client("sales") as sales:
        for name in ("%2e%2e/%2e%2e/etc/passwd", "a%2Fb", "%C3%BCn", "x;drop", "%00", "%0d%0aSet-Cookie:x", "a%20b"):
            answer = sales.get(f"records/customer/{name}")
            assert answer.status_code in (400, 404), (name, answer.status_code)
