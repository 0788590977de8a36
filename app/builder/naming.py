"""What stands in a statement of names for the ids that turn out to be needed. Apart: its parent needs no Arrow."""

ANY_ID = "00000000-0000-0000-0000-000000000000"
