"""What the simulated host is made of: links, local network, journal disks, tables, sensors, each with its faults."""
