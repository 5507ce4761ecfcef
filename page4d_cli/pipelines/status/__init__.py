"""`page4d status`: how far a folder of many results has come."""
