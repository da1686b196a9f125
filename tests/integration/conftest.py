"""Fixtures of the integration tests."""

import pytest
from django.contrib.auth.models import Permission, User


@pytest.fixture
def staff(client):
    """A function that logs in a staff user with the named permissions."""

    def staff(*permissions):
        user = User.objects.create_user("staff", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        client.force_login(user)
        return client

    return staff
