"""What leaves the building: messages to the outside world, by webhook and by mail.

Promises: a try comes back as a value, whatever the network does: an :class:`Answer`, or
:class:`Unanswered`, which tells what surely wasn't sent from what may have been. No redirect
is followed, no answer is read beyond its bound, no try outlasts its time by much. Messages by
webhook are signed as Standard Webhooks says and have the form of CloudEvents 1.0, so that a
receiver can check whom they are from (:func:`verify`) and drop repeats by their id.

Forbidden here: knowing why something is sent, whether it may be, and whether it was sent
before; the store; secrets anywhere but in the environment that is handed in.
"""

from __future__ import annotations

from comity.outbound.answers import Answer, Outcome, Unanswered, Verdict
from comity.outbound.backoff import delay_s
from comity.outbound.cloud_events import CONTENT_TYPE, CloudEvent, source_of
from comity.outbound.mail import Mail, send_mail
from comity.outbound.signatures import sign, signed_headers, verify
from comity.outbound.webhooks import post, send

__all__ = [
    "CONTENT_TYPE",
    "Answer",
    "CloudEvent",
    "Mail",
    "Outcome",
    "Unanswered",
    "Verdict",
    "delay_s",
    "post",
    "send",
    "send_mail",
    "sign",
    "signed_headers",
    "source_of",
    "verify",
]
