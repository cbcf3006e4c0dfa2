"""The data: tables, their rules, queries and operations. Nothing here knows of HTTP."""
