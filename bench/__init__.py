"""The benchmarks: what coordination costs and saves, beside the same job by hand.

``python -m bench`` runs them all, ``python -m bench commits hot_record`` some, ``--quick``
small. Both sides of a comparison run in alternating rounds on one file system with the same
sync, and ratios are taken inside a round, so that a machine that slows down slows both. A
ratio above 1 is better for Comity, whatever the unit; where an aim is a number of its own,
such as 1.05 runs of a model, it is shown as the ratio that it would be in that run.

``contention`` has crowds of agents think between what they see and what they write, in real
time: all of it takes a quarter of an hour. ``tokens`` counts what agents must read. Both are
the same whatever else the machine does, as far as they count.

Results are printed and saved under ``bench/results``. Nothing here is asserted: tests see
to it that the benchmarks run and that their rows are well-formed, and hold what is counted
against its aims.
"""
