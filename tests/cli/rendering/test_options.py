from __future__ import annotations

import pytest

from comity.cli.rendering.options import as_options


@pytest.mark.parametrize(
    ("python", "options"),
    [
        (
            "Decide again; if it still stands, repeat it with accept=17.",
            "Decide again; if it still stands, repeat it with --accept 17.",
        ),
        (
            "Having seen these values, repeat with accept=3, or say was={…}, or use edit.",
            "Having seen these values, repeat with --accept 3, or say --was FIELD=VALUE.",
        ),
        (
            "Open the agent with key=…; 'comity agents key' issues one.",
            "Show it with --key-file FILE; 'comity agents key' issues one.",
        ),
        ("Say about=['customer/…'], or write to it.", "Say --about customer/…, or write to it."),
        (
            "say which one holds the ids with key=COLUMN. Columns: a",
            "say which one holds the ids with --key COLUMN. Columns: a",
        ),
        (
            "Take a place in line (lease with wait=…), or have the change wait with if_held='queue'.",
            "Take a place in line ('comity leases take SUBJECT --wait 30s'), or have the change wait with"
            " --if-held queue.",
        ),
        ("not_after: 'soon' is no time", "--not-after: 'soon' is no time"),
        ("the field not_after: nothing", "the field not_after: nothing"),
        ("Correct the value.", "Correct the value."),
    ],
)
def test_advice_in_the_words_of_the_command_line(python: str, options: str) -> None:
    assert as_options(python) == options
