"""Labels for things: what stands where, as SVG and as ZPL; this room knows neither HTTP nor the database."""
