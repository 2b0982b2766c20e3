"""The command line: one file per command; `pixelwise.cli.main` is the entry point."""
