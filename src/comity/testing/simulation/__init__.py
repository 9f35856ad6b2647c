"""A seeded simulation: dozens of agents at work on one real file, in processes that crash, under a clock that jumps.

What it is for: to look for what no test thought of. A seed decides everything: who does what
and when, how long they think, which call to the store fails on which side, which process
dies in the middle of what, where the clock jumps, what the receiver of effects hears. There
are two dozen scripted agents, a human, three processes (engines of their own on one SQLite
file, as several processes have), followers of the feed and a receiver of e-mails.

Promised: a seed is the same run each time, in any process: the same log byte for byte, the
same answers, the same :attr:`History.digest`. Nothing is imitated: the store is the real
one, stopped where :mod:`comity.testing.faulty_store` says; the agents use the public handles.
Twelve :mod:`checkers <comity.testing.simulation.checkers>` then decide whether each promise was kept.

    python -m comity.testing.simulation --seeds 1000             # or: make sim SEEDS=1000
    python -m comity.testing.simulation --first 4711 --seeds 1   # play one again

- :mod:`.scene`       the definition, and the base that each run begins with
- :mod:`.scheduling`  whose turn it is: one scheduler, one clock, no threads
- :mod:`.processes`   engines that die and start again
- :mod:`.agents`      what each role does all day
- :mod:`.witness`     what is written down meanwhile
- :mod:`.playing`     one run, from the first proposal to the end of the last wait
- :mod:`.checkers`    one promise each
- :mod:`.running`     many runs

Forbidden: threads within a run, the machine's own clock or chance, and a checker that asks the
engine whether the engine is right. The method is that of TigerBeetle's simulator and of
FoundationDB's before it.
"""

from comity.testing.simulation.checkers import CHECKERS
from comity.testing.simulation.playing import History
from comity.testing.simulation.running import Outcome, Summary, examine, run_seed, run_seeds, stage

__all__ = ["CHECKERS", "History", "Outcome", "Summary", "examine", "run_seed", "run_seeds", "stage"]
