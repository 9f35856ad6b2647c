"""The feed: the log as whoever follows it sees it, complete, in order, from any place on.

Nothing is delivered into it and nothing is kept for anybody: an item is read from the log
when it is wanted. So whoever goes on from a cursor misses nothing and gets nothing twice,
however long it was away, and who is slow holds nobody up. One item stands for one commit.

- :mod:`.selection`  what of the log passes
- :mod:`.reading`  one bite behind a revision: bounded by items, by bytes, by how far it looks
- :mod:`.callbacks`  call-backs of this process, in order, in a thread that runs while there are any

Forbidden here: writing anything, and a bite without a bound.
"""

from __future__ import annotations

from comity.feed.callbacks import Callback, Callbacks, Take
from comity.feed.reading import Bite, position_of, read_bite
from comity.feed.selection import EVERYTHING, Selection, selection_of

__all__ = [
    "EVERYTHING",
    "Bite",
    "Callback",
    "Callbacks",
    "Selection",
    "Take",
    "position_of",
    "read_bite",
    "selection_of",
]
