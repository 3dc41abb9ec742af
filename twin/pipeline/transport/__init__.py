"""How bundles cross scheduled contacts: the plan, the way, the queue at the antenna, the synchronization module."""
