"""Alerts as lines of JSON, each the CloudEvent that a webhook is sent: at the end of a file, or on standard output."""

from agents.delivery import cloudevents, wording
from agents.delivery.answers import of_fault
from agents.delivery.channels import Conversation, Fault, Job, Line, Result
from schemas.delivery import Cause, Credentials, Endpoint, Verdict

_MAX_PATH = 4000


class FileChannel:
    """Lines for the end of a file. Settings: path."""

    name = "file"
    per_second: float | None = None
    burst = 1
    concurrency = 1

    def faults(self, endpoint: Endpoint, credentials: Credentials) -> list[str]:
        """What is wrong with the path."""
        path = endpoint.settings.get("path", "")
        if not path or len(path) > _MAX_PATH or path.endswith("/") or not path.isprintable():
            return [
                f"settings.path: expected the path of a file, without control characters, "
                f'found "{wording.one_line(path, 200)}"'
            ]
        return []

    def shown(self, endpoint: Endpoint, credentials: Credentials) -> str:
        """The path."""
        return wording.one_line(endpoint.settings.get("path", ""), 200)

    def deliver(self, job: Job) -> Conversation:
        """One line."""
        faults = self.faults(job.endpoint, job.credentials)
        if faults:
            return Result(verdict=Verdict.REFUSED, cause=Cause.INVALID_ADDRESS, detail=faults[0])
        return (yield from _written(job, job.endpoint.settings["path"]))


class StdoutChannel:
    """Lines on standard output, for a pipe."""

    name = "stdout"
    per_second: float | None = None
    burst = 1
    concurrency = 1

    def faults(self, endpoint: Endpoint, credentials: Credentials) -> list[str]:
        """Nothing can be wrong."""
        return []

    def shown(self, endpoint: Endpoint, credentials: Credentials) -> str:
        """Where it goes."""
        return "standard output"

    def deliver(self, job: Job) -> Conversation:
        """One line."""
        return (yield from _written(job, None))


def _written(job: Job, path: str | None) -> Conversation:
    if job.alert is not None:
        event = cloudevents.of_alert(job.alert, job.delivery)
    elif not job.delivery.has_alert:
        event = cloudevents.of_digest(job.delivery)
    else:
        return Result(verdict=Verdict.FAILED, cause=Cause.MISSING_ALERT, detail="the alert was not found")
    said = yield Line(path=path, text=event)
    if isinstance(said, Fault):
        return of_fault(said)
    return Result(verdict=Verdict.DELIVERED, cause=Cause.OK, detail="written")
