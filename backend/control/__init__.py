"""The control of one backend: what it serves, how it does, its log, start and stop; over HTTP, for who watches it."""
