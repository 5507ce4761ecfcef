"""`page4d rejoin`: one camera path out of windows that a network has predicted."""
