"""Tables from bytes: CSV, JSON lines and XLSX as shops have them; this room knows neither HTTP nor the database."""
