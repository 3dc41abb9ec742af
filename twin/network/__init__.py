"""Makes contact plans: from the geometry of a habitat under the sky, or from a script."""
