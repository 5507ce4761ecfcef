"""`page4d check-data` and `page4d data`: is a data set complete, readable and consistent?"""
