"""Alerts through Apprise: a hundred more services, as text. The credentials' url is the Apprise address."""

import re

from agents.delivery import wording
from agents.delivery.channels import Conversation, Fault, Job, Notice, Result
from agents.delivery.once import of_unrepeatable
from schemas.delivery import Cause, Credentials, Endpoint, Verdict

_ADDRESS = re.compile(r"([a-z][a-z0-9]{0,31})://[\x21-\x7e]{1,2000}", re.IGNORECASE)
_CALLS = re.compile(r"@(?=everyone|here|channel|all\b)|<(?=[!@#])", re.IGNORECASE)


class AppriseChannel:
    """One service by its Apprise address, with one target in it."""

    name = "apprise"
    per_second: float | None = 1.0
    burst = 3
    concurrency = 1

    def faults(self, endpoint: Endpoint, credentials: Credentials) -> list[str]:
        """What is wrong with the address, without showing it."""
        url = credentials.url
        if url is None:
            return ["credentials.url: expected an Apprise address such as discord://..., found nothing"]
        if not _ADDRESS.fullmatch(url):
            return ["credentials.url: expected an Apprise address such as discord://..., found something else"]
        return []

    def shown(self, endpoint: Endpoint, credentials: Credentials) -> str:
        """The service alone: all else in an Apprise address may be secret."""
        address = _ADDRESS.fullmatch(credentials.url or "")
        return f"{address[1].lower()}://" if address else ""

    def deliver(self, job: Job) -> Conversation:
        """One text. What may have arrived is not tried again."""
        faults = self.faults(job.endpoint, job.credentials)
        if faults:
            return Result(verdict=Verdict.REFUSED, cause=Cause.INVALID_ADDRESS, detail=faults[0])
        said = yield Notice(
            title=_silent(wording.title(job.delivery, job.alert)),
            body=_silent(wording.details(job.delivery, job.alert)),
        )
        if isinstance(said, Fault):
            return of_unrepeatable(said)
        return Result(verdict=Verdict.DELIVERED, cause=Cause.OK, detail="taken")


def _silent(text: str) -> str:
    """Without words that would call everybody of a chat: a quoted "@everyone" is only text."""
    return _CALLS.sub("\\g<0>\u200b", text)
