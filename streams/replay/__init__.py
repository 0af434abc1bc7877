"""History run again: replay, verification and backtest. Nothing here writes to a topic that an agent reads."""
