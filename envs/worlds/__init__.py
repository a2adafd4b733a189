"""The worlds themselves, one module each: configuration, compiled kernel, drawing."""
