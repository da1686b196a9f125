"""Small modules that everything may import; they import only `taskhub.exceptions`."""
