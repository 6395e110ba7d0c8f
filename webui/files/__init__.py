"""What lies in models/: headers, the catalog, hashes. No torch."""
