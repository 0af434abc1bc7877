"""Settings: sources in order, and every fault named at once."""

from pathlib import Path

import pytest

from schemas.errors import SettingsError
from streams.settings import DEFAULT_BROKER, DeliverySettings, Secret, load


def _write(folder: Path, text: str) -> Path:
    path = folder / "tocsin.toml"
    path.write_text(text, "utf-8")
    return path


def test_defaults_need_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A laptop without a file or a variable runs on the embedded log."""
    monkeypatch.chdir(tmp_path)
    settings = load({})
    assert (settings.broker, settings.is_embedded, settings.partitions) == (DEFAULT_BROKER, True, 8)


def test_command_line_beats_environment_beats_file(tmp_path: Path) -> None:
    """The nearer to the person, the stronger."""
    file = _write(tmp_path, 'broker = "kafka://file:1"\napp_id = "from-file"\npartitions = 2\n')
    environ = {"TOCSIN_BROKER": "kafka://env:1", "TOCSIN_PARTITIONS": "3"}
    settings = load(environ, broker="kafka://flag:1", file=file)
    assert (settings.broker, settings.app_id, settings.partitions) == ("kafka://flag:1", "from-file", 3)


def test_all_faults_are_reported_together(tmp_path: Path) -> None:
    """One run tells everything that must be mended: where, found, expected."""
    file = _write(tmp_path, 'broker = "redis://x"\npartitions = "many"\ncolour = 1\n')
    with pytest.raises(SettingsError) as caught:
        load({"TOCSIN_APP_ID": "a b"}, file=file)
    faults = "\n".join(caught.value.faults)
    assert f'{file}: broker: expected embedded://DIR or kafka://HOST:PORT, found "redis://x"' in faults
    assert f"{file}: partitions: expected `int`, got `str`, found 'many'" in faults
    assert f"{file}: colour: unknown setting; known are app_id, " in faults
    assert "TOCSIN_APP_ID: expected `str` matching regex" in faults
    assert len(caught.value.faults) == 4


@pytest.mark.parametrize("url", ["embedded://", "kafka://", "tocsin-data", "http://x"])
def test_a_broker_must_be_reachable_by_its_address(url: str) -> None:
    """Half an address is refused before anything starts."""
    with pytest.raises(SettingsError, match="--broker: broker: expected"):
        load({}, broker=url)


def test_a_missing_or_broken_file_is_named(tmp_path: Path) -> None:
    """A file named on the command line must exist and be TOML."""
    with pytest.raises(SettingsError, match=r"no\.toml: No such file"):
        load({}, file=tmp_path / "no.toml")
    with pytest.raises(SettingsError, match=r"tocsin\.toml: expected TOML"):
        load({}, file=_write(tmp_path, "= ="))


SASL = {
    "TOCSIN_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "TOCSIN_KAFKA_USERNAME": "desk",
    "TOCSIN_KAFKA_PASSWORD": "planted-secret",
}


def test_a_table_of_the_file_and_the_environment_make_one_kafka(tmp_path: Path) -> None:
    """Every field of [kafka] has a variable, which is stronger."""
    file = _write(tmp_path, '[kafka]\nusername = "file"\nsasl_mechanism = "PLAIN"\nreplication_factor = 3\n')
    kafka = load(SASL, broker="kafka://a:1", file=file).kafka
    assert (kafka.security_protocol, kafka.username, kafka.sasl_mechanism, kafka.replication_factor) == (
        "SASL_SSL",
        "desk",
        "PLAIN",
        3,
    )
    assert kafka.password == Secret("planted-secret")


def test_a_password_comes_from_a_file(tmp_path: Path) -> None:
    """As containers mount it; the line end is not part of it."""
    secret = tmp_path / "password"
    secret.write_text("from-file\n")
    environ = {key: value for key, value in SASL.items() if key != "TOCSIN_KAFKA_PASSWORD"}
    settings = load(environ | {"TOCSIN_KAFKA_PASSWORD_FILE": str(secret)}, broker="kafka://a:1")
    assert settings.kafka.password is not None
    assert settings.kafka.password.reveal() == "from-file"


def test_a_secret_shows_in_no_repr() -> None:
    """Neither alone nor inside settings, however they are printed."""
    settings = load(SASL, broker="kafka://a:1")
    assert "planted-secret" not in f"{settings!r} {settings} {settings.kafka.password} {settings.kafka.password!r}"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('[kafka]\npassword = "planted-secret"\n', "kafka.password: no place for a secret; name a file"),
        ('[kafka]\nsecurity_protocol = "TLS"\n', "kafka.security_protocol: invalid enum value"),
        ("[kafka]\ncolour = 1\n", "kafka.colour: unknown setting; known are kafka.ca_file, "),
        ("kafka = 1\n", "kafka: expected a table, found int"),
        ('broker = "kafka://me:planted-secret@a:1"\n', "broker: expected no user or password in an address"),
        ('broker = "redis://me:planted-secret@a:1"\n', "broker: expected no user or password in an address"),
        ('broker = "kafka://a:1"\n[kafka]\nsecurity_protocol = "SASL_SSL"\n', "kafka.username: expected a user"),
        ('broker = "kafka://a:1"\n[kafka]\nusername = "u"\n', "kafka.username: PLAINTEXT has no users"),
        ('broker = "kafka://a:1"\n[kafka]\nca_file = "x"\n', "kafka.ca_file: PLAINTEXT is not encrypted"),
        (
            'broker = "kafka://a:1"\n[kafka]\nrequest_timeout_s = 20\n',
            "kafka.request_timeout_s: expected at least the session's 30 s, found 20",
        ),
        (
            'broker = "kafka://a:1"\n[kafka]\nreplication_factor = 1\nmin_insync_replicas = 2\n',
            "kafka.min_insync_replicas: expected at most the 1 copies",
        ),
    ],
)
def test_faults_of_kafka_settings_are_named_without_secrets(tmp_path: Path, text: str, fault: str) -> None:
    """Where, found, expected; and never the password itself."""
    with pytest.raises(SettingsError) as caught:
        load({}, file=_write(tmp_path, text))
    assert fault in str(caught.value)
    assert "planted-secret" not in str(caught.value)


def test_an_empty_or_missing_password_file_is_named(tmp_path: Path) -> None:
    """A secret that was not mounted must not become an empty password."""
    environ = {key: value for key, value in SASL.items() if key != "TOCSIN_KAFKA_PASSWORD"}
    (tmp_path / "empty").touch()
    for name, fault in (("empty", "expected a password, found nothing"), ("none", "No such file")):
        with pytest.raises(SettingsError, match=fault):
            load(environ | {"TOCSIN_KAFKA_PASSWORD_FILE": str(tmp_path / name)}, broker="kafka://a:1")


def test_delivery_is_told_by_file_and_environment(tmp_path: Path) -> None:
    """Every field of [delivery] has a variable, which is stronger; lists have commas there."""
    file = _write(tmp_path, '[delivery]\nallow = ["10.0.0.0/8"]\ntimeout_s = 5\nnotifier = "alone"\n')
    environ = {
        "TOCSIN_DELIVERY_ALLOW": "127.0.0.1/32, hooks.internal,",
        "TOCSIN_DELIVERY_PORTS": "443,8443",
        "TOCSIN_DELIVERY_KEY": "planted-secret",
    }
    assert load(environ, file=file).delivery == DeliverySettings(
        allow=("127.0.0.1/32", "hooks.internal"),
        ports=(443, 8443),
        timeout_s=5.0,
        notifier="alone",
        key=Secret("planted-secret"),
    )


def test_an_empty_key_is_none() -> None:
    """As a variable is left behind by a script."""
    assert load({"TOCSIN_DELIVERY_KEY": ""}).delivery.key is None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            'key = "planted-secret"',
            "delivery.key: no place for a secret; name a file in delivery.key_file, or set TOCSIN_",
        ),
        ('notifier = "both"', "delivery.notifier: invalid enum value 'both'"),
        ("timeout_s = 0.0", "delivery.timeout_s: expected `float` >= 0.1"),
        ("retry_scale = 0", "delivery.retry_scale: expected `float` > 0.0"),
        ("max_in_flight = 0", "delivery.max_in_flight: expected `int` >= 1"),
        ("ports = []", "delivery.ports: expected `array` of length >= 1"),
        ("ports = [80, 70000]", "delivery.ports: expected `int` <= 65535"),
        ('allow = "10.0.0.0/8"', "delivery.allow: expected `array`, got `str`"),
        (
            'allow = ["::1", "10.1.2.3/8"]',
            "delivery.allow[1]: expected a network such as 10.0.0.0/8 without host bits, or a host name in ASCII, "
            'found "10.1.2.3/8"',
        ),
        ('allow = ["http://hooks.internal"]', "delivery.allow[0]: expected a network such as 10.0.0.0/8, or a host"),
        ('allow = ["127.1"]', "delivery.allow[0]: expected a network such as 10.0.0.0/8, or a host"),
        ('allow = ["*.internal"]', "delivery.allow[0]: expected a network such as 10.0.0.0/8, or a host"),
        ("colour = 1", "delivery.colour: unknown setting; known are delivery.allow, delivery.key_file, "),
    ],
)
def test_faults_of_delivery_settings_are_named_without_secrets(tmp_path: Path, text: str, fault: str) -> None:
    """Where, found, expected; and never the key itself."""
    with pytest.raises(SettingsError) as caught:
        load({}, file=_write(tmp_path, f"[delivery]\n{text}\n"))
    assert fault in str(caught.value)
    assert "planted-secret" not in str(caught.value)


def test_the_key_shows_in_no_repr() -> None:
    """Neither alone nor inside settings, however they are printed."""
    settings = load({"TOCSIN_DELIVERY_KEY": "planted-secret"})
    assert "planted-secret" not in f"{settings!r} {settings} {settings.delivery} {settings.delivery.key}"
