"""The editor of a file in a workspace, as the browser shows it."""
