"""The commands about waiting."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run

RULE = """
[agents]
ann = {}
bob = {}

[kinds.task.fields]
n = { type = "integer" }

[[rules]]
name  = "bob first"
when  = "agent.id == 'ann' && task.n == 1"
then  = "queue"
to    = "bob"
until = "task.n != 1"
"""


def test_who_waits_is_listed_and_goes_in_its_turn(run: Run) -> None:
    Path("comity.toml").write_text(RULE, encoding="utf-8")
    run("apply", "comity.toml", "--db", "crm.db")
    run("put", "task/a", "n=1", "--as", "bob")
    assert run("queue", "list").out.startswith("Nobody waits")
    waiting = run("add", "task/a", "n=5", "--as", "ann", "--id", "p", "--json").json
    assert (waiting["outcome"], waiting["ticket"]) == ("pending", "$queue/p")
    assert "$queue/p" in run("queue", "list").out
    [queued] = run("queue", "list", "--json").json["queued"]
    assert (queued["position"], queued["waits_for"], queued["checks"]) == (1, ["bob"], ["rule.bob_first"])
    assert run("wait", "$queue/p", "--timeout", "0s", "--json").json["outcome"] == "pending"
    assert run("queue", "release", "$queue/p", "--as", "bob").code != 0
    run("set", "task/a", "n=2", "--was", "n=1", "--as", "bob")
    done = run("wait", "$queue/p", "--timeout", "20s", "--json")
    assert (done.code, done.json["outcome"]) == (0, "committed")
    assert run("get", "task/a", "--json").json["values"] == {"n": 7}
