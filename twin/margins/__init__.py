"""Regression before violation: what room a guarantee had left, held against an earlier run or a committed baseline.

| file | idea |
|---|---|
| `margin` | the room that one guarantee had left in one run |
| `change` | one guarantee before and after: what kind of change, and whether it is a loss |
| `tolerance` | how much may be lost |
| `wording` | a change in words |
| `run_diff` | two runs side by side, as a table and as JSON |
| `baseline` | margins that are kept in a file, and runs held against them |
"""
