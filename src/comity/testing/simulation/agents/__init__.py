"""The scripted agents: what each role does all day, with every pattern that Comity has.

- :mod:`.acting`      what they share: thinking, settling a proposal, asking again what got no answer
- :mod:`.selling`     upsells with e-mails, prices to approve, offers, workflows, blind and foreign writes
- :mod:`.supporting`  escalations, their end, answers to offers, tasks of workflows
- :mod:`.planning`    plans that queue, references, tidying up
- :mod:`.tallying`    what commutes, leases with places in line, stale tokens
- :mod:`.overseeing`  the human: pins, pauses, freezes, approvals

An agent knows nothing of the run that it is in: it has handles, time and chance. Forbidden:
to look at the store, to know what the checkers look for, and to be careful.
"""
