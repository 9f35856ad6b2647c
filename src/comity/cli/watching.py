"""The feed as it comes: a view that renews itself on a terminal, lines in a pipe, JSON for programs."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Mapping
from typing import Annotated, Any, Final

from cyclopts import Parameter
from rich.console import Console, RenderableType
from rich.live import Live

from comity.cli.arguments import request_of, signature_of
from comity.cli.exits import OK
from comity.cli.output import Output
from comity.cli.rendering.feeding import end, item_lines, timeline
from comity.cli.rendering.harmless import Harmless
from comity.cli.workspaces import Access, opened
from comity.operations import BY_NAME, FeedItem
from comity.workspace import Feed

HELP: Final = "Show what is committed, as it comes, until Ctrl-C."
FEED: Final = BY_NAME["feed"]
_OWN: Final = frozenset({"after", "limit", "wait_s"})
_REFRESHES_PER_S: Final = 8
_FRAME_LINES: Final = 4
"""Of a terminal's, which the view's head and foot take."""

_AFTER: Final = Parameter(
    help="begin behind this cursor or revision; 'start' for the beginning. Else: now, or with --no-follow the beginning"
)
_NO_FOLLOW: Final = Parameter(
    name="--no-follow", negative=(), show_default=False, help="end where nothing is left, instead of waiting for more"
)


def parameters() -> list[inspect.Parameter]:
    """Return the options: what passes, as for ``comity feed``, where to begin, and whether to wait for more."""
    passing = [one for one in signature_of(FEED) if one.name not in _OWN]
    option = inspect.Parameter.KEYWORD_ONLY
    return [
        *passing,
        inspect.Parameter("after", option, annotation=Annotated[int | str | None, _AFTER], default=None),
        inspect.Parameter("no_follow", option, annotation=Annotated[bool, _NO_FOLLOW], default=False),
    ]


def watch(arguments: Mapping[str, Any], access: Access, output: Output) -> int:
    """Show what passes until it ends, or is ended by Ctrl-C, and return the exit code."""
    passing = dict(arguments)
    follow = not passing.pop("no_follow", False)
    after = passing.pop("after", None) or ("now" if follow else "start")
    request_of(FEED, passing)
    with opened(access, may_make=False) as speaker, speaker.feed(after, follow=follow, **passing) as feed:
        try:
            _show(feed, output, follow=follow)
        except KeyboardInterrupt:
            feed.close()
        if not output.is_json:
            output.console().print(Harmless(end(feed.cursor)))
    return OK


def _show(feed: Feed[FeedItem], output: Output, *, follow: bool) -> None:
    if output.is_json:
        for item in feed:
            output.write(item)
        return
    console = output.console()
    if follow and console.is_terminal:
        show_live(feed, console)
        return
    for item in feed:
        for part in item_lines(item):
            console.print(Harmless(part))


def show_live(feed: Feed[FeedItem], console: Console) -> None:
    """Show the last items in a view that renews itself; what it showed last stays there."""
    shown: deque[FeedItem] = deque(maxlen=max(console.height - _FRAME_LINES, 1))

    def view() -> RenderableType:
        return Harmless(timeline(list(shown), feed.cursor))

    with Live(view(), console=console, refresh_per_second=_REFRESHES_PER_S) as live:
        for item in feed:
            shown.append(item)
            live.update(view())
