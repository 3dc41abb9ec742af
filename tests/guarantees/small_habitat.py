"""The smallest habitat that a test flies: one monitor that sends a frame every five minutes, and one edge."""

HABITAT = """\
habitat:
  site: jezero
  crew: 1
  devices:
    - {kind: vitals_monitor, sample_period: 60 s, frame_period: 5 min}
  edge_nodes: 1
network:
  stations: [DSS-14, DSS-43, DSS-63]
pipeline: {suite: hmac-sha256}
"""
