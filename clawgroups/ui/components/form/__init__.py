"""A form that is sent to the API, and whose words are not lost."""
