"""Which neighbour a bundle goes to next: the fewest hops over the contacts of the plan, ties by name.

Static: a contact plan without alternatives needs no more. Times, volumes and failures do not enter yet.
"""

from __future__ import annotations

from collections import deque

from twin.pipeline.transport.contact_plan import ContactPlan


def route(plan: ContactPlan, source: str, destination: str) -> tuple[str, ...] | None:
    """Nodes from `source` to `destination`, both included, over as few hops as possible; None if no contacts lead
    there.
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
