"""The pages of nodes: their state, the actions and the permissions."""

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from taskhub.models import Node
from tests.factories import NodeFactory, TaskResultFactory

pytestmark = pytest.mark.django_db

LIST = "/admin/taskhub/node/"


def url_of(verb, *nodes):
    query = "&".join(f"name={node.name}" for node in nodes)
    return f"{reverse('admin:taskhub_node_do', args=[verb])}?{query}"


def do(client, verb, *nodes, **values):
    """Submit the form of an action; return the page that follows."""
    response = client.post(url_of(verb, *nodes), values, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def detail(client, node):
    url = reverse("admin:taskhub_node_change", args=[node.name])
    return client.get(url).content.decode()


def history():
    entries = LogEntry.objects.order_by("pk")
    return [(entry.object_repr, entry.get_change_message()) for entry in entries]


def test_each_process_is_shown_with_its_running_results(admin_client):
    node = NodeFactory(name="web-1")
    run = TaskResultFactory(running=True, worker_ids=["web-1:2"])

    page = detail(admin_client, node)

    assert "web-1:2 &middot; process 2 &middot; 30 MiB" in page
    assert reverse("admin:taskhub_taskresult_change", args=[run.pk]) in page


def test_the_list_shows_the_state_of_each_node(admin_client):
    for fields in ({"silent": True}, {"is_quiet": True}, {"is_to_stop": True}, {}):
        NodeFactory(**fields)

    page = admin_client.get(LIST).content.decode()

    for word in ("Silent", "Quiet", "Stopping", "Present"):
        assert f">{word}<" in page
    assert "4 nodes" in page.replace("\n", " ").replace("    ", "")


def test_more_nodes_need_no_more_queries(admin_client, django_assert_num_queries):
    NodeFactory()
    # User (2), silent nodes and running results (2), count and rows (2).
    with django_assert_num_queries(2 + 2 + 2):
        admin_client.get(LIST)
    NodeFactory.create_batch(20)
    with django_assert_num_queries(2 + 2 + 2):
        admin_client.get(LIST)


def test_quiet_and_resume(admin_client):
    node = NodeFactory(name="web-1")

    page = do(admin_client, "quiet", node, reason="A deploy.")
    assert "“web-1” takes no new tasks." in page
    assert Node.objects.get().is_quiet
    assert "“web-1” takes new tasks again." in do(admin_client, "resume", node)
    assert not Node.objects.get().is_quiet
    assert history() == [("web-1", "Quieted. A deploy."), ("web-1", "Resumed.")]


def test_resize(admin_client):
    node = NodeFactory(name="web-1")

    for number in ("0", "257", "many", ""):
        assert "errorlist" in do(admin_client, "resize", node, processes=number)
    assert Node.objects.get().wanted_processes is None
    page = do(admin_client, "resize", node, processes="4", reason="Monday.")

    assert "“web-1” will have 4 worker processes." in page
    assert Node.objects.get().wanted_processes == 4
    assert history() == [("web-1", "Resized to 4 processes. Monday.")]


def test_stop(admin_client):
    node = NodeFactory(name="web-1")

    assert (
        "The node takes no new tasks"
        in admin_client.get(url_of("stop", node)).content.decode()
    )
    assert not Node.objects.get().is_to_stop
    assert "“web-1” will stop" in do(admin_client, "stop", node, reason="")

    assert Node.objects.get().is_to_stop
    assert history() == [("web-1", "Stop requested.")]


def test_actions_of_the_list_apply_to_several_nodes(admin_client):
    nodes = NodeFactory.create_batch(3)
    chosen = {"_selected_action": [node.name for node in nodes[:2]]}

    response = admin_client.post(LIST, chosen | {"action": "resize_selected"})
    assert response.url == url_of("resize", *nodes[:2])
    do(admin_client, "resize", *nodes[:2], processes="2", reason="")
    response = admin_client.post(LIST, chosen | {"action": "stop_selected"})
    assert response.url == url_of("stop", *nodes[:2])
    response = admin_client.post(LIST, chosen | {"action": "quiet_selected"})
    do(admin_client, "quiet", *nodes, reason="")
    admin_client.post(LIST, chosen | {"action": "resume_selected"})

    assert list(Node.objects.values_list("wanted_processes", "is_quiet")) == [
        (2, False),
        (2, False),
        (None, True),
    ]
    assert len(history()) == 2 + 3 + 2


def test_an_action_on_a_node_that_has_ended_is_refused(admin_client):
    gone = NodeFactory.build(name="gone")

    page = admin_client.post(url_of("resume", gone), follow=True).content.decode()

    assert "The row no longer exists." in page
    assert admin_client.post(url_of("explode", gone)).status_code == 404


def test_html_in_a_node_name_is_escaped(admin_client):
    node = NodeFactory(name="<script>alert(1)</script>")

    pages = [
        admin_client.get(LIST).content.decode(),
        admin_client.get(
            reverse("admin:taskhub_node_do", args=["stop"]), {"name": node.name}
        ).content.decode(),
    ]

    assert all("<script>alert" not in page for page in pages)


def test_view_permission_shows_no_buttons_and_allows_no_actions(staff):
    client = staff("view_node")
    node = NodeFactory()

    assert "stop_selected" not in client.get(LIST).content.decode()
    assert "taskhub-stop" not in detail(client, node)
    for verb in ("quiet", "resume", "resize", "stop"):
        assert client.get(url_of(verb, node)).status_code == 403
        assert client.post(url_of(verb, node), {"processes": 2}).status_code == 403
    node.refresh_from_db()
    assert (node.is_quiet, node.is_to_stop, node.wanted_processes) == (
        False,
        False,
        None,
    )


def test_operating_requires_operate_and_view_permission(staff):
    client = staff("view_node", "operate_node")
    node = NodeFactory()

    assert "stop_selected" in client.get(LIST).content.decode()
    page = detail(client, node)
    assert "taskhub-stop" in page
    assert "taskhub-quiet" in page
    assert "taskhub-resume" not in page
    assert status_without_view_permission(client, node) == 403


def status_without_view_permission(client, node):
    """Take away the view permission; return the status of an action."""
    user = client.get(LIST).context["user"]
    user.user_permissions.set(user.user_permissions.filter(codename="operate_node"))
    return client.post(url_of("quiet", node), {"reason": ""}).status_code
