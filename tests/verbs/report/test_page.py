"""A report as a page: self-contained, and every text on it is text."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from comity.model.decisions import Finding, Moved
from comity.operations import AgentReport, CheckReport, EventAnswer, Example, ReportAnswer, Step
from comity.verbs.report.page import page_of, text

VOID = {"meta", "br"}
HOSTILE = "<script>alert(1)</script> \"'&\u202e\x1b[31m $title ${cut}"


class Outline(HTMLParser):
    """Collect tags, attributes and text; know whether every tag is closed in turn."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def outline_of(page: str) -> Outline:
    outline = Outline()
    outline.feed(page)
    outline.close()
    assert outline.open == []
    return outline


def report(word: str = HOSTILE) -> ReportAnswer:
    """Return a report with a text in every place that may hold one."""
    event = EventAnswer(
        event="3.0", type=word, record=word, version=1, at=word, by=word, known="claimed", was={word: word}, now={}
    )
    moved = Moved(word, word, word, word, word, 0, word, word)
    found = Finding(word, word, word, "warn", word, (moved,), data={"shadow": "refuse"})
    step = Step(
        at=word,
        by=word,
        outcome="committed",
        proposal=word,
        revision=3,
        known="claimed",
        action=word,
        reason=word,
        cause=word,
        records=(word,),
        events=(event,),
        findings=(found,),
        is_erased=True,
    )
    example = Example(at=word, agent=word, proposal=word, effect="would", message=word, subject=word, action=word)
    check = CheckReport(
        code=word, refused=1, waited=2, would=3, warned=4, reruns=5, agents={word: 1}, examples=(example,)
    )
    return ReportAnswer(
        workspace=word,
        until=word,
        revision=3,
        definition=1,
        record=word,
        agent=word,
        since=word,
        checks=(check,),
        agents=(AgentReport(agent=word, committed=1),),
        timeline=(step,),
        cut=(word,),
    )


def test_s39_no_text_of_others_is_markup() -> None:
    outline = outline_of(page_of(report()))
    assert "script" not in outline.tags
    assert outline.text.count("<script>alert(1)</script>") > 25
    assert "\u202e" not in outline.text
    assert "\x1b" not in outline.text
    assert outline.text.count("$title ${cut}") > 25


def test_nothing_comes_from_elsewhere_and_no_script_runs() -> None:
    page = page_of(report())
    outline = outline_of(page)
    assert not {name for _, name, _ in outline.attributes} & {"src", "href", "srcset", "action", "style", "onload"}
    assert not {name for _, name, _ in outline.attributes if name.startswith("on")}
    assert not re.search(r"url\(|@import|https?://", page)
    policy = next(value for _, name, value in outline.attributes if name == "content" and "default-src" in str(value))
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"
    assert outline.tags <= {
        "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "ul", "ol", "li", "table", "tr", "th", "td",
        "code", "span", "div", "q", "br",
    }  # fmt: skip


def test_an_empty_report_says_so() -> None:
    outline = outline_of(page_of(ReportAnswer(workspace="crm", until="now", revision=0, definition=0)))
    assert outline.text.count("Nothing.") == 3
    assert "from the beginning to now" in outline.text


def test_a_page_tells_what_happened_and_why() -> None:
    told = re.sub(r"\s+", " ", outline_of(page_of(report("acme"))).text)
    for part in (
        "Comity report: acme: acme by acme",
        "Committed: acme, acme acme, revision 3, proposal acme, known by claimed, action acme, caused by event acme",
        "Why: acme",
        "acme acme: acme: acme → empty",
        "(in shadow: would have been stopped) acme",
        "acme.acme: saw acme, was acme, by acme: acme",
        "The contents were erased.",
    ):
        assert part in told


@pytest.mark.parametrize(
    ("given", "shown"),
    [("a & b", "a &amp; b"), ("Zoë", "Zoë"), ("a\nb", "a\\nb"), ("\u2066x", "\\u2066x"), (3, "3")],
)
def test_text(given: object, shown: str) -> None:
    assert text(given) == shown
