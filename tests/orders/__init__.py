"""An app of a site whose rows refer to results; see tests.site_settings.orders."""
