"""An app of a site whose rows refer to results; see tests.orders_settings."""
