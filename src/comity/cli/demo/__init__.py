"""``comity demo``: three agents on the same records, first by hand, then through Comity.

Sales, Support and Product are three processes that run fixed programs, no models. The same
script of turns is played twice, on a fresh base each; what came of it is then counted from
the files alone. A third run, with a human as a fourth process, has no collision to be stopped:
there agents yield to a rule, to an owner and to the human. Promised: nothing is sent to anyone,
and no folder is cleared that the demo didn't make. Forbidden here: results that aren't counted,
and turns that differ between the first two runs. Nothing is imported here: the processes of a
run load what they need themselves.
"""
