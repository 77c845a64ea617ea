"""The menu of the person who looks at the page."""
