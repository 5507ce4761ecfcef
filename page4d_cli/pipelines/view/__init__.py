"""`page4d view`: a run in a browser, served or as one file."""
