from __future__ import annotations

from twin.network.fewest_hops import fewest_hops
from twin.pipeline.transport.contact_plan import Contact, ContactPlan


def test_routes_have_the_fewest_hops_and_ties_go_by_name():
    hops = [("a", "c"), ("c", "d"), ("a", "b"), ("b", "d"), ("d", "e")]
    plan = ContactPlan([Contact(*hop, 0, 1, 1, ((0, 0),)) for hop in hops])
    assert fewest_hops(plan, "a", "e") == ("a", "b", "d", "e")
    assert fewest_hops(plan, "a", "a") == ("a",)
    assert fewest_hops(plan, "e", "a") is None
