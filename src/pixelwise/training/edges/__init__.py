"""The boundary network: a task of the same training loop."""
