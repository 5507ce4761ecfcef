"""One file per command: flags in, one pipeline call, a table or JSON out."""
