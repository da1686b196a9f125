"""Log lines of tasks."""

from typing import ClassVar

from django.db import models

from taskhub.models.base import TaskHubModel
from taskhub.models.ids import new_id


class TaskLog(TaskHubModel):
    """
    Consecutive log lines of one attempt.

    `result_id` is not a foreign key: taskhub deletes the logs of results in batches.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    result_id = models.UUIDField()
    attempt = models.PositiveSmallIntegerField()
    #: A list for each line: time (ISO 8601), level, logger, text.
    lines = models.JSONField(default=list)

    class Meta:
        indexes: ClassVar = [
            # The log on a result's page, and deleting the logs of results.
            models.Index(fields=["result_id", "id"], name="taskhub_log_of_result"),
        ]

    def __str__(self) -> str:
        return f"{self.result_id} ({self.attempt})"
