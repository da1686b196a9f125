"""Saved filters: what somebody looks for again and again."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class SavedFilter(models.Model):
    """A selection of results under a name, for one user or for all."""

    name = models.CharField(_("name"), max_length=100)
    #: The name that its owner signs in with.
    owner = models.CharField(_("owner"), max_length=150)
    is_shared = models.BooleanField(_("for everybody"), default=False)
    #: As in the address of the list of results.
    query = models.TextField(_("filter"), default="")

    class Meta:
        verbose_name = _("saved filter")
        verbose_name_plural = _("saved filters")
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["owner", "name"], name="taskhub_one_filter_of_a_name"
            ),
        ]

    def __str__(self) -> str:
        return self.name
