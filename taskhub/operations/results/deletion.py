"""
Deleting results to which rows of the site may refer.

A site's foreign key may forbid it, by `on_delete` or in the database. Such a result is
kept, and the others go: one row that somebody refers to must not keep all.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import IntegrityError, models
from django.db.models import Exists, OuterRef, Q
from django.db.models.deletion import DO_NOTHING, PROTECT, RESTRICT

from taskhub.models import TaskLog, TaskResult, TaskResultQuerySet
from taskhub.models.base import results_database

logger = logging.getLogger(__name__)


@dataclass
class Deletion:
    """What became of results that were to be deleted."""

    deleted: int = 0
    #: Those to which something refers, and in words what that is.
    kept: list[UUID] = field(default_factory=list)
    reason: str = ""


def delete_results(pks: Sequence[UUID]) -> Deletion:
    """
    Delete results and their logs; keep those that the database, or a model, protects.

    Blocks for a few statements, and for some more for each that is kept. Within a
    caller's transaction, what the database itself refuses is the caller's error.
    """
    deletion = Deletion()
    _delete(pks, deletion)
    if deletion.kept:
        logger.warning(
            "Kept %d results, beginning with %s: %s",
            len(deletion.kept),
            deletion.kept[0],
            deletion.reason,
        )
    return deletion


def _delete(pks: Sequence[UUID], deletion: Deletion) -> None:
    alias = results_database()
    rows = TaskResultQuerySet(TaskResult, using=alias).filter(pk__in=pks)
    try:
        _count, by_model = rows.delete()
    except IntegrityError as error:
        if len(pks) == 1:
            deletion.kept += pks
            # Django's own tells of the rows as well, which may be many.
            deletion.reason = str(error.args[0] if error.args else error)
            return
        half = len(pks) // 2
        _delete(pks[:half], deletion)
        _delete(pks[half:], deletion)
        return
    deletion.deleted += by_model.get(TaskResult._meta.label, 0)
    TaskLog.objects.using(alias).filter(result_id__in=pks).delete()


def protecting_relations() -> "list[models.ForeignObjectRel]":
    """Return the foreign keys of the site that keep results from being deleted."""
    return [
        relation
        for relation in TaskResult._meta.get_fields(include_hidden=True)
        if isinstance(relation, models.ManyToOneRel) and _protects(relation)
    ]


def _protects(relation: models.ManyToOneRel) -> bool:
    if relation.on_delete is DO_NOTHING:
        return bool(getattr(relation.field, "db_constraint", True))
    return relation.on_delete in (PROTECT, RESTRICT)


def name_of(relation: models.ForeignObjectRel) -> str:
    """Return the name of a foreign key: app.Model.field."""
    return f"{relation.related_model._meta.label}.{relation.field.name}"


def is_referred_to(relations: "Sequence[models.ForeignObjectRel]") -> Q:
    """Return whether a result is one to which one of these foreign keys refers."""
    found = Q()
    for relation in relations:
        model: Any = relation.related_model
        rows = model._base_manager.using(results_database())
        found |= Q(Exists(rows.filter(**{relation.field.name: OuterRef("pk")})))
    return found
