"""The benchmarks: what coordination costs and saves, beside the same job by hand.

``python -m bench`` runs them all, ``python -m bench commits hot_record`` some, ``--quick``
small. Both sides of a comparison run in alternating rounds on one file system with the same
sync, and ratios are taken inside a round, so that a machine that slows down slows both. A
ratio above 1 is better for Comity, whatever the unit.

Results are printed and saved under ``bench/results``. Nothing here is asserted: tests see
to it that the benchmarks run and that their rows are well-formed.
"""
