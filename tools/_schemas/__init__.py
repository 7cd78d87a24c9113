"""JSON Schemas of what the commands print: `<document>.<number>.json` describes `aic.<document>/<number>`."""
