"""The eval suite: cases with their expectations and twins."""
