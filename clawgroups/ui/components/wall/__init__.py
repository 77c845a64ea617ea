"""The wall: every sub-agent of a group on one screen."""
