"""PRODUCTION CODE: sans-IO machines. Imports nothing else of `twin`; knows no clock, socket or simulation."""
