"""Channels whose receiver cannot tell a message sent twice: what may have arrived is not sent again."""

import msgspec

from agents.delivery.answers import of_fault
from agents.delivery.channels import Fault, Result
from schemas.delivery import Verdict

UNKNOWN = "no answer after sending; it may have arrived"


def of_unrepeatable(fault: Fault) -> Result:
    """What it means that there is no answer: dead, for an operator to look at, where it may have arrived.

    A crash of ours is no such answer: then it goes out again, as nothing may be lost.
    """
    result = of_fault(fault)
    if not fault.may_have_arrived:
        return result
    return msgspec.structs.replace(result, verdict=Verdict.REFUSED, detail=UNKNOWN)
