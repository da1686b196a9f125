"""Model instances as arguments: which are refused, and how they are read."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
from django.contrib.auth.models import AnonymousUser, Group, User
from django.db import InterfaceError, OperationalError, models
from django.utils.functional import SimpleLazyObject

from taskhub.exceptions import InvalidArguments, ReferenceGone
from taskhub.tasks.codec import decode, encode
from tests.models import Trace
from tests.unit.tasks.test_codec import anything, sent, taking


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

    with pytest.raises(
        InvalidArguments, match="type Group, and would arrive as type User"
    ):
        encode(taking(User), False, [group], {})
    with pytest.raises(
        InvalidArguments, match=r"^args\[0\]\['user'\] is of type Group"
    ):
        encode(taking(Owner), False, [Owner(group, group)], {})


def test_the_user_of_a_request_is_an_instance():
    """`request.user` is a lazy object."""
    user = User(pk=7)
    user._state.adding = False
    lazy = SimpleLazyObject(lambda: user)

    assert encode(taking(User), False, [lazy], {}).args == [7]
    with pytest.raises(
        InvalidArguments, match=r"type User, .*\(value: User\), or pass"
    ):
        encode(anything, False, [lazy], {})
    with pytest.raises(InvalidArguments, match="a value of type AnonymousUser, which"):
        encode(taking(User), False, [SimpleLazyObject(AnonymousUser)], {})


@pytest.mark.django_db
@pytest.mark.parametrize("annotation", [list[User] | None, Owner | None])
def test_none_does_not_stand_for_more_than_an_instance(annotation):
    user, group = User.objects.create(pk=7), Group.objects.create(pk=7)
    value = Owner(user, group) if annotation == Owner | None else [user]
    encoded = encode(taking(annotation), False, [value], {})
    User.objects.all().delete()

    with pytest.raises(ReferenceGone, match=r"User 7 is gone\."):
        decode(taking(annotation), False, encoded.args, {})


@pytest.mark.parametrize("error", [InterfaceError, OperationalError])
def test_an_error_of_the_database_is_not_one_of_the_value(monkeypatch, error):
    """MariaDB and older drivers raise InterfaceError if the connection is closed."""

    def fail(*args):
        raise error("The connection is closed.")

    monkeypatch.setattr(User._base_manager, "using", fail)

    with pytest.raises(error):
        decode(taking(User), False, [7], {})


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
