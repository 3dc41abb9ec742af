"""Campaigns against the guarantees: draw a case from a seed, try it, and shrink what breaks.

| file | idea |
|---|---|
| `case` | a scenario as plain data, complete in itself |
| `faults`, `knobs` | what a seed adds to it |
| `trial` | one run of a case: what broke, if anything |
| `shrink` | the smallest case that still breaks the same |
| `campaign` | seeds in order, by several processes, until they or the time are over |
| `page` | the report of what was found |
| `findings` | what a campaign leaves on disk, and goes on from |
"""
