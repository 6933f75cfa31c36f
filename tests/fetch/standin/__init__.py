"""Stand-ins for the services that models come from: real HTTP servers, which misbehave on request.

``serving`` and ``faults`` know no service; each other module is one service.
"""
