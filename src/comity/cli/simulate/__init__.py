"""``comity simulate``: what each pattern is worth, counted on one workload.

The same agents do the same work, drawn from a seed, several times over: first on plain
SQLite as first versions are written, then with a version column, then through Comity with one
more pattern switched on each time. One judge, who knows nothing of how a world works, counts
afterwards what went wrong, from what everybody had seen, what they meant to do, and what the
base held before and after. Time is simulated (agents think for seconds), chance is seeded:
a seed gives the same history each time. Only the time that a world takes is the machine's.

- :mod:`.acts`         what is written down of an act: looks, changes, what came of it
- :mod:`.agents`       what the agents do, once for all worlds
- :mod:`.plain`        the worlds without Comity
- :mod:`.coordinated`  the worlds with it, and what each of them declares
- :mod:`.staging`      one run: whose turn it is, and when
- :mod:`.judging`      what went wrong
- :mod:`.showing`      the table, the document
- :mod:`.picture`      the picture
- :mod:`.playing`      the command

Forbidden: an agent that knows in which world it is, and a judge that does.
"""
