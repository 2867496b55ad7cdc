"""The edge: the table of routes, the one Tornado handler, problem bodies, `openapi.json` and events."""
