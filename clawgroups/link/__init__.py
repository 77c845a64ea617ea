"""The link: the wire between the dispatcher and its runners. Knows messages, never what they lead to."""
