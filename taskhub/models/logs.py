"""What tasks have logged while they ran."""

from typing import ClassVar

from django.db import models

from taskhub.models.base import TaskHubModel
from taskhub.models.ids import new_id


class TaskLog(TaskHubModel):
    """
    Some lines that one attempt has logged, in order.

    Not a foreign key: who deletes results deletes these by their ids, in batches.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    result_id = models.UUIDField()
    attempt = models.PositiveSmallIntegerField()
    #: A list for each line: when (ISO 8601), level, logger, text.
    lines = models.JSONField(default=list)

    class Meta:
        indexes: ClassVar = [
            # A result's log, on its page; and what goes with a result.
            models.Index(fields=["result_id", "id"], name="taskhub_log_of_result"),
        ]

    def __str__(self) -> str:
        return f"{self.result_id} ({self.attempt})"
