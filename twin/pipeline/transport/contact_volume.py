"""How much of a contact is promised away: spans of airtime, by priority.

A promise is a span of the contact in microseconds, not a number of bytes, so that it says when as well as how much:
what comes later finds the gaps that are left, and time that passes unused is gone by itself. A higher priority goes
first at every antenna, so it sees only promises of its own level and above (CCSDS 734.3-B-1, "maximum transmission
volume" by priority), and pushes lower ones back; `overbooked_us` says by how much they no longer fit.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from twin.pipeline.transport.contact_plan import MICROBITS_PER_BYTE, Contact

BULK, NORMAL, EXPEDITED = 0, 1, 2
LEVELS = 3
Span = tuple[int, int]


class _Spans:
    """Disjoint spans `begin <= t < end`, in order; those that touch are one. `total_us` is their length."""

    __slots__ = ("begins", "ends", "total_us")

    def __init__(self) -> None:
        self.begins: list[int] = []
        self.ends: list[int] = []
        self.total_us = 0

    def free_from(self, at_us: int, airtime_us: int) -> int:
        """Earliest instant from `at_us` on at which `airtime_us` touches no span."""
        begins, ends = self.begins, self.ends
        if begins and begins[-1] <= at_us:
            return ends[-1] if ends[-1] > at_us else at_us
        position = bisect_right(ends, at_us)
        while position < len(begins) and begins[position] < at_us + airtime_us:
            at_us = ends[position]
            position += 1
        return at_us

    def add(self, begin_us: int, end_us: int) -> None:
        """Take a span that touches no other from within."""
        begins, ends = self.begins, self.ends
        self.total_us += end_us - begin_us
        if not ends or begin_us > ends[-1]:
            begins.append(begin_us)
            ends.append(end_us)
            return
        position = bisect_left(ends, begin_us)
        joins_before = ends[position] == begin_us
        after = position + joins_before
        joins_after = after < len(begins) and begins[after] == end_us
        if joins_before and joins_after:
            ends[position] = ends.pop(after)
            del begins[after]
        elif joins_before:
            ends[position] = end_us
        elif joins_after:
            begins[after] = begin_us
        else:
            begins.insert(after, begin_us)
            ends.insert(after, end_us)

    def take(self, at_us: int, airtime_us: int, until_us: int) -> Span | None:
        """Add the earliest `airtime_us` from `at_us` on that touches no span, if it ends in time."""
        begins, ends = self.begins, self.ends
        behind_all = begins and begins[-1] <= at_us  # as in a queue that drains
        if behind_all:
            last_us = ends[-1]
            begin_us = last_us if last_us > at_us else at_us
        else:
            begin_us = self.free_from(at_us, airtime_us)
        end_us = begin_us + airtime_us
        if end_us > until_us:
            return None
        if behind_all and begin_us == last_us:
            ends[-1] = end_us
            self.total_us += airtime_us
        else:
            self.add(begin_us, end_us)
        return begin_us, end_us

    def remove(self, begin_us: int, end_us: int) -> None:
        """Give a span back, as far as it has not been forgotten."""
        begins, ends = self.begins, self.ends
        position = bisect_right(ends, begin_us)
        if begin_us == end_us or position == len(begins) or begins[position] >= end_us:
            return
        whole_begin_us, whole_end_us = begins[position], ends[position]
        begin_us = max(begin_us, whole_begin_us)
        self.total_us -= end_us - begin_us
        del begins[position], ends[position]
        for kept_begin_us, kept_end_us in ((end_us, whole_end_us), (whole_begin_us, begin_us)):
            if kept_begin_us < kept_end_us:
                begins.insert(position, kept_begin_us)
                ends.insert(position, kept_end_us)

    def forget(self, before_us: int) -> None:
        """Drop what lies before an instant."""
        begins, ends = self.begins, self.ends
        count = bisect_right(ends, before_us)
        self.total_us -= sum(ends[:count]) - sum(begins[:count])
        del begins[:count], ends[:count]
        if begins and begins[0] < before_us:
            self.total_us -= before_us - begins[0]
            begins[0] = before_us


class ContactVolume:
    """One contact and what is promised of it, as one node knows.

    Attributes:
        contact: the contact; its light time must not fall faster than time passes, so that who leaves later never
            arrives earlier within it (on the sky it changes by less than 1e-4 s per second).
        owlt_us: its light time, None where that changes.
        lowest, highest: priorities between which there may be promises.
    """

    __slots__ = (
        "_end_us",
        "_levels",
        "_since_us",
        "_start_us",
        "contact",
        "highest",
        "lowest",
        "owlt_us",
    )

    def __init__(self, contact: Contact) -> None:
        self.contact = contact
        self.owlt_us = contact.owlt[0][1] if len(contact.owlt) == 1 else None
        self._start_us = contact.start_us
        self._end_us = contact.end_us
        self._since_us = contact.start_us
        self._levels: tuple[_Spans, ...] = ()
        self.lowest = LEVELS
        self.highest = -1

    def earliest(self, at_us: int, size_bytes: int, priority: int) -> Span | None:
        """First and last instant of the earliest transmission from `at_us` on that lies whole inside the contact.

        It keeps clear of promises of this priority and above; a priority of `LEVELS` sees none (the best case).
        """
        airtime_us = -(-size_bytes * MICROBITS_PER_BYTE // self.contact[4])  # contact.airtime_us
        begin_us = at_us if at_us > self._start_us else self._start_us
        if self.lowest < self.highest:
            levels = self._levels[priority:]
            if sum([level.total_us for level in levels]) + airtime_us > self._end_us - self._since_us:
                return None
            tried_us = -1
            while tried_us != begin_us:
                tried_us = begin_us
                for level in levels:
                    begin_us = level.free_from(begin_us, airtime_us)
        elif priority <= self.lowest < LEVELS:
            begin_us = self._levels[self.lowest].free_from(begin_us, airtime_us)
        end_us = begin_us + airtime_us
        return (begin_us, end_us) if end_us <= self._end_us else None

    def take(self, at_us: int, size_bytes: int, priority: int) -> Span | None:
        """What `earliest` finds, promised."""
        if priority == self.lowest == self.highest:
            start_us = self._start_us
            airtime_us = -(-size_bytes * MICROBITS_PER_BYTE // self.contact[4])  # contact.airtime_us
            return self._levels[priority].take(at_us if at_us > start_us else start_us, airtime_us, self._end_us)
        span = self.earliest(at_us, size_bytes, priority)
        if span is not None:
            self.promise(span, priority)
        return span

    def arrival_us(self, end_us: int) -> int:
        """When the last bit of what leaves until `end_us` arrives."""
        return end_us + (self.contact.owlt_us(end_us) if self.owlt_us is None else self.owlt_us)

    def promise(self, span: Span, priority: int) -> None:
        """Take a span that `earliest` has just found."""
        if not priority <= self.lowest <= self.highest <= priority:
            self.lowest, self.highest = min(priority, self.lowest), max(priority, self.highest)
            self._levels = self._levels or tuple([_Spans() for _ in range(LEVELS)])
        self._levels[priority].add(*span)

    def give_back(self, span: Span, priority: int) -> None:
        """What was promised will not be used."""
        if self._levels:
            self._levels[priority].remove(*span)

    def promised_us(self, priority: int = BULK) -> int:
        """Airtime promised to this priority and above."""
        return sum([level.total_us for level in self._levels[priority:]])

    @property
    def overbooked_us(self) -> int:
        """Airtime of lower priorities that higher ones have pushed out of the contact."""
        return max(0, self.promised_us() - (self._end_us - self._since_us))

    def forget(self, before_us: int) -> None:
        """Keep no account of the time before an instant: it is over."""
        if before_us >= self._end_us:
            self._levels = ()
            self.lowest, self.highest = LEVELS, -1
        elif before_us > self._since_us:
            self._since_us = before_us
            for level in self._levels:
                level.forget(before_us)
