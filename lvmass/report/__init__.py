"""What a page shows: tables, prose helpers, figures, published numbers, and the builder of the book."""
