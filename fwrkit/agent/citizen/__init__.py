"""The citizen's side, on every client and for the server's own world: watching, the record, sending and receiving."""
