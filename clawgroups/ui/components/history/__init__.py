"""All runs there ever were: searched, filtered, and each with a way to the step where the words were found."""
