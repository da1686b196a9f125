"""Quarantined messages are shown, pushed again or deleted, on every broker."""

import hmac
from hashlib import sha256

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.urls import reverse

from taskhub import operations
from taskhub.brokers import get_broker
from taskhub.exceptions import BadMessage, BrokerError
from taskhub.messages import Depth, Envelope, derive_key, seal
from taskhub.models import QuarantinedMessage, Status, TaskResult
from tests.factories import (
    MessageFactory,
    QuarantinedMessageFactory,
    TaskResultFactory,
    now,
)

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/admin/taskhub/quarantinedmessage/"


def change(message):
    return reverse("admin:taskhub_quarantinedmessage_change", args=[message.pk])


def push_url(message):
    return reverse("admin:taskhub_quarantinedmessage_push", args=[message.pk])


def history():
    entries = LogEntry.objects.order_by("pk")
    return [(entry.object_repr, entry.get_change_message()) for entry in entries]


@pytest.fixture
def on_redis(config):
    """The config of a broker whose messages are bytes."""
    if get_broker(config).lives_in_rows:
        pytest.skip("in the database broker, a message is a row")
    return config


@pytest.fixture
def embedded(configure):
    return configure(broker_url="database://")


def quarantine(message, key, **fields):
    """Create a quarantined message, signed with the key."""
    return QuarantinedMessageFactory(
        message_id=str(message.id),
        queue_name=message.queue_name,
        body=seal(message, key),
        **fields,
    )


def test_a_message_is_run_after_its_signing_key_is_back(on_redis, drain):
    # The message has no row; a row would be pushed again, with the new key.
    said = MessageFactory(args=[1, 2], durable=False)
    body = seal(said, derive_key("the key before"))
    get_broker(on_redis).push([Envelope(said.id, "default", 0, None, body)])
    drain()
    message = QuarantinedMessage.objects.get()
    assert not TaskResult.objects.exists()

    operations.quarantine.push(message)
    assert get_broker(on_redis).depth("default") == Depth(ready=1)
    assert not QuarantinedMessage.objects.exists()
    drain(SECRET_KEY_FALLBACKS="the key before")

    row = TaskResult.objects.get()
    assert (row.pk, row.status) == (said.id, Status.SUCCESSFUL)
    assert row.return_value == 3


def test_a_message_that_is_refused_again_is_quarantined_again(on_redis, drain):
    message = quarantine(MessageFactory(), derive_key("another key"))

    operations.quarantine.push(message)
    drain()

    again = QuarantinedMessage.objects.get()
    assert again.message_id == message.message_id
    assert bytes(again.body) == bytes(message.body)


def test_pushing_a_message_of_a_finished_result_does_not_run_it_again(on_redis, drain):
    row = TaskResultFactory(args=[1, 2])
    message = quarantine(row.to_message(), derive_key("the key before"))
    TaskResult.objects.filter(pk=row.pk).update(
        status=Status.SUCCESSFUL, finished_at=now(), attempts=1
    )

    operations.quarantine.push(message)
    drain(SECRET_KEY_FALLBACKS="the key before")

    row.refresh_from_db()
    assert row.attempts == 1
    assert not QuarantinedMessage.objects.exists()


def test_pushing_a_message_retries_its_failed_result(config, drain):
    """New code was deployed, in which the task is registered."""
    row = TaskResultFactory(failed=True, args=[1, 2])
    key = config.signing_keys[0]
    body = b"" if get_broker(config).lives_in_rows else seal(row.to_message(), key)
    message = QuarantinedMessageFactory(message_id=str(row.pk), body=body)

    operations.quarantine.push(message)
    drain()

    row.refresh_from_db()
    assert (row.status, row.return_value) == (Status.SUCCESSFUL, 3)
    assert not QuarantinedMessage.objects.exists()


def test_pushing_a_forged_message_does_not_retry_its_result(on_redis):
    row = TaskResultFactory(failed=True)
    message = quarantine(row.to_message(), derive_key("another key"))

    operations.quarantine.push(message)

    row.refresh_from_db()
    assert row.status == Status.FAILED


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"message_id": "no id"}, "Its id is not a UUID"),
        ({"body": b""}, "It was not stored completely"),
        ({"body": bytes(2 * 1024 * 1024)}, "It was not stored completely"),
    ],
)
def test_a_message_that_cannot_be_pushed_stays_in_quarantine(on_redis, fields, reason):
    message = QuarantinedMessageFactory(**fields)

    with pytest.raises(BadMessage, match=reason):
        operations.quarantine.push(message)

    assert QuarantinedMessage.objects.exists()


@pytest.mark.parametrize(
    "payload", [b'["\xff"]', b"[" * 100_000, b"[" + b"9" * 5_000 + b"]"]
)
def test_signed_bytes_that_cannot_be_decoded_can_be_shown_and_pushed(
    on_redis, admin_client, payload
):
    digest = hmac.digest(on_redis.signing_keys[0], b"\x01" + payload, "sha256")
    message = QuarantinedMessageFactory(body=b"\x01" + digest + payload)

    page = admin_client.get(change(message)).content.decode()
    operations.quarantine.push(message)

    assert "It cannot be decoded." in page
    assert get_broker(on_redis).depth("default") == Depth(ready=1)


def test_a_message_of_a_removed_queue_cannot_be_pushed(settings, on_redis):
    settings.TASKS = {"default": settings.TASKS["default"]}
    message = QuarantinedMessageFactory(queue_name="gone")

    with pytest.raises(BadMessage, match="No backend has the queue 'gone' any more"):
        operations.quarantine.push(message)


def test_the_database_broker_cannot_push_a_message_without_its_result(embedded):
    message = QuarantinedMessageFactory(body=b"")

    with pytest.raises(BadMessage, match=r"Its result .* was deleted"):
        operations.quarantine.push(message)


@pytest.mark.parametrize("trait", ["running", "successful"])
def test_the_database_broker_pushes_only_messages_of_failed_results(embedded, trait):
    row = TaskResultFactory(**{trait: True})
    message = QuarantinedMessageFactory(message_id=str(row.pk), body=b"")

    with pytest.raises(BadMessage, match=f"Its result is {trait.upper()}"):
        operations.quarantine.push(message)


def test_a_message_stays_in_quarantine_while_the_broker_is_away(configure):
    configure(broker_url="redis://127.0.0.1:1/0")
    message = QuarantinedMessageFactory()

    with pytest.raises(BrokerError):
        operations.quarantine.push(message)

    assert QuarantinedMessage.objects.exists()


# The pages of the admin.


def test_the_page_shows_a_message_and_that_it_would_be_accepted(on_redis, admin_client):
    message = quarantine(
        MessageFactory(args=["<b>"], kwargs={"user": 7}), on_redis.signing_keys[0]
    )

    page = admin_client.get(change(message)).content.decode()

    assert "A worker would accept it." in page
    assert "&quot;user&quot;: 7" in page
    assert "&lt;b&gt;" in page
    assert "<b>" not in page


@pytest.mark.parametrize(
    ("change_of", "verdict"),
    [
        ({"task_path": "tests.tasks.ad"}, "did you mean &#x27;tests.tasks.add&#x27;"),
        ({"queue_name": "mail"}, "in queue &#x27;mail&#x27;, but came as"),
    ],
)
def test_the_page_says_why_a_message_would_be_refused(
    on_redis, admin_client, change_of, verdict
):
    said = MessageFactory(**change_of)
    message = QuarantinedMessageFactory(
        message_id=str(said.id), body=seal(said, on_redis.signing_keys[0])
    )

    page = admin_client.get(change(message)).content.decode()

    assert "It would be refused again:" in page
    assert verdict in page


def test_the_page_does_not_show_masked_arguments(on_redis, admin_client):
    said = MessageFactory(
        task_path="tests.tasks.sign_in", args=["ada", "hunter2"], kwargs={}
    )
    message = quarantine(said, on_redis.signing_keys[0])

    page = admin_client.get(change(message)).content.decode()

    assert "&quot;ada&quot;" in page
    assert "hunter2" not in page


def cut_short(body):
    return body[:-1]


def of_a_later_version(body):
    return b"\x02" + body[1:33] + b"{" + body[33:]


def longer_than_what_is_kept(body):
    return (body[:-1] + b" " * 2 * 1024 * 1024 + b"}")[: 2 * 1024 * 1024]


@pytest.mark.parametrize(
    "spoil", [cut_short, of_a_later_version, longer_than_what_is_kept]
)
def test_the_bytes_of_a_message_that_cannot_be_decoded_are_not_shown(
    on_redis, admin_client, spoil
):
    """Such bytes may contain masked arguments."""
    said = MessageFactory(
        task_path="tests.tasks.sign_in", args=["ada", "hunter2"], kwargs={}
    )
    body = spoil(seal(said, on_redis.signing_keys[0]))
    message = QuarantinedMessageFactory(message_id=str(said.id), body=body)

    pages = [admin_client.get(url).content.decode() for url in (change(message), LIST)]

    assert not any("hunter2" in page for page in pages)
    assert "It cannot be decoded. Its bytes are not shown." in pages[0]
    assert f"{len(body):,} bytes, SHA-256" in pages[0]
    assert sha256(body).hexdigest() in pages[0]


def test_the_list_reads_no_bodies(admin_client, django_assert_max_num_queries):
    message = QuarantinedMessageFactory()

    with django_assert_max_num_queries(10) as captured:
        page = admin_client.get(LIST).content.decode()

    assert message.message_id in page
    selects = [query["sql"] for query in captured]
    assert any("message_id" in sql for sql in selects)
    body = connection.ops.quote_name("body")
    assert not any(body in sql for sql in selects)


def test_pushing_from_the_page_is_written_to_the_history(on_redis, admin_client):
    message = quarantine(MessageFactory(), on_redis.signing_keys[0])

    assert push_url(message) in admin_client.get(change(message)).content.decode()
    assert admin_client.get(push_url(message)).status_code == 405
    response = admin_client.post(push_url(message), follow=True)

    assert "was pushed to “default” again." in response.content.decode()
    assert get_broker(on_redis).depth("default") == Depth(ready=1)
    assert history() == [(message.message_id, "Retried.")]


def test_each_of_the_selected_messages_is_pushed_separately(on_redis, admin_client):
    good = quarantine(MessageFactory(), on_redis.signing_keys[0])
    bad = QuarantinedMessageFactory(message_id="no id")
    chosen = {"action": "push_selected", "_selected_action": [bad.pk, good.pk]}

    page = admin_client.post(LIST, chosen, follow=True).content.decode()

    assert "“no id”: Its id is not a UUID" in page
    assert "was pushed to “default” again." in page
    assert list(QuarantinedMessage.objects.all()) == [bad]
    assert history() == [(good.message_id, "Retried.")]


def test_view_and_delete_permissions_do_not_allow_pushing(on_redis, staff):
    client = staff("view_quarantinedmessage", "delete_quarantinedmessage")
    message = quarantine(MessageFactory(), on_redis.signing_keys[0])

    assert "push_selected" not in client.get(LIST).content.decode()
    page = client.get(change(message)).content.decode()
    assert push_url(message) not in page
    assert "deletelink" in page
    assert client.post(push_url(message)).status_code == 403
    assert QuarantinedMessage.objects.exists()


def test_retry_permission_does_not_allow_deleting(on_redis, staff):
    client = staff("view_quarantinedmessage", "retry_quarantinedmessage")
    message = quarantine(MessageFactory(), on_redis.signing_keys[0])

    assert "deletelink" not in client.get(change(message)).content.decode()
    assert client.post(push_url(message), follow=True).status_code == 200
    assert not QuarantinedMessage.objects.exists()


def test_retry_permission_without_view_permission_is_not_enough(on_redis, staff):
    message = quarantine(MessageFactory(), on_redis.signing_keys[0])

    client = staff("retry_quarantinedmessage")
    assert client.post(push_url(message)).status_code == 403
