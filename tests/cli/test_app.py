from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from comity.cli import exits
from comity.cli.rendering import RENDERINGS
from comity.operations import OPERATIONS, Operation, RecordAnswer
from tests.cli.conftest import Result, Run
from tests.cli.preparing import PREPARED

DEFINITION = """
name = "crm"
undeclared = "allow"
[agents]
sales = { role = "sales" }
support = { role = "support" }
ops = { role = "operations", kind = "human" }
[kinds.customer.fields]
status = { enum = ["active", "lost"], owner = "sales" }
tickets = { type = "integer", owner = "support" }
tags = { type = "array" }
"""

PROPOSAL = '{"id": "p1", "changes": [{"do": "put", "record": "customer/new", "fields": {"n": 1}}]}'
ROWS = "id,n\na,1\nb,2\n"

CALLS: dict[str, tuple[str, ...]] = {
    "feed": ("feed", "--kind", "customer", "--limit", "1"),
    "consume": ("consumers", "read", "sync", "--field", "status"),
    "consumers": ("consumers", "list"),
    "watch": ("inbox", "watch", "customer/acme", "--field", "status", "--as", "sales"),
    "watches": ("inbox", "watches", "--as", "sales"),
    "get": ("get", "customer/acme"),
    "get_many": ("get-many", "customer/acme", "ticket/t1"),
    "stale": ("stale", "customer/acme@1:status"),
    "find": ("find", "customer", "status = lost", "--order", "-status"),
    "count": ("count", "customer"),
    "put": ("put", "customer/new", "status=x"),
    "set": ("set", "customer/beta", "status=x", "--was", "status=lost"),
    "create": ("create", "customer/new"),
    "add": ("add", "customer/acme", "tickets=-1"),
    "include": ("include", "customer/beta", 'tags=["b"]'),
    "exclude": ("exclude", "customer/beta", 'tags=["a"]'),
    "append": ("append", "customer/beta", 'tags=["c"]'),
    "emit": ("emit", "customer/acme", "Nothing", "x=1"),
    "archive": ("archive", "customer/beta", "--accept", "4"),
    "restore": ("restore", "customer/acme"),
    "delete": ("delete", "customer/beta", "--accept", "4"),
    "check": ("check", "customer/beta", "status=x"),
    "propose": ("propose", "proposal.json"),
    "history": ("history", "customer/acme"),
    "at": ("at", "2", "customer", "status=active"),
    "diff": ("diff", "1", "4", "--target", "customer/acme"),
    "why": ("why", "customer/acme", "status"),
    "revert": ("revert", "4", "--reason", "a mistake"),
    "erase": ("erase", "customer/beta", "--reason", "request 17"),
    "verify": ("verify",),
    "refusals": ("refusals",),
    "scan_alerts": ("alerts", "scan", "comity.toml", "--since", "1d"),
    "trace": ("trace", "2.0"),
    "apply": ("apply", "comity.toml", "--dry"),
    "definition": ("definition",),
    "agents": ("agents", "list"),
    "issue_key": ("agents", "key", "ops"),
    "revoke_key": ("agents", "revoke", "ops", "--as", "ops", "--key-file", "key"),
    "import": ("import", "rows.csv", "--kind", "customer"),
    "export": ("export", "out.ndjson"),
    "stats": ("stats",),
    "rules": ("rules", "list"),
    "test_rules": ("rules", "test", "comity.toml"),
    "backtest": ("rules", "backtest", "comity.toml", "--since", "1d"),
    "offer": ("offer", "customer/beta", "status=x", "--was", "status=lost"),
    "offers": ("offers", "list"),
    "split": ("split", "proposal.json"),
    "approvals": ("approvals", "list"),
    "grants": ("grants", "list"),
    "announce": ("intents", "announce", "customer/acme", "--as", "sales"),
    "intents": ("intents", "list"),
    "news": ("news", "customer/acme"),
    "inbox": ("inbox", "list", "--as", "sales"),
    "queue": ("queue", "list"),
    "overrides": ("override", "list"),
    "report": ("report",),
    "effects": ("effects", "list"),
    "run_effects": ("effects", "run"),
    "cancel_effects": ("effects", "cancel", "--agent", "sales", "--reason", "incident"),
    "workflows": ("workflows", "list"),
    "tasks": ("tasks", "list", "--all"),
    "take_lease": ("leases", "take", "customer/acme", "--wait", "1s", "--as", "sales"),
}
"""A call for every row of the table."""


@pytest.fixture
def files(crm: Run) -> Run:
    Path("proposal.json").write_text(PROPOSAL)
    Path("rows.csv").write_text(ROWS)
    Path("comity.toml").write_text('name = "crm"\n')
    return crm


def call(run: Run, operation: Operation, *more: str) -> Result:
    """Make the call of a row, and first what it needs beside the files."""
    if operation.name == "revoke_key":
        Path("key").write_text(run("agents", "key", "ops", "--json").json["key"])
    words = PREPARED[operation.name](run) if operation.name in PREPARED else CALLS[operation.name]
    return run(*words, *more)


def test_a_first_definition_with_problems_makes_no_workspace(run: Run) -> None:
    Path("bad.toml").write_text("kinds = 3\n")
    assert run("apply", "bad.toml", "--db", "new.db").code == 2
    assert [path.name for path in Path().iterdir()] == ["bad.toml"]


def test_a_word_too_many_names_the_options_that_may_be_meant(crm: Run) -> None:
    told = crm("export", "out.csv", "customer")
    assert told.code == 2
    assert "'customer' is one word too many; options that take a value: --kind, --where" in told.err
    assert "'x' is one word too many. Try: comity watch --help" in crm("watch", "x").err


def test_every_row_has_a_call_here_and_a_rendering() -> None:
    rows = [operation for operation in OPERATIONS if "cli" in operation.surfaces]
    assert {operation.name for operation in rows} == {*CALLS, *PREPARED}
    assert {operation.answer for operation in rows} == set(RENDERINGS)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_command_answers_people(files: Run, operation: Operation) -> None:
    result = call(files, operation)
    assert (result.code, bool(result.out), result.err) == (exits.OK, True, "")
    assert "\x1b" not in result.out


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_command_answers_programs_with_its_struct(files: Run, operation: Operation) -> None:
    result = call(files, operation, "--json")
    assert (result.code, result.err) == (exits.OK, "")
    msgspec.json.decode(result.out, type=operation.answer)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_command_explains_itself(run: Run, operation: Operation) -> None:
    result = run(*operation.command, "--help")
    assert result.code == 0
    assert result.out.startswith(f"Usage: comity {' '.join(operation.command)}")
    for name in ("--db", "--as", "--key-file", "--json"):
        assert name in result.out


@pytest.mark.parametrize("words", [(), ("--help",), ("agents",), ("init", "--help"), ("demo", "--help"), ("version",)])
def test_help_of_the_whole(run: Run, words: tuple[str, ...]) -> None:
    assert run(*words).code == 0


# -- exit codes


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (("set", "customer/acme", "status=x", "--was", "status=y"), 1, None),
        (("nope",), 2, "usage"),
        (("get",), 2, "usage"),
        (("get", "customer/acme", "--nope"), 2, "usage"),
        (("get", "customer"), 2, "invalid_reference"),
        (("get", "customer/acme", "--at", "soon"), 2, "invalid"),
        (("put", "customer/acme", "status"), 2, "invalid"),
        (("put", "customer/acme", "a=1", "a=2"), 2, "invalid"),
        (("find", "customer", "status ~ x"), 2, "invalid_query"),
        (("find", "customer", "--life", "dead"), 2, "usage"),
        (("find", "customer", "--limit", "many"), 2, "usage"),
        (("find", "customer", "--limit", "100000"), 2, "limit_exceeded"),
        (("export", "--nope"), 2, "invalid"),
        (("export", "out.xlsx"), 2, "invalid"),
        (("apply", "bad.toml"), 2, "invalid_definition"),
        (("propose", "-"), 2, "invalid"),
        (("propose", "misspelt.json"), 2, "invalid"),
        (("apply", "crm.db"), 2, "invalid"),
        (("stats", "--db", "empty.db"), 3, "not_found"),
        (("stale", "customer/acme"), 2, "invalid"),
        (("get", "customer/nobody"), 3, None),
        (("get", "customer/acme", "--at", "99"), 3, "not_found"),
        (("find", "custmer"), 3, "not_found"),
        (("why", "customer/nobody"), 3, "not_found"),
        (("import", "nowhere.csv"), 3, "not_found"),
        (("apply", "nowhere.toml"), 3, "not_found"),
        (("get", "customer/acme", "--db", "nowhere.db"), 3, "not_found"),
        (("get", "customer/acme", "--as", "not a name"), 4, "unknown_agent"),
        (("get", "customer/acme", "--as", "ops", "--key-file", "key"), 4, "not_permitted"),
        (("get", "customer/acme", "--db", "bad.toml"), 5, "store_damaged"),
        (("import", "bad.ndjson"), 6, None),
        (("verify", "--head", "1:00"), 6, None),
    ],
)
def test_exit_codes(crm: Run, words: tuple[str, ...], code: int, error: str | None) -> None:
    Path("bad.toml").write_text("kinds = 3\n")
    Path("empty.db").touch()
    Path("misspelt.json").write_text('{"changes": [{"do": "put", "record": "c/1", "values": {"n": 1}}]}')
    Path("bad.ndjson").write_text("{\n")
    Path("key").write_text("comity_no_key\n")
    told = crm(*words)
    assert told.code == code, told
    assert "Traceback" not in told.err
    programs = crm(*words, "--json")
    assert programs.code == code
    if error is None:
        assert programs.json
    else:
        assert told.out == ""
        assert told.err.startswith("error: ")
        assert programs.error["code"] == error
        assert programs.error["retry"] == "never"


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("inbox", "ack"), "ITEM"),
        (("get-many",), "RECORD"),
        (("news",), "RECORD"),
        (("stale",), "RECORD@REVISION[:FIELD,FIELD]"),
        (("leases", "take"), "SUBJECT"),
        (("leases", "renew"), "SUBJECT"),
        (("leases", "release"), "SUBJECT"),
    ],
)
def test_a_list_that_is_left_out_is_asked_for(crm: Run, words: tuple[str, ...], wanted: str) -> None:
    result = crm(*words, "--as", "sales")
    assert (result.code, result.out) == (exits.INVALID, "")
    assert result.err.startswith(f"error: name at least one {wanted}. Usage: comity {' '.join(words)} ")
    assert crm(*words, "--json").error["code"] == "invalid"


def test_a_single_change_may_wait_or_be_offered(crm: Run) -> None:
    crm("leases", "take", "customer/acme", "--as", "support")
    change = ("set", "customer/acme", "tickets=3", "--was", "tickets=2", "--as", "sales")
    refused = crm(*change)
    assert "'comity leases take SUBJECT --wait 30s'" in refused.err
    assert "--if-held queue" in refused.err
    waiting = crm(*change, "--if-held", "queue", "--id", "w1", "--json").json
    assert (waiting["outcome"], waiting["ticket"]) == ("pending", "$queue/w1")
    token = crm("leases", "list", "--json").json["places"][0]["token"]
    mine = ("set", "customer/acme", "tickets=4", "--was", "tickets=2", "--as", "support")
    assert crm(*mine, "--leases", f"customer/acme={token}").code == 0
    stale = crm(*mine[:2], "tickets=5", "--accept", "7", "--as", "support", "--leases", "customer/acme=1:1")
    assert "lease.lapsed" in stale.err


def test_a_refusal_that_is_raised_carries_its_decision(crm: Run) -> None:
    Path("comity.toml").write_text(DEFINITION)
    assert crm("set", "customer/acme", "status=active", "--was", "status=at_risk").code == 0
    assert crm("apply").code == 0
    fault = crm("agents", "key", "ops", "--as", "sales", "--json").error
    assert (fault["code"], fault["decision"]["findings"][0]["code"]) == ("refused", "identity.not_operator")


def test_no_workspace_or_several(run: Run) -> None:
    assert "there is no workspace in this folder" in run("stats").err
    Path("other.db").write_text("no base")
    run("put", "c/1", "--db", "a.db")
    assert run("stats").code == 0
    run("put", "c/1", "--db", "b.db")
    assert "a.db, b.db" in run("stats").err


# -- who acts


def test_agents_keys_and_variables(crm: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("comity.toml").write_text('[agents]\nsales = { role = "s" }\nops = { role = "o", kind = "human" }\n')
    assert crm("apply").code == 0
    assert "did you mean 'sales'" in crm("get", "customer/acme", "--as", "sale").err
    assert crm("put", "x/1", "--as", "ops").code == 1
    key = crm("agents", "key", "ops", "--json").json["key"]
    Path("key").write_text(f"{key}\n")
    assert crm("put", "x/1", "--as", "ops", "--key-file", "key").code == 0
    monkeypatch.setenv("COMITY_KEY", key)
    assert "not whose" in crm("put", "x/2").err
    monkeypatch.setenv("COMITY_AGENT", "ops")
    assert crm("put", "x/2").code == 0
    assert crm("history", "x/2", "--json").json["events"][0]["known"] == "key"
    assert crm("agents", "revoke", "ops").code == 0
    assert crm("put", "x/3").code == 4
    assert key not in crm("agents", "list", "--json", "--as", "sales", "--key-file", "nokey").out


# -- what is taken


def test_words_are_taken_as_python_takes_them(crm: Run) -> None:
    assert crm("put", "customer/acme", "status = lost", "note=a = b", "--accept", "4").code == 0
    assert crm("append", "customer/acme", "tags=x", "notes=called").code == 0
    assert crm("include", "customer/acme", 'tags=["x","y"]', "--json").json["outcome"] == "committed"
    assert crm("exclude", "customer/acme", "tags=x").code == 0
    values = crm("get", "customer/acme", "--json").json["values"]
    assert values == {"status": "lost", "tickets": 2, "note": "a = b", "tags": ["y"], "notes": ["called"]}
    found = crm("find", "customer", "--order", "status,-tickets", "--order", "tags", "--json").json["records"]
    assert [record["record"] for record in found] == ["customer/acme", "customer/beta"]


def test_a_proposal_needs_no_id(run: Run) -> None:
    changes = '{"changes": [{"do": "put", "record": "customer/new", "fields": {"n": 1}}]}'
    assert run("propose", "-", "--db", "crm.db", stdin=changes).code == 0
    assert run("propose", "-", stdin=changes.replace("put", "create")).code == 1


def test_every_single_change_takes_proof_of_a_read(crm: Run) -> None:
    assert crm("archive", "customer/beta", "--was", "status=won").code == 1
    assert crm("archive", "customer/beta", "--was", "status=lost").code == 0


# -- what people see


def test_the_command_line_speaks_of_options(crm: Run) -> None:
    Path("comity.toml").write_text(DEFINITION)
    crm("set", "customer/acme", "status=active", "--accept", "4")
    assert crm("apply").code == 0
    blind = crm("set", "customer/acme", "status=lost", "--as", "sales").err
    assert "--accept 6, or say --was FIELD=VALUE." in blind
    assert "accept=" not in blind
    Path("customer.csv").write_text("name\nAnn\n")
    assert "with --key COLUMN. Columns: name" in crm("import", "customer.csv").err
    assert crm("put", "c/1", "--not-after", "soon").err.startswith("error: --not-after: ")


def test_what_is_committed_need_not_be_repeated(crm: Run) -> None:
    told = crm("put", "customer/acme", "status=lost", "--as", "sales").out
    assert "warning freshness.blind_write" in told
    assert "Next time read it first, or say --was FIELD=VALUE." in told


def test_a_first_key_says_what_it_means_for_the_system_s_user(crm: Run) -> None:
    assert "the system's user alone may not" in crm("agents", "key", "ops").out
    refused = crm("agents", "key", "other")
    assert (refused.code, "identity.not_operator" in refused.err) == (1, True)


def test_records_that_do_not_fit_are_told_with_what_to_do(crm: Run) -> None:
    Path("comity.toml").write_text('[kinds.customer.fields]\nstatus = { type = "integer" }\n')
    told = crm("apply").err
    assert "customer/acme.status" in told
    assert "Mend these records first" in told


@pytest.mark.parametrize("words", [("stats",), ("put", "c/1")])
def test_what_is_wrong_with_a_file_names_it(run: Run, words: tuple[str, ...]) -> None:
    Path("hello.db").write_text("hello there")
    assert run(*words, "--db", "hello.db").err.startswith("error: hello.db: ")


def test_looking_makes_no_workspace_of_an_empty_file(run: Run) -> None:
    Path("empty.db").touch()
    assert "a workspace is made by put, create, propose or apply" in run("stats", "--db", "empty.db").err
    assert Path("empty.db").stat().st_size == 0
    assert run("put", "c/1", "--db", "empty.db").code == 0


def test_a_conflict_says_what_moved_and_what_to_do(crm: Run) -> None:
    told = crm("set", "customer/acme", "status=lost", "--was", "status=active", "--as", "sales").err
    for text in ("Conflict", "active", "at_risk", "support", '"escalation T-42"', "--accept 4"):
        assert text in told


def test_history_why_and_refusals(crm: Run) -> None:
    told = crm("history", "customer/acme").out
    for text in (
        "status: active → at_risk",
        "by support",
        "customer.updated",
        '"escalation T-42"',
        "event 4.0",
        " UTC",
    ):
        assert text in told
    why = crm("why", "customer/acme", "status").out
    for text in ("at_risk", "by support (claimed)", '"escalation T-42"', "resting on customer/acme.status was active"):
        assert text in why
    assert "freshness.changed" in crm("refusals").out


def test_history_is_no_place_to_read_a_definition(crm: Run) -> None:
    Path("comity.toml").write_text(f'name = "crm"\n# {"x" * 500}\n')
    crm("apply")
    told = crm("history", "$definition/current").out
    assert 'source: - → name = "crm" …' in told
    assert "xxx" not in told + crm("why", "$definition/current").out


def test_pages(crm: Run) -> None:
    first = crm("find", "customer", "--limit", "1").out
    assert "acme" in first
    after = first.split("--after ")[1].strip()
    assert "beta" in crm("find", "customer", "--limit", "1", "--after", after).out


def test_a_definition_can_be_written_back(crm: Run) -> None:
    Path("comity.toml").write_text('# [bold]\nname = "crm"\n')
    crm("apply")
    assert crm("definition").out == '# [bold]\nname = "crm"\n'


def test_exported_records_stay_alone_on_the_standard_output(crm: Run) -> None:
    for words in (("--json",), ()):
        result = crm("export", "-", "--kind", "ticket", *words)
        assert result.out == '{"record":"ticket/t1","values":{"title":"It breaks"}}\n'
        assert "1" in result.err


# -- hostile arguments

HOSTILE = [
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "[bold]x[/bold]",
    "{x!r:9}",
    "\u202eevil",
    "a\x00b",
    "\udcff",
    "😀" * 500,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_neither_steer_the_terminal_nor_break_anything(crm: Run, text: str) -> None:
    for words in (
        ("put", "customer/evil", f"name={text}", "--reason", text),
        ("put", f"customer/{text}", "a=1"),
        ("put", "customer/evil", f"{text}=1"),
        ("find", "customer", f"name = {json.dumps(text)}"),
        ("find", text),
        ("get", text),
        ("get", "customer/evil"),
        ("get", "customer/evil", "--as", text),
        ("history",),
        ("why", "customer/evil", "name"),
        ("why", "customer/acme", text),
        ("refusals",),
        ("import", text),
        (text,),
        ("get", "customer/acme", "--db", f"{text}.db"),
        ("put", "customer/acme", "--db", f"~{text}/x.db"),
    ):
        result = crm(*words)
        assert result.code in exits.MEANINGS
        for sign in ("\x1b", "\x07", "\u202e", "\x00", "Traceback"):
            assert sign not in result.out + result.err, words


def test_a_record_that_was_never_there_is_an_answer_too(crm: Run) -> None:
    answer = msgspec.json.decode(crm("get", "customer/nobody", "--json").out, type=RecordAnswer)
    assert (answer.life, answer.version) == ("absent", 0)
