"""A throw-away certificate authority and one server certificate for 127.0.0.1, by the keytool that comes with Java."""

import os
import subprocess
from pathlib import Path

from deploy.kafka.jars import KafkaError

DAYS = 365
KEY = ["-keyalg", "EC", "-groupname", "secp256r1", "-validity", str(DAYS)]


def make(java: str, folder: Path, password: str) -> tuple[Path, Path]:
    """Write the broker's key store and the authority's certificate; return (store.p12, ca.pem).

    The authority's key is deleted at once: nobody can sign a second certificate with it.
    Raises KafkaError.
    """
    store, ca = folder / "broker.p12", folder / "ca.pem"
    store.unlink(missing_ok=True)
    authority = ["-ext", "bc:critical=ca:true", "-ext", "ku:critical=keyCertSign,cRLSign"]
    server = [
        "-ext",
        "san=ip:127.0.0.1,dns:localhost",
        "-ext",
        "ku:critical=digitalSignature",
        "-ext",
        "eku=serverAuth",
    ]
    for step in (
        ["-genkeypair", "-alias", "ca", "-dname", "CN=tocsin development authority", *KEY, *authority],
        ["-genkeypair", "-alias", "broker", "-signer", "ca", "-dname", "CN=localhost", *KEY, *server],
        ["-exportcert", "-alias", "ca", "-rfc", "-file", str(ca)],
        ["-delete", "-alias", "ca"],
    ):
        _keytool(java, store, password, step)
    store.chmod(0o600)
    return store, ca


def _keytool(java: str, store: Path, password: str, step: list[str]) -> None:
    tool = Path(java).resolve().with_name("keytool")
    if not tool.exists():
        raise KafkaError(f"no keytool beside {tool.parent / 'java'}: certificates cannot be made")
    run = subprocess.run(  # noqa: S603 - the Java's own tool and our own words
        [str(tool), *step, "-keystore", str(store), "-storetype", "PKCS12", "-storepass:env", "TOCSIN_STORE_PASSWORD"],
        env={**os.environ, "TOCSIN_STORE_PASSWORD": password},  # the environment, for arguments are seen by everybody
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if run.returncode:
        raise KafkaError(f"keytool {step[0]} failed: {(run.stdout + run.stderr).strip().splitlines()[0]}")
