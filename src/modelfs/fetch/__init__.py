"""Other machines: what sources offer, and how its bytes come here, checked and never in vain.

The only room that talks to the network. It yields listings and verified files; it knows neither
the catalogue nor what becomes of a file.
"""
