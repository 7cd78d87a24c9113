"""JSON Schemas of the documents that the commands print: `<document>.<number>.json` describes `aic.<document>/<number>`."""
