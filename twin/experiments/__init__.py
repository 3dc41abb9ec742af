"""Scenario -> world, machines and host -> a run and what it leaves."""
