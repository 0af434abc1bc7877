"""Where java and Kafka's jars are: found, or copied once by Maven into a cache."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
POM = Path(__file__).with_name("pom.xml")
JAVA_LEAST = 17
DOWNLOAD_S = 600


class KafkaError(Exception):
    """A cluster cannot be started, stopped or asked. The message is one line for the person at the terminal."""


class Missing(KafkaError):
    """Java, Maven or the jars are not to be had here: nothing is broken, there is just no Kafka on this machine."""


def java() -> str:
    """The path of a Java that runs Kafka 4. Raises Missing."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    if found is None:
        raise Missing(f"no java in {'JAVA_HOME' if home else 'PATH'}: Apache Kafka needs Java {JAVA_LEAST} or newer")
    said = subprocess.run([found, "-version"], capture_output=True, text=True, timeout=30, check=False).stderr  # noqa: S603 - a found java
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < JAVA_LEAST:
        raise Missing(f"{found}: expected Java {JAVA_LEAST} or newer, found {version[1] if version else 'no version'}")
    return found


def libs() -> Path:
    """The folder of jars; the first call copies them with Maven (about 5 s and 44 MB), later calls only look.

    The folder is `libs` under TOCSIN_KAFKA_HOME, else under `.kafka` in the repository. An unpacked Apache Kafka has
    the same shape, and is used as it is. Raises Missing.
    """
    home = Path(os.environ.get("TOCSIN_KAFKA_HOME") or REPOSITORY / ".kafka").absolute()
    folder = home / "libs"
    if _is_usable(folder):
        return folder
    try:
        home.mkdir(parents=True, exist_ok=True)
        with only_one(home / "lock"):
            if not _is_usable(folder):
                _copy(folder)
    except OSError as fault:
        raise Missing(f"{folder}: cannot keep Kafka's jars there: {fault.strerror}") from fault
    return folder


@contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Hold a lock file; wait while another process holds it."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _mark() -> str:
    return hashlib.sha256(POM.read_bytes()).hexdigest()


def _is_usable(folder: Path) -> bool:
    """Complete, and copied for this pom.xml; a folder without our mark is somebody's own Kafka."""
    mark = folder / "pom.sha256"
    if mark.exists():
        return mark.read_text() == _mark()
    return any(folder.glob("kafka_2.13-*.jar"))


def _copy(folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise Missing(f"no mvn in PATH, and no Kafka jars in {folder}: install Maven, or unpack Apache Kafka there")
    new = folder.with_name("libs.new")
    shutil.rmtree(new, ignore_errors=True)
    goal = ["dependency:copy-dependencies", f"-DoutputDirectory={new}"]
    try:
        run = subprocess.run(  # noqa: S603 - a found mvn and our own words
            [maven, "-q", "-B", "--strict-checksums", "-f", str(POM), *goal],
            capture_output=True,
            text=True,
            timeout=DOWNLOAD_S,
            check=False,
        )
    except subprocess.TimeoutExpired as fault:
        raise Missing(f"mvn did not finish within {DOWNLOAD_S} s") from fault
    if run.returncode:
        told = [line for line in (run.stdout + run.stderr).splitlines() if "ERROR" in line]
        raise Missing(f"mvn could not copy Kafka's jars: {told[0] if told else f'exit status {run.returncode}'}")
    (new / "pom.sha256").write_text(_mark())
    shutil.rmtree(folder, ignore_errors=True)
    new.rename(folder)
