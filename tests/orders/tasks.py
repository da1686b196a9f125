"""Tasks of a site whose rows refer to results."""

from django.apps import apps

from taskhub import task


@task(keep="none", takes_context=True)
def place_order(context):
    """Create an order that refers to a result with `keep="none"`."""
    # Not imported, since the suite's default settings do not install the app.
    apps.get_model("orders.Order").objects.create(result_id=context.task_result.id)
    return "placed"
