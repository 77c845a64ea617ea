"""The runners: their process, their connection, who sits where, and what they report."""
