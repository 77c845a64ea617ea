"""The foot of a group: how fresh the page is, and the shortcuts."""
