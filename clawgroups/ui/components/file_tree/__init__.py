"""The folders of a workspace, as the browser shows them."""
