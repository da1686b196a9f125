"""Constraints for databases that differ."""

from typing import Any

from django.db.models import UniqueConstraint


class PartialUniqueConstraint(UniqueConstraint):
    """
    Unique where the condition holds; whole where there are no partial indexes.

    For columns that are NULL where the condition does not hold, which is the same:
    NULLs are never equal. Django's own would leave MariaDB without any constraint.
    """

    def _fitting(self, schema_editor: Any) -> UniqueConstraint:
        if schema_editor.connection.features.supports_partial_indexes:
            return self
        return UniqueConstraint(fields=self.fields, name=self.name)

    def constraint_sql(self, model: Any, schema_editor: Any) -> Any:
        """Return what the statement of a new table says of it."""
        fitting = self._fitting(schema_editor)
        return UniqueConstraint.constraint_sql(fitting, model, schema_editor)

    def create_sql(self, model: Any, schema_editor: Any) -> Any:
        """Return the statement that adds it."""
        fitting = self._fitting(schema_editor)
        return UniqueConstraint.create_sql(fitting, model, schema_editor)

    def remove_sql(self, model: Any, schema_editor: Any) -> Any:
        """Return the statement that takes it away."""
        fitting = self._fitting(schema_editor)
        return UniqueConstraint.remove_sql(fitting, model, schema_editor)
