"""The control room in the browser: NiceGUI pages around elements that are fed by the feed and the API."""
