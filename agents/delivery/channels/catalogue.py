"""All channels by name."""

from collections.abc import Mapping
from types import MappingProxyType

from agents.delivery.channels import Channel
from agents.delivery.channels.apprise import AppriseChannel
from agents.delivery.channels.file import FileChannel, StdoutChannel
from agents.delivery.channels.mail import MailChannel
from agents.delivery.channels.slack import Slack
from agents.delivery.channels.webhook import Webhook

CHANNELS: Mapping[str, Channel] = MappingProxyType(
    {
        "slack": Slack(),
        "webhook": Webhook(),
        "mail": MailChannel(),
        "apprise": AppriseChannel(),
        "file": FileChannel(),
        "stdout": StdoutChannel(),
    }
)
"""A new channel is one line here."""
