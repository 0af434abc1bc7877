"""A webhook receiver to start from: Python's standard library alone.

    python examples/receiver.py --port 9099 --secret-file secret.txt --db received.db

It does the four things that every receiver of tocsin's webhooks must do:

1. verify the signature over the bytes as they came, before reading them (Standard Webhooks 1.0.0);
2. refuse what is older or newer than five minutes: somebody may have recorded it;
3. keep `webhook-id` for good and do nothing twice: a message may come again, after a lost answer or a restart;
4. answer 2xx only when the message is safe. Everything else makes tocsin try again.

The secret file holds one secret a line; while keys change, both the old and the new one.
"""

import argparse
import base64
import binascii
import hashlib
import hmac
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TOLERANCE_S = 300
MAX_BODY = 100_000


class Receiver:
    """Takes messages, each once. Safe to use from several threads.

    requests  all that came, also what was refused
    """

    def __init__(
        self,
        secrets: Sequence[str],
        db: str = ":memory:",
        *,
        now: Callable[[], float] = time.time,
        on_new: Callable[[str, bytes], None] = lambda message_id, body: print(line(message_id, body), flush=True),
    ) -> None:
        self.requests = 0
        self._keys = [base64.b64decode(secret.removeprefix("whsec_"), validate=True) for secret in secrets]
        self._now = now
        self._on_new = on_new
        self._lock = threading.Lock()
        self._db = sqlite3.connect(db, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")  # what was answered 2xx survives a power cut
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS messages (id TEXT PRIMARY KEY, at REAL NOT NULL, body BLOB NOT NULL)"
        )

    @property
    def distinct(self) -> int:
        """How many different messages were taken, in this run and earlier ones."""
        with self._lock:
            return int(self._db.execute("SELECT count(*) FROM messages").fetchone()[0])

    def take(self, headers: Mapping[str, str], body: bytes) -> int:
        """The HTTP status to answer. Header names in lower case."""
        with self._lock:
            self.requests += 1
        message_id, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not (message_id and stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
            return 400
        if not self._is_signed(f"{message_id}.{stamp}.".encode() + body, headers.get("webhook-signature", "")):
            return 401
        if abs(self._now() - int(stamp)) > TOLERANCE_S:
            return 401
        with self._lock:
            row = (message_id, self._now(), body)
            is_new = self._db.execute("INSERT OR IGNORE INTO messages VALUES (?, ?, ?)", row).rowcount == 1
        if is_new:
            self._on_new(message_id, body)  # yours to do; in the same transaction if it must happen exactly once
        return 204

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def _is_signed(self, signed: bytes, signatures: str) -> bool:
        wanted = [hmac.digest(key, signed, hashlib.sha256) for key in self._keys]
        is_good = False
        for signature in signatures.split():
            version, _, text = signature.partition(",")
            try:
                given = base64.b64decode(text, validate=True)
            except (binascii.Error, ValueError):
                continue
            for one in wanted:
                is_good |= version == "v1" and hmac.compare_digest(one, given)
        return is_good


def line(message_id: str, body: bytes) -> str:
    """What is printed of a message."""
    try:
        event = json.loads(body)
        data = event["data"]
        return f"{message_id}  {event['type']}  {data.get('msgtype', 'digest')}  {data['headline']!r}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{message_id}  {len(body)} bytes"


def serve(receiver: Receiver, port: int) -> ThreadingHTTPServer:
    """A server on 127.0.0.1 that is not running yet; port 0 finds a free one."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # keeps connections open
        timeout = 30

        def do_POST(self) -> None:
            length = self.headers.get("content-length", "")
            if not (length.isascii() and length.isdigit() and len(length) <= 9 and int(length) <= MAX_BODY):
                self.close_connection = True
                self._answer(400)
                return
            body = self.rfile.read(int(length))
            self._answer(receiver.take({name.lower(): value for name, value in self.headers.items()}, body))

        def _answer(self, status: int) -> None:
            self.send_response(status)
            if status != 204:
                self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """One line a message is enough."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A sender that breaks off sends the message again."""

    return Server(("127.0.0.1", port), Handler)


def main() -> None:
    """Receive until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Receive tocsin's webhooks on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=9099)
    parser.add_argument("--secret-file", type=Path, required=True, help="one whsec_... a line")
    parser.add_argument("--db", default="received.db", help="where messages are kept")
    options = parser.parse_args()
    secrets = options.secret_file.read_text().split()
    if not secrets:
        parser.error(f"{options.secret_file}: expected a secret, found an empty file")
    receiver = Receiver(secrets, options.db)
    server = serve(receiver, options.port)
    print(f"listening on http://127.0.0.1:{server.server_address[1]}/", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()
        print(f"{receiver.requests} requests, {receiver.distinct} messages", flush=True)
        receiver.close()


if __name__ == "__main__":
    main()
