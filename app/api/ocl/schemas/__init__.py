"""What this face says of its own bodies and operations."""
