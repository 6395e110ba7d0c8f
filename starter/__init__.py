"""How the starter model is drawn, captioned, trained, measured and exported. The application does not need it."""
