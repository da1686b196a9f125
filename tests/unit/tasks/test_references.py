"""Model instances as arguments: which are refused, and how they are read."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
from django.contrib.auth.models import Group, User
from django.db import models

from taskhub.exceptions import InvalidArguments
from taskhub.tasks.codec import encode
from tests.models import Trace
from tests.unit.tasks.test_codec import sent, taking


@dataclass
class Owner:
    user: User
    group: Group


class OneDatabase:
    """A router that reads from a database that does not exist."""

    def db_for_read(self, model, **hints):
        return "replica"

    def db_for_write(self, model, **hints):
        return "default"


class NothingManager(models.Manager):
    """A manager that finds nothing."""

    def get_queryset(self):
        return super().get_queryset().none()


class Hidden(Trace):
    """A model whose default manager finds nothing."""

    objects: ClassVar = NothingManager()

    class Meta:
        proxy = True
        app_label = "tests"


def test_an_instance_of_another_model_is_refused():
    group = Group(pk=7)
    group._state.adding = False

    with pytest.raises(InvalidArguments, match="Expected `User`, got `Group`"):
        encode(taking(User), False, [group], {})


@pytest.mark.django_db
def test_instances_of_two_models_with_one_key_are_read_for_writing(settings):
    user, group = User.objects.create(pk=7), Group.objects.create(pk=7)
    settings.DATABASE_ROUTERS = [OneDatabase()]

    assert sent(taking(Owner), Owner(user, group)) == Owner(user, group)


@pytest.mark.django_db
def test_an_instance_is_read_even_if_the_default_manager_hides_it():
    trace = Trace.objects.create(label="x", pid=1)

    assert not Hidden.objects.exists()
    assert sent(taking(Hidden), trace.pk).label == "x"
