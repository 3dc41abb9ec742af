"""Twenty minutes of two people, for tests of the command line."""

SMALL = """
name: small
start: 2033-03-10T10:00:00Z
duration: 20 min
seed: 5
habitat:
  site: jezero
  crew: 2
  devices:
    - {kind: vitals_monitor, per: crew, sample_period: 5 s, frame_period: 60 s}
  edge_nodes: 2
"""
