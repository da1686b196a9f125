"""Form fields, widgets and forms that several pages share."""
