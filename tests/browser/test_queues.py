"""Queues and nodes in a browser, with a real worker."""

import pytest
from playwright.sync_api import expect

from taskhub.models import Node, QueueState
from taskhub.operations.queues import Queue
from tests import tasks
from tests.browser.axe import assert_accessible
from tests.browser.conftest import fits
from tests.factories import MessageFactory, QuarantinedMessageFactory
from tests.servers import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def queues(admin):
    """Open the list of queues."""
    return admin("taskhub_queuestate_changelist")


def buttons(page, queue):
    return page.get_by_role("list", name=queue, exact=True).first


@pytest.mark.any_size
def test_a_queue_is_paused_and_resumed(queues, start_node):
    assert fits(queues)
    assert_accessible(queues)
    buttons(queues, "mail").get_by_role("link", name="Pause").click()
    queues.get_by_label("Reason").fill("The provider is <down>.")
    assert_accessible(queues)
    queues.get_by_role("button", name="Pause").click()

    expect(queues.get_by_text("“mail” is paused.")).to_be_visible()
    expect(queues.get_by_text("The provider is <down>.")).to_be_visible()
    assert_accessible(queues)
    waiting = tasks.send.enqueue("a@example.org")
    other = tasks.add.enqueue(1, 2)
    start_node("--processes=1")
    assert other.get(timeout=30) == 3
    assert not waiting.row.is_finished

    buttons(queues, "mail").get_by_role("button", name="Resume").click()

    expect(queues.get_by_text("“mail” is active again.")).to_be_visible()
    assert waiting.get(timeout=30)
    queues.get_by_role("link", name="History").click()
    expect(queues.get_by_text("Paused. The provider is <down>.")).to_be_visible()
    expect(queues.get_by_text("Resumed.")).to_be_visible()


@pytest.mark.any_size
def test_waiting_results_are_moved_and_purged(queues):
    for address in ("a", "b", "c"):
        tasks.send.enqueue(address)

    buttons(queues, "mail").get_by_role("link", name="Move").click()
    queues.get_by_label("To:").select_option("default/other")
    queues.get_by_label("Results").select_option(label="tests.tasks.send: 3")
    assert fits(queues)
    queues.get_by_role("button", name="Move").click()
    expect(queues.get_by_text("Moved 3 results of tests.tasks.send")).to_be_visible()

    buttons(queues, "other").get_by_role("link", name="Purge").click()
    expect(queues.get_by_text("Waiting now: 3.")).to_be_visible()
    queues.get_by_label("Type the queue's name").fill("mail")
    queues.get_by_role("button", name="Purge").click()
    expect(queues.get_by_text("name is “other”")).to_be_visible()
    assert_accessible(queues)
    queues.get_by_label("Type the queue's name").fill("other")
    queues.get_by_role("button", name="Purge").click()

    expect(queues.get_by_text("Cancelled 3 waiting results")).to_be_visible()
    assert Queue("other").waiting.count() == 0
    assert QueueState.objects.count() == 2


@pytest.mark.any_size
def test_a_node_is_resized_and_made_quiet(admin, page, start_node):
    process = start_node("--processes=1")
    wait_until(lambda: Node.objects.exists(), "its row")
    name = Node.objects.get().name
    admin("taskhub_node_change", name)
    assert fits(page)
    assert_accessible(page)

    page.get_by_role("link", name="Resize").click()
    page.get_by_label("Worker processes").fill("2")
    page.get_by_role("button", name="Resize").click()
    expect(page.get_by_text("will have 2 worker processes")).to_be_visible()
    wait_until(lambda: Node.objects.get().processes == 2, "two processes")

    page.get_by_role("link", name=name).first.click()
    page.get_by_role("link", name="Quiet").click()
    page.get_by_role("button", name="Quiet").click()
    expect(page.get_by_text("takes no new tasks")).to_be_visible()
    expect(page.get_by_text("Quiet", exact=True)).to_be_visible()
    assert_accessible(page)
    wait_until(lambda: "Quiet, as requested" in process.log, "the order")


def test_a_quarantined_message_is_shown_and_its_retry_is_refused(admin, page, config):
    said = MessageFactory(kwargs={"b": "x" * 500})
    message = QuarantinedMessageFactory(
        message_id=str(said.id), body=b"\x01" + b"y" * 900
    )

    admin("taskhub_quarantinedmessage_change", message.pk)

    expect(page.get_by_text("It would be refused again")).to_be_visible()
    assert fits(page)
    assert_accessible(page)
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_text("the message can only be deleted")).to_be_visible()
