"""
Delete results that rows of the site may refer to.

A result is kept if a foreign key protects it, by `on_delete` or in the database.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import IntegrityError, models
from django.db.models import Exists, OuterRef, Q
from django.db.models.deletion import DO_NOTHING, PROTECT, RESTRICT

from taskhub.models import TaskLog, TaskResult
from taskhub.models.base import results_database

logger = logging.getLogger(__name__)


@dataclass
class Deletion:
    """How many results were deleted, the ids of those that were kept, and why."""

    deleted: int = 0
    kept: list[UUID] = field(default_factory=list)
    reason: str = ""


def delete_results(pks: Sequence[UUID]) -> Deletion:
    """
    Delete results and their logs; keep results that the database or a model protects.

    Block for a few statements, and for some more for each result that is kept.

    Within a caller's transaction, a result that only the database protects makes this
    transaction fail, at its commit or at the next statement.
    """
    deletion = Deletion()
    _delete(pks, deletion)
    if deletion.kept:
        logger.warning(
            "Kept %d results, the first is %s: %s",
            len(deletion.kept),
            deletion.kept[0],
            deletion.reason,
        )
    return deletion


def _delete(pks: Sequence[UUID], deletion: Deletion) -> None:
    try:
        _count, by_model = TaskResult.writing.filter(pk__in=pks).delete()
    except IntegrityError as error:
        if len(pks) == 1:
            deletion.kept += pks
            # Leave out the objects that Django adds, of which there may be many.
            deletion.reason = str(error.args[0] if error.args else error)
            return
        half = len(pks) // 2
        _delete(pks[:half], deletion)
        _delete(pks[half:], deletion)
        return
    deletion.deleted += by_model.get(TaskResult._meta.label, 0)
    TaskLog.writing.filter(result_id__in=pks).delete()


def protecting_relations() -> "list[models.ForeignObjectRel]":
    """Return the foreign keys of the site that can prevent a deletion."""
    return [
        relation
        for relation in TaskResult._meta.get_fields(include_hidden=True)
        if isinstance(relation, models.ManyToOneRel) and _protects(relation)
    ]


def _protects(relation: models.ManyToOneRel) -> bool:
    if relation.on_delete is DO_NOTHING:
        return bool(getattr(relation.field, "db_constraint", True))
    return relation.on_delete in (PROTECT, RESTRICT)


def relation_label(relation: models.ForeignObjectRel) -> str:
    """Return the name of a foreign key: app.Model.field."""
    return f"{relation.related_model._meta.label}.{relation.field.name}"


def is_referred_to(relations: "Sequence[models.ForeignObjectRel]") -> Q:
    """Return the condition that a row refers to a result by one of these keys."""
    condition = Q()
    for relation in relations:
        model: Any = relation.related_model
        rows = model._base_manager.using(results_database())
        condition |= Q(Exists(rows.filter(**{relation.field.name: OuterRef("pk")})))
    return condition
