"""The OpenAPI document, made from the table of operations, and a page that shows it."""

from __future__ import annotations

from functools import cache
from html import escape
from typing import Any, Final

import msgspec

from comity import __version__
from comity.model.decisions import Decision
from comity.operations import Operation, RecordAnswer, RecordsAnswer
from comity.server.calling import SERVED
from comity.server.problems import MEDIA, Problem
from comity.server.standing import Standing

_SCHEMA: Final = "#/components/schemas/{name}"
_ABOUT: Final = (
    "Comity lets several agents work on the same records without treading on each other."
    " Every operation is a POST of its request; records can be read and written as resources too."
)
_JSON: Final = "application/json"
_PROBLEM: Final = {
    "description": "An error, with what to do next",
    "content": {MEDIA: {"schema": {"$ref": _SCHEMA.format(name="Problem")}}},
}


@cache
def document() -> dict[str, Any]:
    """Return the document, in the form of OpenAPI 3.1."""
    types = (
        [one.request for one in SERVED]
        + [one.answer for one in SERVED]
        + [Problem, RecordAnswer, RecordsAnswer, Standing]
    )
    schemas, components = msgspec.json.schema_components(types, ref_template=_SCHEMA)
    requests, answers = schemas[: len(SERVED)], schemas[len(SERVED) : 2 * len(SERVED)]
    paths: dict[str, Any] = {
        f"/v1/{{workspace}}/operations/{one.name}": {"post": _operation(one, request, answer)}
        for one, request, answer in zip(SERVED, requests, answers, strict=True)
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Comity", "version": __version__, "description": _ABOUT, "license": {"name": "Apache-2.0"}},
        "security": [{"key": []}, {"name": []}],
        "paths": {**paths, **_record_paths(), **_workspace_paths(), **_plain_paths()},
        "components": {
            "schemas": components,
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "the key of an agent"},
                "name": {"type": "apiKey", "in": "header", "name": "Comity-Agent", "description": "with --dev only"},
            },
        },
    }


def _operation(one: Operation, request: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    takes_id = "id" in one.request.__struct_fields__ or one.name == "propose"
    responses: dict[str, Any] = {"200": _response("The answer", answer), "default": _PROBLEM}
    if one.answer is Decision:
        responses["202"] = _response("It waits: see waits_for and ticket", answer)
    return {
        "operationId": one.name,
        "summary": one.summary,
        "tags": [one.permission],
        "parameters": [_WORKSPACE, *([_IDEMPOTENCY] if takes_id else [])],
        "requestBody": {"required": True, "content": {_JSON: {"schema": request}}},
        "responses": responses,
    }


def _parameter(name: str, place: str, about: str, **more: Any) -> dict[str, Any]:
    schema = more.pop("schema", {"type": "string"})
    return {"name": name, "in": place, "description": about, "schema": schema, **more}


_WORKSPACE: Final = _parameter("workspace", "path", "the name of the workspace", required=True)
_KIND: Final = _parameter("kind", "path", "the kind of the record", required=True)
_ID: Final = _parameter("id", "path", "the record's id", required=True)
_IDEMPOTENCY: Final = _parameter("Idempotency-Key", "header", "the id of this attempt: a repeat gets the same answer")
_SEEN: Final = [
    _parameter("If-Match", "header", "the ETag of the record as you saw it: nothing of it may have changed"),
    _parameter("If-None-Match", "header", "*: there must be none (PUT)"),
    _parameter("Comity-Seen", "header", "the revision that you saw: the fields sent may not have changed since"),
    _parameter("Comity-Reason", "header", "why, in a few words; it is shown to others"),
    _parameter("Comity-Action", "header", "what this is in business terms, as declared"),
    _IDEMPOTENCY,
]
_STRINGS: Final = {"type": "array", "items": {"type": "string"}}


def _response(about: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": about, "content": {_JSON: {"schema": schema}}}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": _SCHEMA.format(name=name)}


def _record_paths() -> dict[str, Any]:
    one, address = "/v1/{workspace}/records/{kind}/{id}", [_WORKSPACE, _KIND, _ID]
    body = {"required": True, "content": {_JSON: {"schema": {"type": "object"}}}}
    patch = {"required": True, "content": {"application/merge-patch+json": {"schema": {"type": "object"}}}}
    return {
        one: {
            "get": {
                "operationId": "read_record",
                "summary": "Read a record, with its ETag.",
                "tags": ["records"],
                "parameters": [
                    *address,
                    _parameter("at", "query", "a revision, or an RFC 3339 time"),
                    _parameter("fresh", "query", "of the newest commit", schema={"enum": ["true", "false"]}),
                    _parameter("If-None-Match", "header", "the ETag you have: 304 where it is still so"),
                ],
                "responses": {
                    "200": _response("The record", _ref("RecordAnswer")),
                    "304": {"description": "It is still so"},
                    "default": _PROBLEM,
                },
            },
            "put": _write("put_record", "Create a record, or have it be exactly these fields.", address, body),
            "patch": _write("patch_record", "Set the fields sent; null clears one.", address, patch),
            "delete": _write("delete_record", "Delete a record; its history stays.", address, None),
        },
        "/v1/{workspace}/records/{kind}": {"get": _search()},
    }


def _write(name: str, summary: str, address: list[dict[str, Any]], body: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": summary,
        "tags": ["records"],
        "parameters": [*address, *_SEEN],
        **({} if body is None else {"requestBody": body}),
        "responses": {
            "200": _response("It is committed", _ref("Decision")),
            "202": _response("It waits: see waits_for and ticket", _ref("Decision")),
            "412": {**_PROBLEM, "description": "What you saw has changed: what, by whom and why"},
            "428": {**_PROBLEM, "description": "Say what you have seen"},
            "default": _PROBLEM,
        },
    }


def _search() -> dict[str, Any]:
    return {
        "operationId": "search_records",
        "summary": "Find the records of a kind that meet all conditions.",
        "tags": ["records"],
        "parameters": [
            _WORKSPACE,
            _KIND,
            _parameter("where", "query", "a condition such as status=active; repeat for more", schema=_STRINGS),
            _parameter(
                "order", "query", "a field to order by, -field for descending; repeat for more", schema=_STRINGS
            ),
            _parameter("limit", "query", "at most this many", schema={"type": "integer"}),
            _parameter("after", "query", "the cursor that the page before gave"),
            _parameter("life", "query", "live, archived, deleted or any"),
            _parameter("at", "query", "a revision, or an RFC 3339 time"),
        ],
        "responses": {"200": _response("The records", _ref("RecordsAnswer")), "default": _PROBLEM},
    }


def _feed() -> dict[str, Any]:
    sorts = ("kind", "record", "field", "agent", "type", "action")
    return {
        "operationId": "follow_feed",
        "summary": "Follow what is committed, as server-sent events, without end.",
        "tags": ["feed"],
        "parameters": [
            _WORKSPACE,
            _parameter("Last-Event-ID", "header", "the cursor to go on behind"),
            _parameter("after", "query", "a cursor, a revision, 'start' or 'now'"),
            *[_parameter(sort, "query", f"of this {sort} only; repeat for more", schema=_STRINGS) for sort in sorts],
        ],
        "responses": {
            "200": {
                "description": "Events: commit (a commit), mark (how far the feed is), problem (the last one)",
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            },
            "default": _PROBLEM,
        },
    }


def _standing() -> dict[str, Any]:
    return {
        "operationId": "standing",
        "summary": "Tell who asks and where the workspace stands; wait for a commit.",
        "tags": ["feed"],
        "parameters": [
            _WORKSPACE,
            _parameter("at", "query", "a revision, or an RFC 3339 time: answer with the revision that it means"),
            _parameter("behind", "query", "wait for a commit behind this revision", schema={"type": "integer"}),
            _parameter("wait_s", "query", "how many seconds at most", schema={"type": "number"}),
        ],
        "responses": {"200": _response("Who, and the revision", _ref("Standing")), "default": _PROBLEM},
    }


def _workspace_paths() -> dict[str, Any]:
    return {"/v1/{workspace}": {"get": _standing()}, "/v1/{workspace}/feed": {"get": _feed()}}


def _plain_paths() -> dict[str, Any]:
    anything = {"type": "object"}
    return {
        "/healthz": {"get": _plain("health", "Tell whether the process lives.", anything)},
        "/readyz": {"get": _plain("ready", "Tell whether every workspace can be read.", anything)},
    }


def _plain(name: str, summary: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": summary,
        "tags": ["health"],
        "security": [],
        "responses": {"200": _response("It does", schema), "default": _PROBLEM},
    }


@cache
def page() -> str:
    """Return a page that lists every address, with no script and nothing from elsewhere."""
    rows: list[str] = []
    for path, methods in document()["paths"].items():
        for method, one in methods.items():
            rows.append(
                f"<tr><td><code>{method.upper()}</code></td><td><code>{escape(path)}</code></td>"
                f"<td>{escape(one['summary'])}</td></tr>"
            )
    return _PAGE.format(version=escape(__version__), about=escape(_ABOUT), rows="\n".join(rows))


_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Comity {version}</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}}
table{{border-collapse:collapse;width:100%}}td{{border-bottom:1px solid #8884;padding:.3rem .6rem;vertical-align:top}}
code{{font-size:.9em}}:root{{color-scheme:light dark}}</style></head>
<body><h1>Comity {version}</h1><p>{about} The whole description, with every argument, is
<a href="openapi.json">openapi.json</a> (OpenAPI 3.1).</p>
<table>{rows}</table></body></html>
"""
