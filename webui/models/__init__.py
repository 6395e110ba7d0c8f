"""Files → modules on a device. The families, what they are made of, and the manager that keeps them."""
