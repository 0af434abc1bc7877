"""The webhook channel: what it sends, how long it may be, and which endpoints it takes."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import standardwebhooks
import svix.webhooks
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from agents.delivery import signing
from agents.delivery.channels import Answer, Fault, Result
from agents.delivery.channels.webhook import Webhook
from schemas.alert import (
    Alert,
    Change,
    Confidence,
    EscalationFacts,
    Match,
    MessageType,
    Novelty,
    OfficialFacts,
    PersonFacts,
    RoleChangeFacts,
    StatementFacts,
    Status,
    Story,
)
from schemas.delivery import Cause, Credentials, SigningKey, Verdict
from schemas.detection import (
    Evidence,
    MatchStatus,
    OfficialMention,
    RoleEvent,
    Speaker,
    SpeakerType,
    StatementKind,
    TenureStatus,
    Via,
)
from schemas.event import Span
from schemas.routing import NotificationKind
from tests.agents.delivery.webhook_jobs import (
    OTHER_SECRET,
    SECRET,
    URL,
    a_delivery,
    a_job,
    an_endpoint,
    an_item,
    request_of,
    result_of,
)
from tests.builders import NOON, an_alert


def some_evidence(exact: str = "The bridge is closed", **changes: Any) -> Evidence:
    """Where the words stand."""
    fields: dict[str, Any] = {
        "source": "sample-news",
        "item": "item-1",
        "entry": "en_1",
        "revision": 1,
        "text_sha256": "0" * 64,
        "section": "body",
        "exact": exact,
        "prefix": "",
        "suffix": ".",
        "start": 0,
        "end": len(exact),
        "published_at": NOON,
        "observed_at": NOON,
    }
    return Evidence(**(fields | changes))


def a_statement(text: str) -> StatementFacts:
    """A statement without a known speaker."""
    return StatementFacts(
        id="st_1", kind=StatementKind.DIRECT, novelty=Novelty.NEW, text=text, speaker=None, attribution="unresolved"
    )


def as_json(value: msgspec.Struct) -> Any:
    """The value as a reader of JSON sees it."""
    return json.loads(msgspec.json.encode(value))


def body_of(alert: Alert) -> dict[str, Any]:
    """The body that is sent for an alert; it must not be too long."""
    body = request_of(a_job(alert)).body
    assert len(body) < 20_000
    return json.loads(body)  # type: ignore[no-any-return]


def test_an_alert_is_sent_as_a_cloudevent() -> None:
    """All attributes of the alert, the subscription, and the data as it is."""
    alert = an_alert(evidence=(some_evidence(),))

    assert body_of(alert) == {
        "specversion": "1.0",
        "id": "msg_1",
        "type": "tocsin.statement.new.v1",
        "source": "/detectors/statements",
        "subject": "story/story-1/statement/st_1",
        "time": "2026-03-14T12:00:00Z",
        "recordedtime": "2026-03-14T12:00:00Z",
        "partitionkey": "story/story-1",
        "sequence": "0000000001",
        "severitytext": "WATCH",
        "severitynumber": 11,
        "datacontenttype": "application/json",
        "dataschema": "https://tocsin.example/schemas/statement.new/1.json",
        "subscription": "sub_1",
        "data": as_json(alert.data),
    }


def test_attribute_names_are_those_that_cloudevents_allows() -> None:
    """Lower-case letters and digits only, whatever is set."""
    alert = msgspec.structs.replace(an_alert(status=Status.DRILL), traceparent="00-1-2-01")
    job = a_job(alert, delivery=a_delivery(alert, hidden=3))

    body = json.loads(request_of(job).body)

    assert (body["traceparent"], body["hidden"], body["data"]["status"]) == ("00-1-2-01", 3, "drill")
    assert [name for name in body if not (name.isascii() and name.isalnum() and name == name.lower())] == []


def test_the_headers_are_those_of_standard_webhooks() -> None:
    """The id is the message's, the time is the attempt's in whole seconds, and one signature is there."""
    call = request_of(a_job())

    assert (call.method, call.url, call.is_paced) == ("POST", URL, True)
    assert call.headers == {
        "content-type": "application/cloudevents+json; charset=utf-8",
        "user-agent": "tocsin",
        "webhook-id": "msg_1",
        "webhook-timestamp": "1773489610",
        "webhook-signature": signing.sign(
            [SigningKey(secret=SECRET)], message_id="msg_1", at=NOON + timedelta(seconds=10), body=call.body
        ),
    }


def test_a_later_attempt_sends_the_same_bytes_under_the_same_id() -> None:
    """Only the time and the signature are renewed."""
    first = request_of(a_job())
    later = request_of(a_job(at=NOON + timedelta(hours=5), number=4, may_have_arrived=True))

    assert later.body == first.body
    assert {name for name in first.headers if first.headers[name] != later.headers[name]} == {
        "webhook-timestamp",
        "webhook-signature",
    }


@pytest.mark.parametrize("secret", [SECRET, OTHER_SECRET])
@pytest.mark.parametrize("library", [standardwebhooks.Webhook, svix.webhooks.Webhook])
def test_outside_libraries_accept_what_is_sent_during_a_rotation(library: Any, secret: str) -> None:
    """Both libraries verify with the new secret and with the old one."""
    now = datetime.now(UTC)
    keys = (SigningKey(secret=SECRET), SigningKey(secret=OTHER_SECRET, until=now + timedelta(hours=24)))
    call = request_of(a_job(at=now, credentials=Credentials(url=URL, keys=keys)))

    seen = library(secret).verify(call.body, dict(call.headers))  # raises where nothing fits

    assert seen in (None, json.loads(call.body))


@pytest.mark.parametrize("library", [standardwebhooks.Webhook, svix.webhooks.Webhook])
def test_outside_libraries_refuse_the_old_secret_after_its_end(library: Any) -> None:
    """Once the rotation is over the old secret verifies nothing."""
    now = datetime.now(UTC)
    keys = (SigningKey(secret=SECRET), SigningKey(secret=OTHER_SECRET, until=now - timedelta(seconds=1)))
    call = request_of(a_job(at=now, credentials=Credentials(url=URL, keys=keys)))

    with pytest.raises(Exception, match="No matching signature"):
        library(OTHER_SECRET).verify(call.body, dict(call.headers))


@pytest.mark.parametrize("library", [standardwebhooks.Webhook, svix.webhooks.Webhook])
def test_outside_libraries_refuse_one_changed_byte(library: Any) -> None:
    """The signature covers the body to the byte."""
    now = datetime.now(UTC)
    call = request_of(a_job(at=now))
    flipped = call.body.replace(b"bridge", b"bridgf", 1)

    with pytest.raises(Exception, match="No matching signature"):
        library(SECRET).verify(flipped, dict(call.headers))


def test_own_headers_are_added() -> None:
    """`header.<Name>` goes out as given."""
    call = request_of(a_job(endpoint=an_endpoint(header__Authorization="Bearer abc")))

    assert call.headers["Authorization"] == "Bearer abc"


def test_a_recipient_reads_the_message_as_routing_says() -> None:
    """The type and the headline of the item stand in the data, the rest is the alert's."""
    alert = an_alert(msgtype=MessageType.UPDATE, version=2, references=("msg_0",))
    item = an_item(alert, msgtype=MessageType.ALERT, headline="Corrected attribution: x")

    body = json.loads(request_of(a_job(alert, delivery=a_delivery(alert, items=(item,)))).body)

    assert body["data"] == {
        **as_json(alert.data), "msgtype": "alert", "headline": "Corrected attribution: x",
    }  # fmt: skip


def test_a_digest_lists_its_items() -> None:
    """One CloudEvent of its own type under the notification's id."""
    alert = an_alert()
    items = (an_item(alert), an_item(alert, message_id="msg_2", headline="The ferry runs"))
    delivery = a_delivery(
        alert, kind=NotificationKind.DIGEST, items=items, message_id="nt_1", withdrawn=2, hidden=1, story=""
    )

    body = json.loads(request_of(msgspec.structs.replace(a_job(alert, delivery=delivery), alert=None)).body)

    item = {
        "message_id": "msg_1",
        "alert_id": "al_1",
        "version": 1,
        "msgtype": "alert",
        "type": "tocsin.statement.new.v1",
        "severity": 11,
        "headline": "Jane Roe: “The bridge is closed”",
        "story": "story-1",
        "time": "2026-03-14T12:00:00Z",
        "reason": "sent",
    }
    assert body == {
        "specversion": "1.0",
        "id": "nt_1",
        "type": "tocsin.digest.v1",
        "source": "/routing",
        "subject": "subscription/sub_1",
        "time": "2026-03-14T12:00:00Z",
        "subscription": "sub_1",
        "datacontenttype": "application/json",
        "data": {
            "headline": "2 alerts held back, 2 withdrawn before",
            "items": [item, {**item, "message_id": "msg_2", "headline": "The ferry runs"}],
            "count": 2,
            "hidden": 1,
            "withdrawn": 2,
            "status": "actual",
        },
    }


def test_a_long_digest_says_how_many_there_were() -> None:
    """What does not fit is left out; the count is of all."""
    alert = an_alert()
    items = tuple(an_item(alert, message_id=f"msg_{n}", headline="Ünterwegs " * 20) for n in range(300))
    delivery = a_delivery(alert, kind=NotificationKind.DIGEST, items=items)

    body = request_of(msgspec.structs.replace(a_job(alert, delivery=delivery), alert=None)).body

    data = json.loads(body)["data"]
    assert len(body) < 20_000
    assert (data["count"], data["truncated"], data["items"][0]["message_id"]) == (300, True, "msg_0")


def test_a_long_body_first_leaves_out_weaker_evidence() -> None:
    """The strongest evidence and all texts stay whole, and `dataref` leads to the rest."""
    evidence = tuple(some_evidence("The bridge is closed. " * 100, revision=n) for n in range(1, 12))
    matched = tuple(Match(rule=f"r_{n}", version=1, evidence=n, spans=(Span(0, 3),)) for n in range(3))
    alert = an_alert(evidence=evidence, matched=matched, statement=a_statement("The bridge is closed. " * 100))

    body = body_of(alert)

    assert body["dataref"] == "/alerts/al_1"
    assert body["data"] == {
        **as_json(alert.data),
        "evidence": [as_json(evidence[0])],
        "matched": [as_json(matched[0])],
        "truncated": True,
    }


def test_a_body_at_the_limit_is_not_shortened() -> None:
    """19,999 bytes go out as they are, one more does not."""
    spare = 19_999 - len(request_of(a_job(an_alert(why=""))).body)

    exact = request_of(a_job(an_alert(why="w" * spare)))
    longer = request_of(a_job(an_alert(why="w" * (spare + 1))))

    assert len(exact.body) == 19_999 and b"truncated" not in exact.body
    assert len(longer.body) < 19_999 and b'"truncated":true' in longer.body


def test_long_texts_are_cut_at_a_code_point() -> None:
    """What is left is a beginning of the text and an ellipsis, and ids are whole."""
    alert = an_alert(statement=a_statement("𝕏é" * 20_000), evidence=(some_evidence("𝕏" * 30_000),))

    body = body_of(alert)

    text = body["data"]["statement"]["text"]
    assert text.endswith("…") and ("𝕏é" * 20_000).startswith(text[:-1])
    assert (body["id"], body["data"]["alert_id"], body["data"]["truncated"]) == ("msg_1", "al_1", True)


@pytest.mark.parametrize("filling", ["\x01" * 50_000, "𝕏" * 50_000, '"\\' * 25_000, "\ud800" * 50_000])
def test_the_worst_alert_still_fits(filling: str) -> None:
    """Everything that is a text is long and every list is, and the body stays below the limit."""
    evidence = some_evidence(
        filling, source=filling, item=filling, entry=filling, prefix=filling, suffix=filling, url=filling,
        section=filling, origin=filling, text_sha256=filling,
    )  # fmt: skip
    speaker = Speaker(
        type=SpeakerType.PERSON, name=filling, surface=filling, role=filling, handle=filling, person_id=filling
    )
    statement = msgspec.structs.replace(
        a_statement(filling),
        speaker=speaker,
        joint=(speaker,) * 9,
        via=(Via(name=filling, type=filling),) * 9,
        cue=filling,
        pieces=(filling,) * 50,
        attribution=filling,
        on_behalf_of=filling,
        extends=filling,
        superseded_by=filling,
        differs_from=filling,
        possible_same_as=(filling,) * 50,
        id=filling,
    )
    alert = an_alert(
        headline=filling,
        why=filling,
        story=Story(id=filling, title=filling, url=filling),
        evidence=(evidence,) * 20,
        matched=tuple(Match(rule=filling, version=1, evidence=0, spans=(Span(0, 1),) * 500) for _ in range(20)),
        references=("msg_0",) * 5_000,
        statement=statement,
        change=Change(was=filling, now=filling, material=(filling,) * 20),
        escalation=EscalationFacts(
            ladder=filling,
            channel=filling,
            from_level=0,
            to_level=1,
            score_permille=1,
            threshold=1,
            support_entries=1,
            terms=(filling,) * 90,
            proposed=filling,
        ),
        official=OfficialFacts(
            mention=OfficialMention(
                span=Span(0, 1),
                surface=filling,
                name=filling,
                status=TenureStatus.CURRENT,
                match=MatchStatus.MATCHED,
                person_id=filling,
                post=filling,
                candidates=(filling,) * 90,
                reasons=(filling,) * 90,
                basis=filling,
                jurisdiction=filling,
            ),
            change=RoleChangeFacts(
                event=RoleEvent.RESIGNED,
                post=filling,
                post_id=filling,
                incoming=PersonFacts(id=filling, name=filling),
                outgoing=PersonFacts(id=filling, name=filling),
                cause=filling,
                status=filling,
            ),
        ),
        withdrawn_by=filling,
        confidence=Confidence(permille=1, reasons=(filling,) * 90),
        alert_id=filling,
        suppressed={f"{n}{filling[:100]}": 1 for n in range(3_000)},
    )
    alert = msgspec.structs.replace(alert, subject=filling, source=filling, partitionkey=filling)

    body = body_of(alert)

    assert body["data"]["truncated"] is True


@hypothesis_settings(max_examples=60)
@given(st.text(max_size=300), st.text(max_size=300), st.integers(0, 400))
def test_any_text_gives_json_below_the_limit(headline: str, words: str, times: int) -> None:
    """Whatever stands in an alert, the body is UTF-8 JSON, short enough, and the same when built again."""
    alert = an_alert(headline=headline, statement=a_statement(words * times))

    first, second = request_of(a_job(alert)).body, request_of(a_job(alert)).body

    assert first == second
    assert len(first) < 20_000 and json.loads(first)["id"] == "msg_1"


def test_what_is_answered_decides() -> None:
    """A status and a fault come to what the rules of answers say, and one request is made."""
    calls, gone = result_of(a_job(), Answer(status=410))
    _, timeout = result_of(a_job(), Fault(cause=Cause.TIMEOUT, may_have_arrived=True))

    assert len(calls) == 1
    assert (gone.verdict, gone.status) == (Verdict.GONE, 410)
    assert (timeout.verdict, timeout.may_have_arrived) == (Verdict.OVERLOADED, True)


@pytest.mark.parametrize(
    ("changes", "verdict", "cause"),
    [
        ({"credentials": Credentials(keys=(SigningKey(secret=SECRET),))}, Verdict.REFUSED, Cause.INVALID_ADDRESS),
        ({"credentials": Credentials(url=URL)}, Verdict.FAILED, Cause.UNREADABLE_CREDENTIALS),
        (
            {"credentials": Credentials(url=URL, keys=(SigningKey(secret=SECRET, until=NOON),))},
            Verdict.FAILED,
            Cause.UNREADABLE_CREDENTIALS,
        ),
    ],
)
def test_without_an_address_or_a_valid_key_nothing_is_sent(
    changes: dict[str, Any], verdict: Verdict, cause: Cause
) -> None:
    """An unsigned message never leaves."""
    calls, result = result_of(a_job(**changes))

    assert (calls, result.verdict, result.cause) == ([], verdict, cause)


def test_without_its_alert_a_message_is_not_sent() -> None:
    """It is tried again; the alert may still come."""
    calls, result = result_of(msgspec.structs.replace(a_job(), alert=None))

    assert calls == []
    assert result == Result(verdict=Verdict.FAILED, cause=Cause.MISSING_ALERT, detail="the alert was not found")


GOOD = Credentials(url=URL, keys=(SigningKey(secret=SECRET),))


@pytest.mark.parametrize(
    "url",
    [
        URL,
        "https://hooks.example",
        "https://hooks.example:8443/in?k=3&z=%20",
        "https://HOOKS.Example/",
        "https://münchen.example/x",
        "https://[2606:4700::1111]/x",
        "http://127.0.0.1:9099/",
        "http://[::1]:9099/",
    ],
)
def test_good_addresses(url: str) -> None:
    """HTTPS anywhere, plain HTTP on this machine."""
    assert Webhook().faults(an_endpoint(), msgspec.structs.replace(GOOD, url=url)) == []


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        (None, "url: expected https://..., found none"),
        ("", "url: expected https://..., found none"),
        ("hooks.example/in", "url: expected https:// and a host, found none"),
        ("https:///in", "url: expected https:// and a host, found none"),
        ("https://[::1/in", "url: expected https:// and a host, found none"),
        ("https://hooks.example:99999/", "url: expected https:// and a host, found none"),
        ("file:///etc/passwd", "url: expected https:// and a host, found none"),
        ("gopher://hooks.example/", "url: expected https://..., found another scheme"),
        ("http://hooks.example/", 'url: expected https://... (or insecure_http = "yes"), found http'),
        ("http://localhost/", 'url: expected https://... (or insecure_http = "yes"), found http'),
        ("https://u:p@hooks.example/", "url: expected no user name or password, found one"),
        ("https://@hooks.example/", "url: expected no user name or password, found one"),
        ("https://hooks.example/#x", "url: expected no fragment, found one"),
        ("https://hooks.example/#", "url: expected no fragment, found one"),
        (
            "http://169.254.169.254:8888\\@hooks.example/",
            "url: expected no spaces, control characters or backslashes, found one",
        ),
        ("https://hooks.example/\n", "url: expected no spaces, control characters or backslashes, found one"),
        (" https://hooks.example/", "url: expected no spaces, control characters or backslashes, found one"),
        ("https://hooks.example/\x00", "url: expected no spaces, control characters or backslashes, found one"),
        ("https://hooks.example/" + "x" * 3_000, "url: expected at most 2048 characters, found 3022"),
    ],
)
def test_bad_addresses(url: str | None, fault: str) -> None:
    """Each is told in words; the address itself, which may be secret, is not repeated."""
    assert Webhook().faults(an_endpoint(), msgspec.structs.replace(GOOD, url=url)) == [fault]


def test_plain_http_may_be_asked_for() -> None:
    """`insecure_http` allows it anywhere."""
    credentials = msgspec.structs.replace(GOOD, url="http://hooks.example/")

    assert Webhook().faults(an_endpoint(insecure_http="yes"), credentials) == []


def test_keys_must_be_there_and_good() -> None:
    """At least one, and each as Standard Webhooks wants them; none is shown."""
    none = Webhook().faults(an_endpoint(), Credentials(url=URL))
    bad = Webhook().faults(
        an_endpoint(), Credentials(url=URL, keys=(SigningKey(secret=SECRET), SigningKey(secret="whsec_c2hvcnQ=")))
    )

    assert none == ["keys: expected at least one signing secret, found none"]
    assert bad == ["keys[1].secret: expected whsec_ and 24 to 64 bytes in base64, found 5 bytes"]


@pytest.mark.parametrize("name", ["Authorization", "X-Desk", "Cookie", "x_y.z"])
def test_headers_of_ones_own(name: str) -> None:
    """Any other name is good."""
    assert Webhook().faults(an_endpoint(**{f"header.{name}": "a value, with spaces"}), GOOD) == []


@pytest.mark.parametrize(
    "name",
    "Host host Content-Type content-length Content-Encoding webhook-id Webhook-Signature webhook-x Connection "
    "Keep-Alive Proxy-Authenticate Proxy-Authorization Proxy-Connection TE Trailer Transfer-Encoding Upgrade Expect "
    "User-Agent Accept-Encoding".split(),
)
def test_headers_that_are_not_ones_own(name: str) -> None:
    """What frames the request, signs it or belongs to the connection cannot be set."""
    faults = Webhook().faults(an_endpoint(**{f"header.{name}": "x"}), GOOD)

    assert faults == [f"settings.header.{name}: expected a header of your own, found one that is set by tocsin"]


@pytest.mark.parametrize(
    ("settings", "count"),
    [
        ({"header.X-A": "a\r\nHost: evil.example"}, 1),
        ({"header.X-A": "a\x00"}, 1),
        ({"header.X-A": "ä"}, 1),
        ({"header.X-A": "a" * 2_001}, 1),
        ({"header.X A": "a"}, 1),
        ({"header.X-A\r\nHost": "a"}, 1),
        ({"header.": "a"}, 1),
        ({"header.X-A": "a", "header.x-a": "b"}, 1),
        ({f"header.X-{n}": "a" for n in range(21)}, 1),
        ({"insecure_http": "true"}, 1),
        ({"insecure-http": "yes"}, 1),
        ({"insecure-http": "yes", "header.Host": "\n"}, 3),
    ],
)
def test_bad_settings(settings: dict[str, str], count: int) -> None:
    """Each fault is told once, in one line, without the value."""
    faults = Webhook().faults(an_endpoint(**settings), GOOD)

    assert len(faults) == count
    assert [fault for fault in faults if "\n" in fault or "evil" in fault] == []


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://hooks.example/in/k3y?token=s3cret", "https://hooks.example/…"),
        ("https://u:p@hooks.example:8443/", "https://hooks.example/…"),
        ("http://[::1]:9099/x", "http://[::1]/…"),
        ("https://[::1", ""),
        ("", ""),
    ],
)
def test_the_address_for_people_hides_what_may_be_secret(url: str, shown: str) -> None:
    """Scheme and host only."""
    assert Webhook().shown(an_endpoint(), Credentials(url=url)) == shown


@given(st.text() | st.text().map("https://".__add__), st.dictionaries(st.text(), st.text(), max_size=4))
def test_any_text_may_be_an_address_or_a_setting(url: str, settings: dict[str, str]) -> None:
    """No text raises, and every fault is one line."""
    endpoint = an_endpoint(**settings)
    credentials = msgspec.structs.replace(GOOD, url=url)

    faults = [*Webhook().faults(endpoint, credentials), Webhook().shown(endpoint, credentials)]

    assert [fault for fault in faults if "\n" in fault] == []
