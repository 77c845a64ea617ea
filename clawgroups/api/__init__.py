"""REST, the feed and the link endpoint: checks what comes in, shows what the dispatcher says."""
