"""Hosts carry a machine's effects out and bring events in: the same dispatcher, different carriers."""
