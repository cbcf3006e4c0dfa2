"""The media types that this service reads and writes."""

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"  # RFC 7396
PROBLEM = "application/problem+json"  # RFC 9457
CSV = "text/csv"  # RFC 4180
TSV = "text/tab-separated-values"
PLAIN = "text/plain"
OLD_EXCEL = "application/vnd.ms-excel"  # what browsers say of CSV too, where Excel is installed
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SVG = "image/svg+xml"  # SVG 2, appendix P
NDJSON = "application/x-ndjson"
MULTIPART = "multipart/form-data"
# What the form of a web page sends, from any site (the HTML standard, `enctype`).
FORMS = ("application/x-www-form-urlencoded", MULTIPART, "text/plain")
