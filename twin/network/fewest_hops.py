"""The shortest way through a contact plan, whenever its contacts are: what scenarios are judged by before they run."""

from __future__ import annotations

from collections import deque

from twin.pipeline.transport.contact_plan import ContactPlan


def fewest_hops(plan: ContactPlan, source: str, destination: str) -> tuple[str, ...] | None:
    """Nodes from `source` to `destination`, both included, over as few hops as possible, ties by name; None if no
    contacts lead there.
    """
    came_from = {source: source}
    queue = deque([source])
    while queue:
        node = queue.popleft()
        if node == destination:
            path = [node]
            while path[-1] != source:
                path.append(came_from[path[-1]])
            return tuple(reversed(path))
        for neighbour in plan.neighbours(node):
            if neighbour not in came_from:
                came_from[neighbour] = node
                queue.append(neighbour)
    return None
