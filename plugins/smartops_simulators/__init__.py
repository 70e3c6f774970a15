"""Local stand-ins for the platforms that SmartOps talks to, for tests and for trying it out.

One package for each platform. Nothing here is imported by SmartOps when it serves.
"""
