"""Pictures of what is planned, before anything runs."""
