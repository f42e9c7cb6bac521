"""The server's side: who may come in, the fold, the canon, the history, what is due to whom."""
