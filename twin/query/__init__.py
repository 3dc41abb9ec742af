"""Reading Earth's store after a run: vital signs with the proof of each, and the ledger behind them."""

from twin.query.readings import Answer, read

__all__ = ["Answer", "read"]
