"""What this face says of itself in OpenAPI 3.1: ``PATHS`` and ``SCHEMAS`` of each module, in a file of its own."""
