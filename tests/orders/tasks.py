"""Tasks of a site whose rows refer to results."""

from django.apps import apps

from taskhub import task


@task(keep="none", takes_context=True)
def place_order(context):
    """Refer to a result that nobody else wants to keep."""
    # Not imported: the suite's own settings do not have that app.
    apps.get_model("orders.Order").objects.create(result_id=context.task_result.id)
    return "placed"
