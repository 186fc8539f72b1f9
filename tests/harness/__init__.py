"""What integration tests and the demo are made of: private servers, load, storms of DDL, comparison, and mbe itself."""
