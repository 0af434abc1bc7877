"""`tocsin gateway`: the HTTP side, on its own."""

import logging
import os
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import click

from schemas.errors import InputError

SECRET = "TOCSIN_SLACK_SIGNING_SECRET"  # noqa: S105  the name of a variable
_CONNECTIONS = 64


def register(cli: click.Group, with_settings: Callable[[Any], Any]) -> None:
    """Add the command."""
    serving: Any = gateway
    for option in reversed(
        (
            click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on."),
            click.option("--port", type=click.IntRange(0, 65_535), default=8081, show_default=True),
            click.option("--public", is_flag=True, help="Listen beyond this machine; TLS is for what stands before."),
            click.option(
                "--slack-secret-file",
                "secret_file",
                type=click.Path(path_type=Path),
                help=f"File with the signing secret of the Slack app.  [{SECRET}]",
            ),
        )
    ):
        serving = option(serving)
    cli.command("gateway")(with_settings(serving))


def gateway(settings: Any, host: str, port: int, public: bool, secret_file: Path | None) -> None:
    """Serve POST /slack/actions, the buttons of messages in Slack, until Ctrl-C."""
    import uvicorn

    from streams.gateway.app import create_gateway
    from streams.settings import Secret

    if not public and not _is_loopback(host):
        raise InputError(f'--host: expected an address of this machine, or --public beside it, found "{host}"')
    secret = Secret(read_secret(secret_file, os.environ.get(SECRET)))
    logging.getLogger("streams.gateway").setLevel(logging.INFO)  # clicks are worth a line each
    app = create_gateway(settings, slack_secret=secret)
    click.echo(f"tocsin: listening on http://{host}:{port}/slack/actions (Ctrl-C stops)", err=True)
    uvicorn.run(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=10,
    )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def read_secret(file: Path | None, variable: str | None) -> str:
    """The signing secret, from the file if one is named. Raises InputError, which never holds it."""
    where = SECRET
    text = variable or ""
    if file is not None:
        where = str(file)
        try:
            text = file.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "not ASCII"
            raise InputError(f"{where}: {why}") from None
    secret = text.strip()
    if not 16 <= len(secret) <= 200 or not secret.isascii() or not secret.isprintable():
        found = f"{len(secret)} characters" if secret else "nothing"
        raise InputError(f"{where}: expected the signing secret of a Slack app (32 characters), found {found}")
    return secret
