"""The catalogue of mutants fits the code, so that `make mutants` can run them."""

import pytest
from django.conf import settings

from tests.mutants.catalogue import MUTANTS


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_mutant_fits_the_code(mutant):
    assert mutant.fault(settings.BASE_DIR) is None


def test_every_mutant_has_a_unique_name():
    names = [mutant.name for mutant in MUTANTS]

    assert len(names) == len(set(names))
