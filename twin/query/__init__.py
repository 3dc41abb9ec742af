"""Reading Earth's store after a run: vital signs with the proof of each, and the ledger behind them."""
